/** Whether the nodes answer as the claims say. */
import type { AddressClaimObject } from '../../api/address-claim.ts'
import { moveWishOf } from '../../api/claim-annotations.ts'
import { conflictOf } from '../../api/condition.ts'
import { formatAge } from '../age.ts'
import { type Speakers, type SpeakingNode, speaking } from '../speakers/speakers.ts'
import { type Finding, fail, fine, someOf, timesText, warn } from './finding.ts'

const CHECK = 'owners'

const logs = (node: string): string => `see the log of the speaker on ${node}`

/**
 * Contradictions between what the claims record and what the speakers say they do, each the same sentence while it lasts: an address that
 * moves just now looks like one, so the caller looks twice.
 */
export function auditOwners(claims: readonly AddressClaimObject[], speakers: Speakers): readonly Finding[] {
  const told = speaking(speakers)
  const answers = Map.groupBy(
    told.flatMap(({ node, report }) => report.addresses.map(({ address, epoch }) => ({ node, address, epoch }))),
    ({ address }) => address,
  )
  const reporting = new Map(told.map((speaker) => [speaker.node, speaker]))
  const held = new Set(claims.map(({ spec }) => spec.address))
  const unheld = [...answers].filter(([address]) => !held.has(address))
  return [
    ...claims.flatMap((claim) => ofClaim(claim, answers.get(claim.spec.address) ?? [], reporting)),
    ...unheld.map(([address, by]) => fail(CHECK, `${address} is answered by ${nodes(by)}, and nobody holds it`, logs(nodes(by)))),
  ]
}

const nodes = (by: readonly { readonly node: string }[]): string => someOf(by.map(({ node }) => node))

function ofClaim(
  { spec: { address, protocol }, status }: AddressClaimObject,
  by: readonly { readonly node: string; readonly epoch: number }[],
  reporting: ReadonlyMap<string, SpeakingNode>,
): readonly Finding[] {
  const owner = status?.owner
  if (by.length > 1) {
    const each = by.map(({ node, epoch }) => `${node} (epoch ${epoch})`).join(' and ')
    return [fail(CHECK, `${address} is answered by ${each}`, 'the highest epoch is right; do the others hear it? (membership, port 7946)')]
  }
  const [only] = by
  if (only !== undefined && owner?.node !== only.node) {
    const recorded = owner === undefined ? 'for nobody' : `for ${owner.node}`
    return [
      fail(CHECK, `${address} is answered by ${only.node} and recorded ${recorded}`, `the record follows the wire: ${logs(only.node)}`),
    ]
  }
  if (only === undefined && owner !== undefined && protocol === 'layer2' && reporting.has(owner.node)) {
    return [fail(CHECK, `${address} is recorded for ${owner.node}, which does not answer for it`, logs(owner.node))]
  }
  return []
}

/** A claim on the wire that is older than this is history. */
const RECENT_MS = 10 * 60_000

/** Other hosts that use our addresses, and moves that somebody asked for and that did not come about. */
export function checkDisputes(claims: readonly AddressClaimObject[], speakers: Speakers, nowMs: number): readonly Finding[] {
  return [...claims.flatMap((claim) => [...conflict(claim), ...wish(claim)]), ...seen(claims, speakers, nowMs)]
}

const conflict = (claim: AddressClaimObject): readonly Finding[] => {
  const found = conflictOf(claim)
  return found === undefined
    ? []
    : [fail(CHECK, `${claim.spec.address}: ${found.message}`, 'find the host with that MAC, and give it another address')]
}

function wish(claim: AddressClaimObject): readonly Finding[] {
  const move = moveWishOf(claim)
  const owner = claim.status?.owner
  if (move === undefined || owner === undefined || move.epoch !== owner.epoch || move.node === owner.node) return []
  const { address } = claim.spec
  const says = `${address} shall move from ${owner.node} to ${move.node}, and has not yet`
  return [warn(CHECK, says, `openelb explain address ${address} says whether ${move.node} may own it`)]
}

function seen(claims: readonly AddressClaimObject[], speakers: Speakers, nowMs: number): readonly Finding[] {
  const told = new Set(claims.filter((claim) => conflictOf(claim) !== undefined).map(({ spec }) => spec.address))
  const own = new Set(speaking(speakers).flatMap(({ report }) => report.addresses.map(({ mac }) => mac)))
  return speaking(speakers).flatMap(({ node, report }) =>
    report.addresses.flatMap(({ address, foreignClaims }) => {
      if (foreignClaims === undefined || told.has(address) || own.has(foreignClaims.mac)) return []
      const { mac, at, count } = foreignClaims
      if (nowMs - Date.parse(at) > RECENT_MS) return []
      const says = `${mac} said that it has ${address}, ${timesText(count)}, last ${formatAge(at, nowMs)} ago; seen by ${node}`
      return [warn(CHECK, says, 'if it is no node of this cluster: find that host, and give it another address')]
    }),
  )
}

/** That all is well, where it is. */
export const ownersAreFine = (speakers: Speakers): readonly Finding[] => {
  const told = speaking(speakers)
  const count = told.reduce((sum, { report }) => sum + report.addresses.length, 0)
  return told.length === 0 ? [] : [fine(CHECK, `${count} answered, each by the node that is recorded`)]
}
