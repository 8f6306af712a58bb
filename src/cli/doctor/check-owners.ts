/** Whether the nodes answer as the claims say. */
import type { AddressClaimObject } from '../../api/address-claim.ts'
import { moveWishOf } from '../../api/claim-annotations.ts'
import { conflictOf } from '../../api/condition.ts'
import type { Condition } from '../../api/core-objects.ts'
import { formatSpan } from '../age.ts'
import { type Speakers, speaking } from '../speakers/speakers.ts'
import { type Finding, fail, fine, someOf, timesText, warn } from './finding.ts'

const CHECK = 'owners'

const logs = (node: string): string => `see the log of the speaker on ${node}`

/** What is found about one address, so that many of one trouble can be told in one line. `says` is `ADDRESS: WHAT`. */
export interface AddressFinding extends Finding {
  readonly address: string
  readonly what: string
}

const about = (finding: Finding, address: string, what: string): AddressFinding => ({ ...finding, address, what })
const failed = (address: string, what: string, cure: string): AddressFinding =>
  about(fail(CHECK, `${address}: ${what}`, cure), address, what)
const warned = (address: string, what: string, cure: string): AddressFinding =>
  about(warn(CHECK, `${address}: ${what}`, cure), address, what)

/** Addresses of one trouble in one line. */
export function gathered(findings: readonly AddressFinding[]): readonly Finding[] {
  const alike = Map.groupBy(findings, ({ level, what }) => `${level} ${what}`)
  return [...alike.values()].flatMap(([first, ...more]) => {
    if (first === undefined) return []
    const { level, check, cure = '', what } = first
    return [{ level, check, cure, says: `${someOf([first, ...more].map(({ address }) => address))}: ${what}` }]
  })
}

/**
 * Contradictions between what the claims record and what the speakers say they do, each the same sentence while it lasts: an address that
 * moves just now looks like one, so the caller looks twice.
 */
export function auditOwners(claims: readonly AddressClaimObject[], speakers: Speakers): readonly AddressFinding[] {
  const told = speaking(speakers)
  const answers = Map.groupBy(
    told.flatMap(({ node, report }) => report.addresses.map(({ address, epoch }) => ({ node, address, epoch }))),
    ({ address }) => address,
  )
  const reporting = new Set(told.map(({ node }) => node))
  const held = new Set(claims.map(({ spec }) => spec.address))
  const unheld = [...answers].filter(([address]) => !held.has(address))
  return [
    ...claims.flatMap((claim) => ofClaim(claim, answers.get(claim.spec.address) ?? [], reporting)),
    ...unheld.map(([address, by]) => failed(address, `answered by ${nodes(by)}, and nobody holds it`, logs(nodes(by)))),
  ]
}

const nodes = (by: readonly { readonly node: string }[]): string => someOf(by.map(({ node }) => node))

function ofClaim(
  { spec: { address, protocol }, status }: AddressClaimObject,
  by: readonly { readonly node: string; readonly epoch: number }[],
  reporting: ReadonlySet<string>,
): readonly AddressFinding[] {
  const owner = status?.owner
  if (by.length > 1) {
    const each = by.map(({ node, epoch }) => `${node} (epoch ${epoch})`).join(' and ')
    return [failed(address, `answered by ${each}`, 'the highest epoch is right; do the others hear it? (membership, port 7946)')]
  }
  const [only] = by
  if (only !== undefined && owner?.node !== only.node) {
    const recorded = owner === undefined ? 'for nobody' : `for ${owner.node}`
    return [failed(address, `answered by ${only.node} and recorded ${recorded}`, `the record follows the wire: ${logs(only.node)}`)]
  }
  if (only !== undefined || protocol !== 'layer2') return []
  if (owner !== undefined && reporting.has(owner.node)) {
    return [failed(address, `recorded for ${owner.node}, which does not answer for it`, logs(owner.node))]
  }
  const silence = status?.conditions?.find(isSilence)
  if (silence === undefined) return []
  return [warned(address, `nobody answers: ${silence.message}`, `openelb explain address ${address} has it node by node`)]
}

const isSilence = ({ type, status }: Condition): boolean => type === 'Announced' && status === 'False'

/** A claim on the wire that is older than this is history. */
const RECENT_MS = 10 * 60_000

/** Other hosts that use our addresses, and moves that somebody asked for and that did not come about. */
export function checkDisputes(claims: readonly AddressClaimObject[], speakers: Speakers, nowMs: number): readonly Finding[] {
  return [...gathered(claims.flatMap((claim) => [...conflict(claim), ...wish(claim)])), ...seen(claims, speakers, nowMs)]
}

const FIND_HOST = 'find the host with that MAC, and give it another address'

function conflict(claim: AddressClaimObject): readonly AddressFinding[] {
  const found = conflictOf(claim)
  return found === undefined ? [] : [failed(claim.spec.address, found.message, FIND_HOST)]
}

function wish(claim: AddressClaimObject): readonly AddressFinding[] {
  const move = moveWishOf(claim)
  const owner = claim.status?.owner
  if (move === undefined || owner === undefined || move.epoch !== owner.epoch || move.node === owner.node) return []
  const what = `shall move from ${owner.node} to ${move.node}, and has not yet`
  return [warned(claim.spec.address, what, `openelb explain address ${claim.spec.address} says whether ${move.node} may own it`)]
}

/** Claims on the wire, those of one host in one line. Of our own nodes they are the last word of a former owner. */
function seen(claims: readonly AddressClaimObject[], speakers: Speakers, nowMs: number): readonly Finding[] {
  const told = new Set(claims.filter((claim) => conflictOf(claim) !== undefined).map(({ spec }) => spec.address))
  const own = new Set(speaking(speakers).flatMap(({ report }) => report.addresses.map(({ mac }) => mac)))
  const recent = speaking(speakers).flatMap(({ node, report }) =>
    report.addresses.flatMap(({ address, foreignClaims }) => {
      if (foreignClaims === undefined || told.has(address) || own.has(foreignClaims.mac)) return []
      const agoMs = nowMs - Date.parse(foreignClaims.at)
      return agoMs > RECENT_MS ? [] : [{ ...foreignClaims, node, address, agoMs }]
    }),
  )
  return [...Map.groupBy(recent, ({ mac }) => mac)].map(([mac, alike]) => {
    const times = timesText(alike.reduce((sum, { count }) => sum + count, 0))
    const last = formatSpan(Math.min(...alike.map(({ agoMs }) => agoMs)))
    const by = someOf([...new Set(alike.map(({ node }) => node))])
    const says = `${mac} said that it has ${someOf(alike.map(({ address }) => address))}, ${times}, last ${last} ago; seen by ${by}`
    return warn(CHECK, says, `if it is no node of this cluster: ${FIND_HOST}`)
  })
}

/** That all is well, where it is. */
export const ownersAreFine = (speakers: Speakers): readonly Finding[] => {
  const told = speaking(speakers)
  const count = told.reduce((sum, { report }) => sum + report.addresses.length, 0)
  return told.length === 0 ? [] : [fine(CHECK, `${count} answered, each by the node that is recorded`)]
}
