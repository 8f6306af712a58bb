/** Which address a Service without a fitting holding gets. Same facts, same choice. */
import type { Ip } from '../addr/ip.ts'
import { rangeContains } from '../addr/range.ts'
import { holdersText } from '../api/address-claim.ts'
import type { IpFamily, ServiceObject } from '../api/core-objects.ts'
import type { Pool } from '../policy/pool.ts'
import { candidatesFor, type NamespaceFacts } from '../policy/pool-match.ts'
import type { Refusal } from '../policy/refusal.ts'
import type { LedgerView } from './ledger.ts'
import type { PoolBook, PoolState } from './pools.ts'
import { shownAddresses, type Wish } from './request.ts'

/** What a choice depends on. */
export interface ChoiceFacts {
  readonly service: ServiceObject
  /** Undefined while the watch has not shown the Namespace yet. */
  readonly namespace: NamespaceFacts | undefined
  readonly pools: PoolBook
  readonly ledger: LedgerView
  /** Addresses that OpenELB's Eip status names for this Service; tried after those of its own status. */
  readonly remembered: readonly Ip[]
  readonly obstacles: Obstacles
  readonly sharing: SharingFacts
}

/** What stands against an address beside the Eips and the claims. */
export interface Obstacles {
  /** The node that has this address itself. */
  nodeOf(ip: Ip): string | undefined
  /** Until when (RFC 3339) an address that somebody else uses is set aside; undefined when it is not. */
  setAsideUntil(ip: Ip): string | undefined
  /** Whether the settings keep it from everybody. */
  isExcluded(ip: Ip): boolean
}

/** The Services that an address may be shared with. */
export interface SharingFacts {
  /** The Service of a holder, by `namespace/name`; undefined when it is not known, and then nobody shares with it. */
  service(key: string): ServiceObject | undefined
  /** Every Service that states this sharing key, in no order. */
  statedBy(sharingKey: string): Iterable<ServiceObject>
}

