import { formatIp } from '../addr/ip.ts'
import { formatMac } from '../addr/mac.ts'
import type { AddressClaimObject } from '../api/address-claim.ts'
import { moveWishOf } from '../api/claim-annotations.ts'
import { conflictOf } from '../api/condition.ts'
import type { Result } from '../result.ts'
import { type Ability, abilityFor } from './ability.ts'
import type { Present } from './assertion.ts'
import {
  announcedPatch,
  type Report,
  recordOf,
  releasePatch,
  reportPatch,
  type StatusPatch,
  saysAnnounced,
  type Tenure,
  takePatch,
} from './claim-status.ts'
import type { Conflicts } from './conflicts.ts'
import { type ClusterFacts, type Electorate, electorateOf } from './facts.ts'
import type { HostFacts } from './host.ts'
import { addressKey } from './layer2/address-key.ts'
import type { Layer2Line } from './layer2/table.ts'
import type { Quorum } from './membership/facts.ts'
import type { ClaimMemory } from './memory.ts'
import { type Contest, decideOwnership, type Hearing, type Ownership } from './ownership.ts'
import { isReporter, reportOf, reportVacancy } from './report.ts'
import type { Inability } from './silence.ts'
import type { Words } from './words.ts'

/** Everything that this node knows and is, except what it remembers. */
export interface SpeakerFacts {
  readonly self: string
  readonly leaving: boolean
  /** --enable-layer2. */
  readonly layer2: boolean
  /** --layer2-subnet-check. */
  readonly subnetCheck: boolean
  /** What nodeAddressOf says of this node. */
  readonly nodeAddress: string | undefined
  readonly cluster: ClusterFacts
  readonly host: HostFacts
  /** The row of the take-over table that this node goes by; of no meaning without membership. */
  readonly quorum: Quorum
  /** Whether the raw socket of an interface does not work. */
  readonly isBroken: (interfaceIndex: number) => boolean
  /** The move by which the addresses are spread more evenly, when it is to this node. */
  readonly rebalance: { readonly claim: string; readonly epoch: number } | undefined
  /** Milliseconds of monotonicMs(), and milliseconds since 1970, read together. */
  readonly nowMs: number
  readonly wallMs: number
}

/** What this node remembers. decideClaim changes it. */
export interface Knowledge {
  readonly memory: ClaimMemory
  readonly words: Words
  readonly conflicts: Conflicts
}

/** What this node does about one claim. */
export interface Decision {
  readonly ownership: Ownership
  /** Who had the address before. */
  readonly present: Present | undefined
  /** The condition that this node has to write. */
  readonly report: Report | undefined
}

/**
 * Decides one claim. This node's own word follows the decision at once: whoever says that it takes an address announces it in the same
 * turn, and tells the peers.
 */
export function decideClaim(claim: AddressClaimObject, facts: SpeakerFacts, knowledge: Knowledge): Decision {
  const { memory, words, conflicts } = knowledge
  const { name } = claim.metadata
  const present = words.present(claim)
  const electorate = electorateOf(claim, facts.cluster)
  const ownership = decideOwnership(contestOf(claim, present, electorate, facts, knowledge))
  speak(claim, ownership, present, facts, knowledge)
  if (isSettled(ownership)) memory.settled(name)
  // The former owner may have said once more that the address is its own before it heard.
  if (ownership.kind === 'take' || present?.node !== facts.self) conflicts.forget(name)
  const report =
    ownership.kind === 'answer' ? conflictReport(claim, facts, conflicts) : silenceReport(claim, ownership, electorate, facts, memory)
  return { ownership, present, report }
}

/** Nobody waits for anything. */
const isSettled = (ownership: Ownership): boolean =>
  ownership.kind === 'answer' ? ownership.wakeInMs === undefined : ownership.kind === 'silent' && ownership.reason === 'owned-elsewhere'

function conflictReport(claim: AddressClaimObject, { self, nowMs, wallMs }: SpeakerFacts, conflicts: Conflicts): Report | undefined {
  const report = conflicts.report(claim, self, nowMs, wallMs)
  return report === undefined || reportPatch(claim, report, '') === undefined ? undefined : report
}

function contestOf(
  claim: AddressClaimObject,
  present: Present | undefined,
  electorate: Electorate,
  facts: SpeakerFacts,
  { memory, conflicts }: Knowledge,
): Contest {
  const { self, cluster, leaving, nowMs } = facts
  const { name } = claim.metadata
  return {
    self,
    leaving,
    address: claim.spec.address,
    ability: ownAbility(claim, facts),
    present,
    moveTo: wishFor(claim, facts),
    membership: hearingOf(name, present, facts, memory),
    challenged: conflicts.challenged(name, nowMs),
    nodes: cluster.nodeNames,
    order: () => memory.order(name, cluster.nodeNames, claim.spec.address, electorate.weightOf),
    complete: electorate.complete,
    eligibility: electorate.eligibility,
    vacantForMs: (vacancy) => memory.vacantForMs(name, vacancy, nowMs) / slownessOf(claim),
  }
}

