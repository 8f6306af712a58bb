import type { Eligibility, Ineligibility } from '../policy/eligibility.ts'
import type { Result } from '../result.ts'
import type { Ability } from './ability.ts'
import type { Present } from './assertion.ts'
import { electionScore, PATIENCE_STEP_MS, patienceMs } from './election.ts'
import type { Quorum } from './membership/facts.ts'
import type { Departure, Inability, Silence } from './silence.ts'

export type { Departure } from './silence.ts'

/** What this node hears of the other speakers, as far as one address is concerned. */
export interface Hearing {
  readonly settled: boolean
  readonly quorum: Quorum
  /**
   * Whether the present owner was heard since this node knows that it owns this epoch. An owner that took the address although nobody
   * here hears it lives where our packets do not go: that it is silent proves nothing.
   */
  readonly ownerHeard: boolean
}

/** Everything that this node's part in the ownership of one address depends on. */
export interface Contest {
  readonly self: string
  /** Canonical text. */
  readonly address: string
  /** This speaker is shutting down: it takes nothing, and keeps what it has until another node has it. */
  readonly leaving: boolean
  readonly ability: Result<Ability, Inability>
  /**
   * The claim's record and every word heard, merged. `released`: nobody answers, and `node` is the one that gave the address up.
   * Undefined: nobody ever had it.
   */
  readonly present: Present | undefined
  /** A wish that `node` has the address. It counts while `epoch` is the present one, so it is granted once. */
  readonly moveTo: { readonly node: string; readonly epoch: number; readonly reason: 'moved' | 'rebalanced' } | undefined
  /** Undefined: membership is off, the Pods' readiness decides who is alive, and the record always comes first. */
  readonly membership: Hearing | undefined
  /** Another host was heard saying that it has the address, not long ago. */
  readonly challenged: boolean
  /** Every node of the cluster. */
  readonly nodes: readonly string[]
  /** The same in the order of the address. */
  readonly order: () => readonly string[]
  readonly complete: boolean
  /** With membership, a speaker that is silent, or that says that it cannot serve, is not eligible. */
  readonly eligibility: (node: string) => Eligibility
  /** How long this node has seen this very vacancy (the text names it), in milliseconds; 0 at the first look. */
  readonly vacantForMs: (vacancy: string) => number
}

export type Ownership =
  /** The address is this node's: answer. `recorded` false: the claim must still be written. `wakeInMs`: look again then. */
  | { readonly kind: 'answer'; readonly ability: Ability; readonly epoch: number; readonly recorded: boolean; readonly wakeInMs?: number }
  /**
   * The address becomes this node's at `epoch`. `announce`: it is from now on, and the claim is written next. `record`: it is when the
   * claim says so, by compare-and-swap, and not before. `departure`: why the last ownership ended; undefined when there was none.
   */
  | {
      readonly kind: 'take'
      readonly ability: Ability
      readonly epoch: number
      readonly departure: Departure | undefined
      readonly first: 'announce' | 'record'
    }
  /**
   * This node has the address at `epoch` and cannot go on: be silent at once, tell the others, and record that nobody has it. `recorded`:
   * whether the claim names it at this epoch, which the word that it is released has to repeat.
   */
  | { readonly kind: 'release'; readonly epoch: number; readonly recorded: boolean; readonly reason: Departure }
  /** Say nothing. `wakeInMs`: look again then, although no fact has changed. */
  | { readonly kind: 'silent'; readonly reason: Silence; readonly wakeInMs?: number }

/**
 * Reasons for which an owner stops although nobody takes over: the administrator's word, or no endpoint anywhere to send traffic to.
 */
const ENDS_WITHOUT_SUCCESSOR: ReadonlySet<Ineligibility> = new Set([
  'node-excluded',
  'node-not-selected',
  'node-out-of-service',
  'no-ready-endpoint',
])

/** Troubles of a link that comes back: a release that is on its way then would open a gap for nothing. IPv6 comes a moment after the link. */
const MAY_PASS: ReadonlySet<Inability> = new Set([
  'interface-down',
  'interface-missing',
  'interface-without-arp',
  'interface-without-ipv6',
  'no-raw-socket',
  'no-route',
  // DHCP and networkd take an address off a link for a moment.
  'subnet-missing',
])
/**
 * How long an owner's link may be away before it gives its addresses up. With membership longer than the deadMs of either profile: when a
 * switch is away, a node finds itself in a minority first, and then keeps what it has. Without, giving up costs a write, and others wait.
 */
