/** Which addresses go from where to where, and why some cannot. */
import type { AddressClaimObject } from '../../api/address-claim.ts'
import { nearest } from '../../runtime/nearest.ts'
import type { Candidate } from '../speakers/candidates.ts'

/** One address that may move: its owner and the epoch of that ownership. */
export interface Move {
  readonly claim: AddressClaimObject
  readonly from: string
  readonly epoch: number
  readonly to: string
}

export type Planned =
  | { readonly ok: true; readonly move: Move }
  | { readonly ok: false; readonly claim: AddressClaimObject; readonly why: string }

/** What was asked for. Without `to` the first node of the address's queue that does not own it now. */
export interface Wanted {
  readonly to: string | undefined
  readonly from: string | undefined
}

/** `candidates` are all nodes, in the order of candidateRule. */
export function planMove(claim: AddressClaimObject, { to, from }: Wanted, candidates: readonly Candidate[]): Planned {
  const { spec, status } = claim
  const { address, protocol } = spec
  const no = (why: string): Planned => ({ ok: false, claim, why })
  if (protocol !== 'layer2') return no(`${address} is announced by ${protocol}: only addresses of protocol layer2 have one owner`)
  const owner = status?.owner
  if (owner === undefined) return no(`nobody answers for ${address}, so nobody can hand it over: see openelb explain address ${address}`)
  if (from !== undefined && owner.node !== from) return no(`${owner.node} owns ${address}, not ${from}`)
  if (to === owner.node) return no(`${to} owns ${address} already`)
  const target = to === undefined ? candidates.find(({ node, why }) => node !== owner.node && why === undefined) : named(to, candidates)
  if (target === undefined) return no(to === undefined ? `no other node may own ${address}` : unknownNode(to, candidates))
  if (target.why !== undefined) return no(`${target.node} may not own ${address}: ${target.why}`)
  return { ok: true, move: { claim, from: owner.node, epoch: owner.epoch, to: target.node } }
}

const named = (name: string, candidates: readonly Candidate[]): Candidate | undefined => candidates.find(({ node }) => node === name)

function unknownNode(name: string, candidates: readonly Candidate[]): string {
  const guess = nearest(
    name,
    candidates.map(({ node }) => node),
  )
  return `there is no node ${name.slice(0, 64)}${guess === undefined ? '' : `; did you mean ${guess}?`}`
}

/** How a move stands, by the claim as it is now. */
export type Standing =
  | { readonly kind: 'moved'; readonly epoch: number }
  | { readonly kind: 'waiting' }
  /** A third node owns it, or the former owner under another epoch: the wish counts no more. */
  | { readonly kind: 'elsewhere'; readonly node: string; readonly epoch: number }
  | { readonly kind: 'unowned' }
  | { readonly kind: 'gone' }

export function standingOf({ claim: before, epoch, to }: Move, now: AddressClaimObject | undefined): Standing {
  if (now === undefined || now.metadata.uid !== before.metadata.uid) return { kind: 'gone' }
  const owner = now.status?.owner
  if (owner === undefined) return { kind: 'unowned' }
  if (owner.node === to) return { kind: 'moved', epoch: owner.epoch }
  return owner.epoch === epoch ? { kind: 'waiting' } : { kind: 'elsewhere', node: owner.node, epoch: owner.epoch }
}