/** A probe takes as long as the second in the queue waits otherwise, so everybody behind the first waits this many times as long. */
const PROBE_PATIENCE = 6

/** By what the wait of everybody behind the first is stretched. What the first has found in use the others leave to it for good. */
const slownessOf = (claim: AddressClaimObject): number =>
  needsProbe(claim) ? (conflictOf(claim) === undefined ? PROBE_PATIENCE : Number.POSITIVE_INFINITY) : 1

/** Whether the wire has to be asked before the address is given to its first owner. */
export const needsProbe = (claim: AddressClaimObject): boolean =>
  claim.spec.probe === true && claim.spec.protocol === 'layer2' && claim.status?.phase !== 'Active' && recordOf(claim) === undefined

function ownAbility(claim: AddressClaimObject, facts: SpeakerFacts): Result<Ability, Inability> {
  const { subnetCheck, nodeAddress } = facts
  const ability = abilityFor(specHere(claim, facts), facts.host, facts.layer2, { subnetCheck, nodeAddress })
  return ability.ok && facts.isBroken(ability.value.interface.index) ? { ok: false, error: 'no-raw-socket' } : ability
}

/**
 * What the claim means to this node. An owner whose Eip has become one of BGP answers on, where it did, until a session announces the
 * address: it is not let go of before somebody else has it.
 */
function specHere({ spec, status }: AddressClaimObject, { self }: SpeakerFacts): AddressClaimObject['spec'] {
  const owner = status?.owner
  const isWaiting = spec.protocol === 'bgp' && owner?.node === self && (status?.announcers ?? []).length === 0
  return isWaiting ? { ...spec, protocol: 'layer2', interface: owner.interface } : spec
}

function wishFor(claim: AddressClaimObject, { rebalance, self }: SpeakerFacts): Contest['moveTo'] {
  const wish = moveWishOf(claim)
  if (wish !== undefined) return { ...wish, reason: 'moved' }
  return rebalance?.claim === claim.metadata.name ? { node: self, epoch: rebalance.epoch, reason: 'rebalanced' } : undefined
}

function hearingOf(name: string, present: Present | undefined, facts: SpeakerFacts, memory: ClaimMemory): Hearing | undefined {
  const { membership } = facts.cluster
  if (membership === undefined) return undefined
  return { settled: membership.settled, quorum: facts.quorum, ownerHeard: isOwnerHeard(name, present, facts, memory) }
}

/** Whether the owner was heard while this node knew that it owns the address, if only by its word about it. */
function isOwnerHeard(name: string, present: Present | undefined, { cluster, nowMs }: SpeakerFacts, memory: ClaimMemory): boolean {
  if (present === undefined) return true
  const { node, epoch } = present
  const member = cluster.membership?.members.get(node)
  // A speaker that was never heard counts as alive for a while after the start.
  if (member?.alive === true && member.lastSignMs !== undefined) memory.ownerHeard(name, node, epoch)
  return (member?.lastSignMs ?? -Infinity) >= memory.ownedSinceMs(name, node, epoch, nowMs)
}

/** Makes this node's own word what the decision says, and keeps when and why its time with the address began and ended. */
function speak(
  claim: AddressClaimObject,
  ownership: Ownership,
  present: Present | undefined,
  { self, nowMs }: SpeakerFacts,
  { memory, words }: Knowledge,
): void {
  const { name } = claim.metadata
  const { address } = claim.spec
  if (ownership.kind === 'take' && ownership.first === 'announce') {
    const { epoch, departure } = ownership
    memory.setStay(name, { epoch, sinceMs: nowMs, departure, ended: undefined })
    words.say(name, address, { epoch, state: 'held', recorded: false })
  } else if (ownership.kind === 'release') {
    const { epoch, recorded, reason } = ownership
    const stay = memory.stay(name)
    memory.setStay(name, {
      ...(stay?.epoch === epoch ? stay : { epoch, sinceMs: nowMs, departure: undefined }),
      ended: stay?.ended ?? reason,
    })
    // Recorded as its beginning was: of one epoch the end prevails, and nobody else's word of that epoch does.
    words.say(name, address, { epoch, state: 'released', recorded })
  } else if (present?.node === self) words.say(name, address, present)
  else words.yieldTo(claim)
}