export const FLAP_MS = { membership: 400, readiness: 2000 } as const

/** How long an owner that was never heard since it has the address may be silent before a majority takes it. */
export const UNHEARD_MS = 5000

/** What membership alone says against a node. Everything else is the API server's word, a witness of its own. */
const HEARSAY: ReadonlySet<Ineligibility> = new Set(['speaker-silent', 'speaker-not-serving'])
/** Speakers that only start. For an address that nobody ever had they keep their place. */
const STARTING: ReadonlySet<Ineligibility> = new Set(['speaker-not-ready', 'speaker-not-serving', 'speaker-silent'])

/**
 * Decides this node's part. The rule in one sentence: whoever has the highest epoch answers; an owner stays while it is eligible;
 * otherwise the first of the queue takes over at the next epoch, and each place further back waits a little longer.
 *
 * An owner that is no longer eligible keeps answering until another node has the address, so that no gap opens, except for the reasons
 * of ENDS_WITHOUT_SUCCESSOR when nobody takes over. Where only a minority of the speakers is heard nothing is taken; there an owner goes
 * on until it hears a foreign claim or a higher epoch.
 */
export function decideOwnership(contest: Contest): Ownership {
  const { present, self, membership } = contest
  if (membership?.settled === false) return silent('membership-unsettled')
  if (present?.node === self && present.state === 'held') return asOwner(contest, present)
  if (!contest.complete) return silent('facts-incomplete')
  if (present === undefined) return asSuccessor(contest, { departure: undefined, vacancy: 'unowned', holdMs: 0 })
  const { node, epoch } = present
  if (present.state === 'released') return asSuccessor(contest, { departure: 'released', vacancy: `released/${node}/${epoch}`, holdMs: 0 })
  const standing = contest.eligibility(node)
  if (standing.eligible) return asBystander(contest)
  if (membership?.ownerHeard !== false || !HEARSAY.has(standing.reason))
    return asSuccessor(contest, { departure: standing.reason, vacancy: `${node}/${epoch}`, holdMs: 0 })
  // Two speakers that do not hear each other and write the claim by turns would move the address for ever.
  if (membership.quorum === 'one-of-two') return silent('owner-unheard')
  return asSuccessor(contest, { departure: standing.reason, vacancy: `${node}/${epoch}`, holdMs: UNHEARD_MS })
}

const silent = (reason: Silence, wakeInMs?: number): Ownership =>
  wakeInMs === undefined ? { kind: 'silent', reason } : { kind: 'silent', reason, wakeInMs }

/** The owner is well: only an administrator's wish, or the balance, takes the address from it. */
function asBystander(contest: Contest): Ownership {
  const { moveTo } = contest
  if (moveTo === undefined || targetOf(contest) !== contest.self) return silent('owned-elsewhere')
  return asSuccessor(contest, { departure: moveTo.reason, vacancy: 'moved', holdMs: 0 })
}

/** The node that a wish names, while the wish counts. */
const targetOf = ({ moveTo, present }: Contest): string | undefined => (moveTo?.epoch === present?.epoch ? moveTo?.node : undefined)

function asOwner(contest: Contest, { epoch, recorded }: Present): Ownership {
  const { ability, self, eligibility, membership } = contest
  const isMinority = membership?.quorum === 'minority'
  // A minority changes nothing: when a switch is away, every link is down and nobody is heard, and all is as it was when it is back.
  if (!ability.ok) return isMinority ? silent(ability.error) : asUnableOwner(contest, ability.error, { epoch, recorded })
  if (contest.challenged && isMinority) return silent('challenged')
  const answer = { kind: 'answer', ability: ability.value, epoch, recorded } as const
  const standing = eligibility(self)
  if (!contest.complete || standing.eligible || !ENDS_WITHOUT_SUCCESSOR.has(standing.reason)) return answer
  const { nodes } = contest
  // The others have the time of the whole queue; then none of them can, and the administrator's word holds all the same.
  const patience = hasSuccessor(contest)
    ? patienceMs(nodes.length, 'ffff', stepOf(contest)) - contest.vacantForMs(`ends/${standing.reason}/${epoch}`)
    : 0
  return patience <= 0 ? { kind: 'release', epoch, recorded, reason: standing.reason } : { ...answer, wakeInMs: patience }
}