export type Choice =
  /** `from`: why this address, for the log. */
  | { readonly kind: 'chosen'; readonly pool: Pool; readonly ip: Ip; readonly from: 'status' | 'request' | 'free' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The labels of the Namespace are needed and not known yet. */
  | { readonly kind: 'unknown-namespace' }

const refused = (refusal: Refusal): Choice => ({ kind: 'refused', refusal })

/**
 * Chooses. In this order: the address that the Service's status shows already (it was given before a reinstall, or by OpenELB), as long as
 * the wish allows it; the address asked for; the lowest free address of the pool asked for; the lowest free address of the first candidate
 * with room. Pools that are bound to namespaces bind only Services that ask for nothing, as in OpenELB.
 */
export function chooseAddress(wish: Wish, facts: ChoiceFacts): Choice {
  const known = readopt(wish, facts)
  if (known !== undefined) return known
  switch (wish.kind) {
    case 'address':
      return chooseNamedAddress(wish, facts)
    case 'pool':
      return chooseInNamedPool(wish.eip, facts)
    case 'any':
      return chooseAmongCandidates(wish, facts)
  }
}

/** A held address may stay in a disabled pool, so this one may as well: disabling stops new allocations only. */
function readopt(wish: Wish, { service, pools, ledger, remembered }: ChoiceFacts): Choice | undefined {
  for (const ip of [...shownAddresses(service), ...remembered]) {
    if (wish.kind === 'address' && (wish.ip.family !== ip.family || wish.ip.value !== ip.value)) continue
    const pool = pools.containing(ip)
    if (pool === undefined || pool.deleting || ledger.isTaken(ip)) continue
    const asked = wish.kind === 'any' ? undefined : wish.eip
    if (asked === undefined || asked === pool.name) return { kind: 'chosen', pool, ip, from: 'status' }
  }
  return undefined
}

function chooseNamedAddress(wish: Extract<Wish, { kind: 'address' }>, facts: ChoiceFacts): Choice {
  const found = wish.eip === undefined ? poolOfAddress(wish, facts) : openPool(wish.eip, facts.pools.get(wish.eip))
  if ('code' in found) return refused(found)
  if (!rangeContains(found.range, wish.ip)) {
    return refused({ code: 'AddressOutsidePool', address: wish.address, pool: found.name, range: found.spec.address })
  }
  const mismatch = familyMismatch(found, facts.service)
  if (mismatch !== undefined) return refused(mismatch)
  const holding = facts.ledger.at(wish.ip)
  if (holding !== undefined) return refused({ code: 'AddressTaken', address: wish.address, by: holdersText(holding.claim.spec.holders) })
  // Set aside by a Service whose claim is under way: its release, or the failure of that claim, wakes us.
  if (facts.ledger.isTaken(wish.ip)) return refused({ code: 'AddressTaken', address: wish.address, by: 'a Service that just asked for it' })
  return { kind: 'chosen', pool: found, ip: wish.ip, from: 'request' }
}

function poolOfAddress(wish: Extract<Wish, { kind: 'address' }>, { pools }: ChoiceFacts): Pool | Refusal {
  const pool = pools.containing(wish.ip)
  if (pool === undefined) return { code: 'AddressInNoPool', address: wish.address }
  return openPool(pool.name, { kind: 'active', pool })
}

/** The pool, when new addresses may be taken from it; else why not. */
export function openPool(name: string, state: PoolState | undefined): Pool | Refusal {
  if (state === undefined) return { code: 'PoolNotFound', pool: name }
  if (state.kind === 'invalid') return { code: 'PoolInvalid', pool: name, detail: state.error.message }
  if (state.pool.deleting) return { code: 'PoolDeleted', pool: name }
  if (state.kind === 'overlap') return { code: 'PoolOverlap', pool: name, with: state.with }
  return state.pool.disabled ? { code: 'PoolDisabled', pool: name } : state.pool
}

function chooseInNamedPool(name: string, facts: ChoiceFacts): Choice {
  const pool = openPool(name, facts.pools.get(name))
  return 'code' in pool ? refused(pool) : chooseFree([pool], facts)
}

function chooseAmongCandidates(wish: Extract<Wish, { kind: 'any' }>, facts: ChoiceFacts): Choice {
  if (facts.namespace === undefined) return { kind: 'unknown-namespace' }
  const candidates = candidatesFor(
    { namespace: facts.namespace, labels: facts.service.metadata.labels ?? {} },
    facts.pools.active,
    wish.protocol,
  )
  if (candidates.kind !== 'none') return chooseFree(candidates.pools, facts)
  if (wish.protocol !== undefined && candidates.ruledOut.length > 0) {
    return refused({ code: 'ProtocolMismatch', protocol: wish.protocol, pools: candidates.ruledOut.map((pool) => pool.name) })
  }
  return refused({ code: 'NoDefaultPool', namespace: facts.namespace.name })
}

/** The lowest free address of the first pool that has one. */
function chooseFree(pools: readonly Pool[], { service, ledger }: ChoiceFacts): Choice {
  let mismatch: Refusal | undefined
  const full: string[] = []
  for (const pool of pools) {
    const wrongFamily = familyMismatch(pool, service)
    if (wrongFamily === undefined) {
      const ip = ledger.firstFree(pool.range, service.metadata.uid)
      if (ip !== undefined) return { kind: 'chosen', pool, ip, from: 'free' }
      full.push(pool.name)
    } else mismatch ??= wrongFamily
  }
  return refused(full.length === 0 && mismatch !== undefined ? mismatch : { code: 'PoolExhausted', pools: full })
}

function familyMismatch(pool: Pool, service: ServiceObject): Refusal | undefined {
  const serves: readonly IpFamily[] = service.spec.ipFamilies ?? []
  const { family } = pool.range
  return serves.length === 0 || serves.includes(family) ? undefined : { code: 'FamilyMismatch', pool: pool.name, family, serves }
}
