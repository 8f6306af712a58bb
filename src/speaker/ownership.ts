import type { Eligibility, Ineligibility } from '../policy/eligibility.ts'
import type { Result } from '../result.ts'
import type { Ability } from './ability.ts'
import { electionScore, patienceMs } from './election.ts'
import type { Inability, Silence } from './silence.ts'

/** Everything that this node's part in the ownership of one address depends on. */
export interface Contest {
  readonly self: string
  /** Canonical text. */
  readonly address: string
  /** This speaker is shutting down: it takes nothing, and keeps what it has until another node is recorded. */
  readonly leaving: boolean
  readonly ability: Result<Ability, Inability>
  /** As recorded in the claim. */
  readonly owner: { readonly node: string; readonly epoch: number } | undefined
  /** While nobody is recorded: the last one that was, which gave the address up because it could not serve. */
  readonly lastOwner: string | undefined
  /** Every node of the cluster. */
  readonly nodes: readonly string[]
  /** The same in the order of the address. */
  readonly order: () => readonly string[]
  readonly complete: boolean
  readonly eligibility: (node: string) => Eligibility
  /** How long this node has seen this very vacancy (the text names it), in milliseconds; 0 at the first look. */
  readonly vacantForMs: (vacancy: string) => number
}

/** Why an address changes hands; kept in the claim's history as the end of the previous ownership. */
export type Departure = Ineligibility | Inability

export type Ownership =
  /** The claim names this node: answer. */
  | { readonly kind: 'answer'; readonly ability: Ability; readonly epoch: number }
  /** Record this node as the owner. It answers when the claim says so, not before. */
  | { readonly kind: 'take'; readonly ability: Ability; readonly departure: Departure | undefined }
  /** The claim names this node and it cannot go on: record that nobody owns the address, and be silent. */
  | { readonly kind: 'yield'; readonly reason: Departure }
  /** Say nothing. `wakeInMs`: look again then, although no fact has changed. */
  | { readonly kind: 'silent'; readonly reason: Silence; readonly wakeInMs?: number }

/** Reasons for which an owner stops although nobody takes over: the administrator's word, or no endpoint anywhere to send traffic to. */
const ENDS_WITHOUT_SUCCESSOR: ReadonlySet<Ineligibility> = new Set(['node-excluded', 'no-ready-endpoint'])

/** Troubles of a link that comes back: a yield that is on its way then would open a gap for nothing. IPv6 comes a moment after the link. */
const MAY_PASS: ReadonlySet<Inability> = new Set([
  'interface-down',
  'interface-missing',
  'interface-without-arp',
  'interface-without-ipv6',
  'no-route',
])
/** How long an owner's link may be away before it gives its addresses up. A node that is cut off altogether cannot write this anyway. */
export const FLAP_MS = 2000

/**
 * Decides this node's part. The rule in one sentence: whoever the claim names answers; an owner stays while it is eligible; otherwise the
 * first of the queue takes over by compare-and-swap, and each place further back waits a little longer.
 *
 * An owner that is no longer eligible keeps answering until the claim names another node, so that no gap opens, except for two reasons
 * (see ENDS_WITHOUT_SUCCESSOR) when there is nobody to take over.
 */
export function decideOwnership(contest: Contest): Ownership {
  const { owner, self } = contest
  if (owner?.node === self) return asOwner(contest, owner.epoch)
  if (!contest.complete) return { kind: 'silent', reason: 'facts-incomplete' }
  if (owner === undefined) return asSuccessor(contest, undefined, 'unowned')
  const standing = contest.eligibility(owner.node)
  if (standing.eligible) return { kind: 'silent', reason: 'owned-elsewhere' }
  return asSuccessor(contest, standing.reason, `${owner.node}/${owner.epoch}`)
}

function asOwner(contest: Contest, epoch: number): Ownership {
  const { ability, self, eligibility } = contest
  if (!ability.ok) return asUnableOwner(contest, ability.error)
  const standing = eligibility(self)
  const ends = contest.complete && !standing.eligible && ENDS_WITHOUT_SUCCESSOR.has(standing.reason)
  if (ends && !hasSuccessor(contest)) return { kind: 'yield', reason: standing.reason }
  return { kind: 'answer', ability: ability.value, epoch }
}

/** An owner that cannot serve is silent at once, and gives the address up once the trouble has lasted. */
function asUnableOwner({ vacantForMs, owner }: Contest, reason: Inability): Ownership {
  const patience = MAY_PASS.has(reason) ? FLAP_MS - vacantForMs(`unable/${reason}/${owner?.epoch}`) : 0
  return patience <= 0 ? { kind: 'yield', reason } : { kind: 'silent', reason, wakeInMs: patience }
}

/** Whether a node other than this one may own the address. */
export function hasSuccessor({ nodes, self, eligibility }: Pick<Contest, 'nodes' | 'self' | 'eligibility'>): boolean {
  for (const node of nodes) if (node !== self && eligibility(node).eligible) return true
  return false
}

function asSuccessor(contest: Contest, departure: Departure | undefined, vacancy: string): Ownership {
  const { self, address, ability, eligibility, leaving } = contest
  if (leaving) return { kind: 'silent', reason: 'leaving' }
  if (!ability.ok) return { kind: 'silent', reason: ability.error }
  const standing = eligibility(self)
  if (!standing.eligible) return { kind: 'silent', reason: standing.reason }
  const rank = rankOf(contest, departure)
  const waitMs = patienceMs(rank, electionScore(self, address)) - contest.vacantForMs(vacancy)
  if (waitMs <= 0) return { kind: 'take', ability: ability.value, departure }
  return { kind: 'silent', reason: 'first-choice-first', wakeInMs: waitMs }
}

/**
 * How many nodes stand before this one. For an address that nobody has owned yet, a speaker that is still starting keeps its place: after an install or
 * an upgrade the addresses then spread as the order says, instead of all going to the speaker that was ready first. When an owner has
 * failed nobody waits for a speaker that is not there. A node that just gave the address up is passed over by the others.
 */
function rankOf({ order, self, eligibility, lastOwner, owner }: Contest, departure: Departure | undefined): number {
  const isFirstTime = owner === undefined && lastOwner === undefined && departure === undefined
  const stands = (node: string): boolean => {
    if (owner === undefined && node === lastOwner) return false
    const standing = eligibility(node)
    return standing.eligible || (isFirstTime && standing.reason === 'speaker-not-ready')
  }
  let rank = 0
  for (const node of order()) {
    if (node === self) break
    if (stands(node)) rank++
  }
  return rank
}