/** An owner that cannot serve is silent at once, and gives the address up once the trouble has lasted. */
function asUnableOwner(
  { vacantForMs, membership }: Contest,
  reason: Inability,
  { epoch, recorded }: Pick<Present, 'epoch' | 'recorded'>,
): Ownership {
  const flapMs = membership === undefined ? FLAP_MS.readiness : FLAP_MS.membership
  const patience = MAY_PASS.has(reason) ? flapMs - vacantForMs(`unable/${reason}/${epoch}`) : 0
  return patience <= 0 ? { kind: 'release', epoch, recorded, reason } : silent(reason, patience)
}

/** Whether a node other than this one may own the address. */
export function hasSuccessor({ nodes, self, eligibility }: Pick<Contest, 'nodes' | 'self' | 'eligibility'>): boolean {
  for (const node of nodes) if (node !== self && eligibility(node).eligible) return true
  return false
}

const stepOf = ({ membership }: Pick<Contest, 'membership'>): number =>
  membership === undefined ? PATIENCE_STEP_MS.readiness : PATIENCE_STEP_MS.membership

interface Vacancy {
  readonly departure: Departure | undefined
  /** Names it: another text starts the wait anew. */
  readonly vacancy: string
  /** What even the first in the queue waits. */
  readonly holdMs: number
}

function asSuccessor(contest: Contest, { departure, vacancy, holdMs }: Vacancy): Ownership {
  const { self, address, ability, eligibility, leaving, membership, present } = contest
  if (leaving) return silent('leaving')
  if (!ability.ok) return silent(ability.error)
  const standing = eligibility(self)
  if (!standing.eligible) return silent(standing.reason)
  const isMinority = membership?.quorum === 'minority'
  if (isMinority && present !== undefined) return silent('no-quorum')
  const rank = isMinority ? contest.nodes.length : rankOf(contest)
  const waitMs = holdMs + patienceMs(rank, electionScore(self, address), stepOf(contest)) - contest.vacantForMs(vacancy)
  if (waitMs > 0) return silent('first-choice-first', waitMs)
  return { kind: 'take', ability: ability.value, epoch: (present?.epoch ?? 0) + 1, departure, first: firstStep(contest) }
}

/**
 * Whether the wire or the claim comes first. The claim's compare-and-swap settles what nobody else can: whose an address is that was
 * never owned, which of two speakers that do not hear each other may go on, and anything where there is no membership.
 */
function firstStep({ membership, present }: Contest): 'announce' | 'record' {
  const mayAnnounce = membership?.quorum === 'majority' || membership?.quorum === 'alone'
  return mayAnnounce && present !== undefined ? 'announce' : 'record'
}

/**
 * How many nodes stand before this one. A node that the address is to move to stands first; so does, for itself, one that gave the
 * address up and can serve again before anybody took it, while the others pass it over.
 *
 * For an address that nobody has owned yet, a speaker that is still starting keeps its place: after an install or an upgrade the
 * addresses then spread as the order says, instead of all going to the speaker that was ready first. When an owner has failed nobody
 * waits for a speaker that is not there. A minority, which takes such an address only, stands behind everybody.
 */
function rankOf(contest: Contest): number {
  const { order, self, eligibility, present } = contest
  const target = targetOf(contest)
  const releaser = present?.state === 'released' ? present.node : undefined
  if (self === target || self === releaser) return 0
  const stands = (node: string): boolean => {
    if (node === releaser) return false
    const standing = eligibility(node)
    return standing.eligible || (present === undefined && STARTING.has(standing.reason))
  }
  let rank = 0
  for (const node of order()) {
    if (node === self) break
    if (node !== target && stands(node)) rank++
  }
  return target !== undefined && stands(target) ? rank + 1 : rank
}