function silenceReport(
  claim: AddressClaimObject,
  ownership: Ownership,
  electorate: Electorate,
  facts: SpeakerFacts,
  memory: ClaimMemory,
): Report | undefined {
  const { self, cluster, leaving, nowMs } = facts
  if (leaving || ownership.kind !== 'silent' || ownership.reason === 'owned-elsewhere') return undefined
  const vacantForMs = memory.vacantForMs(claim.metadata.name, reportVacancy(claim), nowMs)
  const report = reportOf(claim, ownership, electorate, cluster, vacantForMs)
  // The election of the reporter hashes every node's name: not for a claim that says it already.
  if (report === undefined || reportPatch(claim, report, '') === undefined) return undefined
  return isReporter(self, claim.spec.address, cluster) ? report : undefined
}

/** The line that a decision puts on the wire, or undefined. */
export function lineOf({ ownership }: Decision, { linkUps }: HostFacts): Layer2Line | undefined {
  const answers = ownership.kind === 'answer' || (ownership.kind === 'take' && ownership.first === 'announce')
  if (!answers) return undefined
  const { ip, interface: on } = ownership.ability
  const burst = `${ownership.epoch} ${formatMac(on.mac)} ${linkUps.get(on.index) ?? 0}`
  return { text: formatIp(ip), address: addressKey(ip), interface: { index: on.index, name: on.name, mac: on.mac }, burst }
}

/** How long whoever gave an address up has to write why, before its successor writes that it has taken it. */
export const REASON_WITHIN_MS = 500

/** Whether the claim does not say yet what the decision comes to. Cheap: it is asked for every claim at every look. */
export function asksForWrite(
  claim: AddressClaimObject,
  { ownership, report }: Decision,
  { self, nowMs }: Pick<SpeakerFacts, 'self' | 'nowMs'>,
  { memory, words }: Pick<Knowledge, 'memory' | 'words'>,
): boolean {
  if (ownership.kind === 'silent') return report !== undefined || isReleaseUnrecorded(claim, words)
  if (ownership.kind === 'release') return true
  const owner = claim.status?.owner
  const isRecorded = owner?.node === self && owner.epoch === ownership.epoch
  if (isRecorded) return report !== undefined || !saysAnnounced(claim, ownership.ability.interface.name)
  const stay = memory.stay(claim.metadata.name)
  const isReasonDue = stay?.departure === 'released' && owner !== undefined && owner.epoch + 1 === ownership.epoch
  return !isReasonDue || nowMs - stay.sinceMs >= REASON_WITHIN_MS
}

function isReleaseUnrecorded(claim: AddressClaimObject, words: Words): boolean {
  const word = words.own(claim.metadata.name)
  if (word?.state !== 'released') return false
  const record = recordOf(claim)
  return record === undefined || record.epoch < word.epoch || record.state === 'held'
}

/** The write that a decision asks for, or undefined when the claim says it all. Times of `facts`. */
export function patchFor(
  claim: AddressClaimObject,
  decision: Decision,
  facts: Pick<SpeakerFacts, 'self' | 'nowMs' | 'wallMs'>,
  knowledge: Pick<Knowledge, 'memory' | 'words'>,
): StatusPatch | undefined {
  const { ownership, report } = decision
  if (!asksForWrite(claim, decision, facts, knowledge)) return undefined
  const now = new Date(facts.wallMs).toISOString()
  const reported = (): StatusPatch | undefined => (report === undefined ? undefined : reportPatch(claim, report, now))
  if (ownership.kind === 'take' || ownership.kind === 'answer') {
    const on = ownership.ability.interface.name
    const owner = claim.status?.owner
    if (owner?.node === facts.self && owner.epoch === ownership.epoch) return announcedPatch(claim, on, now) ?? reported()
    return takePatch(claim, tenureOf(claim, ownership, on, facts, knowledge.memory), now)
  }
  const stay = knowledge.memory.stay(claim.metadata.name)
  if (stay?.ended === undefined || !isReleaseUnrecorded(claim, knowledge.words)) return reported()
  const { epoch, departure, ended } = stay
  return releasePatch(claim, { node: facts.self, epoch, since: sinceOf(stay.sinceMs, facts), departure }, ended, now)
}

const sinceOf = (sinceMs: number, { nowMs, wallMs }: Pick<SpeakerFacts, 'nowMs' | 'wallMs'>): string =>
  new Date(wallMs - (nowMs - sinceMs)).toISOString()

/** What is recorded of this node's time with the address: it began when it was announced, or begins with the record. */
function tenureOf(
  { metadata: { name } }: AddressClaimObject,
  ownership: Extract<Ownership, { kind: 'take' | 'answer' }>,
  on: string,
  facts: Pick<SpeakerFacts, 'self' | 'nowMs' | 'wallMs'>,
  memory: ClaimMemory,
): Tenure {
  const { epoch } = ownership
  const stay = memory.stay(name)
  const begun = stay?.epoch === epoch ? stay : undefined
  const departure = ownership.kind === 'take' ? ownership.departure : begun?.departure
  return { node: facts.self, interface: on, epoch, since: sinceOf(begun?.sinceMs ?? facts.nowMs, facts), departure }
}
