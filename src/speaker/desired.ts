import { formatIp } from '../addr/ip.ts'
import { formatMac } from '../addr/mac.ts'
import type { AddressClaimObject } from '../api/address-claim.ts'
import { type Ability, abilityFor } from './ability.ts'
import { lastOwnerOf, movedPatch, type Report, reportPatch, type StatusPatch, takePatch, yieldPatch } from './claim-status.ts'
import { type ClusterFacts, type Electorate, electorateOf } from './facts.ts'
import type { HostFacts } from './host.ts'
import { addressKey } from './layer2/address-key.ts'
import type { Layer2Line } from './layer2/table.ts'
import type { ClaimMemory } from './memory.ts'
import { decideOwnership, type Ownership } from './ownership.ts'
import { isReporter, isUnreported, reportOf } from './report.ts'

/** How often an address that nobody answers for, and nobody has reported, is looked at again. */
const UNREPORTED_LOOK_MS = 1000

/** Everything that this node knows and is. */
export interface SpeakerFacts {
  readonly self: string
  readonly leaving: boolean
  /** --enable-layer2. */
  readonly layer2: boolean
  readonly cluster: ClusterFacts
  readonly host: HostFacts
  /** Milliseconds of a monotonic clock. */
  readonly nowMs: number
}

/** What this node does about one claim. */
export interface Decision {
  readonly ownership: Ownership
  /** The condition that this node has to write, being the one that reports. */
  readonly report: Report | undefined
}

/** What must be on this node's wire, and what must be written. */
export interface Desired {
  readonly layer2: readonly Layer2Line[]
  /** By the claim's name; one for each claim. */
  readonly decisions: ReadonlyMap<string, Decision>
  /** Look again after this time although no fact has changed; undefined when there is nothing to wait for. */
  readonly wakeInMs: number | undefined
}

/** Decides one claim. `memory` remembers since when this node has seen the address without an owner that may answer. */
export function decideClaim(claim: AddressClaimObject, facts: SpeakerFacts, memory: ClaimMemory): Decision {
  const { self, cluster, leaving, nowMs } = facts
  const { name } = claim.metadata
  const electorate = electorateOf(claim, cluster)
  const ownership = decideOwnership({
    self,
    leaving,
    address: claim.spec.address,
    ability: abilityFor(claim.spec, facts.host, facts.layer2),
    owner: claim.status?.owner,
    lastOwner: lastOwnerOf(claim),
    nodes: cluster.nodeNames,
    order: () => memory.order(name, cluster.nodeNames, claim.spec.address),
    complete: electorate.complete,
    eligibility: electorate.eligibility,
    vacantForMs: (vacancy) => memory.vacantForMs(name, vacancy, nowMs),
  })
  if (ownership.kind === 'answer' || (ownership.kind === 'silent' && ownership.reason === 'owned-elsewhere')) memory.forget(name)
  return { ownership, report: reportFor(claim, ownership, electorate, facts, memory) }
}

function reportFor(
  claim: AddressClaimObject,
  ownership: Ownership,
  electorate: Electorate,
  facts: SpeakerFacts,
  memory: ClaimMemory,
): Report | undefined {
  const { self, cluster, leaving, nowMs } = facts
  if (leaving || ownership.kind !== 'silent' || ownership.reason === 'owned-elsewhere') return undefined
  const unownedForMs = claim.status?.owner === undefined ? memory.vacantForMs(claim.metadata.name, 'unowned', nowMs) : 0
  const report = reportOf(claim, ownership, electorate, cluster, unownedForMs)
  // The election of the reporter hashes every node's name: not for a claim that says it already.
  if (report === undefined || reportPatch(claim, report, '') === undefined) return undefined
  return isReporter(self, claim.spec.address, cluster) ? report : undefined
}

/** The whole set that this node must say, and its part in every claim, each with its reason. */
export function desired(claims: Iterable<AddressClaimObject>, facts: SpeakerFacts, memory: ClaimMemory): Desired {
  const layer2: Layer2Line[] = []
  const decisions = new Map<string, Decision>()
  let wakeInMs: number | undefined
  for (const claim of claims) {
    const decision = decideClaim(claim, facts, memory)
    const { ownership } = decision
    decisions.set(claim.metadata.name, decision)
    if (ownership.kind === 'answer') layer2.push(lineOf(ownership.ability, ownership.epoch, facts.host))
    const lookAgainMs =
      ownership.kind === 'silent' ? (ownership.wakeInMs ?? (isUnreported(claim, ownership) ? UNREPORTED_LOOK_MS : undefined)) : undefined
    if (lookAgainMs !== undefined) wakeInMs = Math.min(wakeInMs ?? lookAgainMs, lookAgainMs)
  }
  return { layer2, decisions, wakeInMs }
}

function lineOf({ ip, interface: { index, name, mac } }: Ability, epoch: number, { linkUps }: HostFacts): Layer2Line {
  const burst = `${epoch} ${formatMac(mac)} ${linkUps.get(index) ?? 0}`
  return { text: formatIp(ip), address: addressKey(ip), interface: { index, name, mac }, burst }
}

/** The write that a decision asks for, or undefined. `now` is RFC 3339. */
export function patchFor(claim: AddressClaimObject, { ownership, report }: Decision, self: string, now: string): StatusPatch | undefined {
  if (ownership.kind === 'take')
    return takePatch(claim, { node: self, interface: ownership.ability.interface.name }, ownership.departure, now)
  if (ownership.kind === 'yield') return yieldPatch(claim, ownership.reason, now)
  if (ownership.kind === 'answer') return movedPatch(claim, ownership.ability.interface.name, now)
  return report === undefined ? undefined : reportPatch(claim, report, now)
}
