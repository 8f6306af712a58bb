/** An address for a Service that names none: reserved for it, shared by its key, or free. */
import { formatIp, type Ip } from '../addr/ip.ts'
import { HOLDERS_MAX } from '../api/address-claim.ts'
import type { Pool } from '../policy/pool.ts'
import { type Applicant, candidatesFor, isBound, isPermitted } from '../policy/pool-match.ts'
import { isKeptFor, poolFamilies, poolGives } from '../policy/pool-ranges.ts'
import type { NearMiss, Refusal } from '../policy/refusal.ts'
import type { Choice, ChoiceFacts, Slot } from './choose.ts'
import { openPool } from './choose-named.ts'
import { findFree } from './find-free.ts'
import { isContested } from './fitness.ts'
import { byAddress } from './ledger.ts'
import { overQuota, overQuotaAt } from './quota.ts'
import { serviceKey } from './service-key.ts'
import { sharingRefusal } from './sharing.ts'

const refused = (refusal: Refusal, others: readonly Refusal[] = []): Choice => ({ kind: 'refused', refusal, others })

/** Chooses in the pools that the Service names, else in those that it is bound to, else in the default one. */
export function chooseInPools(slot: Slot, facts: ChoiceFacts): Choice {
  const choice = reservedFor(slot, facts) ?? chooseUnreserved(slot, facts)
  if (choice.kind !== 'refused') return choice
  return { ...choice, others: [...(choice.others ?? []), ...keptForIt(slot, facts)] }
}

/** Addresses that are kept for the Service and that somebody has now: the end of that ends its wait, whatever it was told. */
const keptForIt = ({ own }: Slot, { pools }: ChoiceFacts): readonly Refusal[] =>
  pools.reservedFor(serviceKey(own)).map(({ ip }) => ({ code: 'AddressConflict', address: formatIp(ip) }))

function chooseUnreserved(slot: Slot, facts: ChoiceFacts): Choice {
  if (facts.namespace === undefined && mustKnowNamespace(slot, facts)) return { kind: 'unknown-namespace' }
  const found = poolsFor(slot, facts)
  if ('code' in found) return refused(found)
  return sharedByKey(found.pools, slot, facts) ?? freeIn(found, slot, facts)
}

/** An address that is kept for the Service, when nobody has it. A reservation is a permission, whatever the pool is bound to. */
function reservedFor({ wish, own, family }: Slot, { pools, ledger, obstacles }: ChoiceFacts): Choice | undefined {
  for (const { pool, ip } of pools.reservedFor(serviceKey(own))) {
    const isWanted = family === undefined || ip.family === family
    const isNamed = wish.eips.length === 0 || wish.eips.includes(pool.name)
    const fits = isWanted && isNamed && (wish.protocol === undefined || wish.protocol === pool.protocol)
    const isOpen = !pool.disabled && !pool.deleting && poolGives(pool, ip)
    if (!fits || !isOpen || ledger.isTaken(ip)) continue
    if (obstacles.nodeOf(ip) === undefined && obstacles.setAsideUntil(ip) === undefined) {
      return { kind: 'chosen', pool, ip, from: 'reservation' }
    }
  }
  return undefined
}

const mustKnowNamespace = ({ wish }: Slot, { pools }: ChoiceFacts): boolean =>
  wish.eips.length === 0 || pools.active.some((pool) => pool.enforceNamespaces && wish.eips.includes(pool.name))

/** The pools to try, and what the named ones say that cannot be used. */
interface Found {
  readonly pools: readonly Pool[]
  readonly refusals: readonly Refusal[]
}

function poolsFor({ wish, own }: Slot, facts: ChoiceFacts): Found | Refusal {
  const applicant = applicantOf(facts)
  if (wish.eips.length > 0) return namedPools(wish.eips, applicant, facts)
  const candidates = candidatesFor(applicant, facts.pools.active, wish.protocol)
  if (candidates.kind !== 'none') return { pools: candidates.pools, refusals: [] }
  if (wish.protocol !== undefined && candidates.ruledOut.length > 0) {
    return { code: 'ProtocolMismatch', protocol: wish.protocol, pools: candidates.ruledOut.map((pool) => pool.name) }
  }
  return { code: 'NoDefaultPool', namespace: own.namespace, near: nearMisses(facts.pools.active) }
}

const applicantOf = ({ service, namespace }: ChoiceFacts): Applicant => ({
  namespace: namespace ?? { name: service.metadata.namespace ?? '', labels: {} },
  labels: service.metadata.labels ?? {},
})

function namedPools(eips: readonly string[], applicant: Applicant, { pools }: ChoiceFacts): Found {
  const states = eips.map((name) => openPool(name, pools.get(name)))
  const permitted = states.map((state): Pool | Refusal => {
    if ('code' in state || isPermitted(state, applicant)) return state
    return { code: 'PoolNotPermitted', pool: state.name, namespace: applicant.namespace.name }
  })
  return {
    pools: permitted.flatMap((state) => ('code' in state ? [] : [state])),
    refusals: permitted.flatMap((state) => ('code' in state ? [state] : [])),
  }
}

/** Pools that would have been tried but for one setting. */
function nearMisses(pools: readonly Pool[]): readonly NearMiss[] {
  return pools.flatMap((pool): NearMiss[] => {
    if (pool.deleting) return []
    const misses = isBound(pool) ? 'is bound to other namespaces or Services' : pool.isDefault ? '' : undefined
    if (misses === undefined) return pool.autoAssign ? [] : [{ pool: pool.name, why: 'has autoAssign false' }]
    const why = pool.disabled ? 'is disabled' : pool.autoAssign ? misses : 'has autoAssign false'
    return why === '' ? [] : [{ pool: pool.name, why }]
  })
}

/** An address of these pools that a Service with the same key holds: the lowest that it can be shared on. */
function sharedByKey(pools: readonly Pool[], slot: Slot, { ledger, obstacles }: ChoiceFacts): Choice | undefined {
  const { wish, own, family } = slot
  if (wish.sharing === undefined) return undefined
  for (const holding of [...ledger.sharedBy(wish.sharing)].toSorted(byAddress)) {
    const pool = pools.find(({ name }) => name === holding.claim.spec.eip)
    if (pool === undefined || (family !== undefined && holding.ip.family !== family) || !poolGives(pool, holding.ip)) continue
    const isKept = pool.reservations.has(holding.address) && !isKeptFor(own, pool, holding.ip)
    const isOpen = !isContested(holding) && obstacles.nodeOf(holding.ip) === undefined
    const hasRoom = isOpen && holding.claim.spec.holders.length < HOLDERS_MAX
    const isOurs = holding.claim.spec.holders.some(({ namespace }) => namespace === own.namespace)
    const isInQuota = isOurs || overQuotaAt(holding.ip, pool, slot, ledger) === undefined
    if (!isKept && hasRoom && isInQuota && sharingRefusal(own, holding) === undefined) {
      return { kind: 'chosen', pool, ip: holding.ip, beside: holding, from: 'shared' }
    }
  }
  return undefined
}

/** The next free address of the first pool that has one. */
function freeIn({ pools, refusals }: Found, slot: Slot, facts: ChoiceFacts): Choice {
  const full: string[] = []
  const others: Refusal[] = []
  for (const pool of pools) {
    const obstacle = familyMismatch(pool, slot) ?? overQuota(pool, slot, facts.ledger)
    const ip = obstacle === undefined ? freeOf(pool, slot, facts) : undefined
    if (ip !== undefined) return { kind: 'chosen', pool, ip, from: 'free' }
    if (obstacle === undefined) full.push(pool.name)
    else others.push(obstacle)
  }
  const exhausted: Refusal = { code: 'PoolExhausted', pools: full, ...(slot.family && { family: slot.family }) }
  return refused(full.length > 0 ? exhausted : (worstOf(others) ?? refusals[0] ?? exhausted), [...others, ...refusals])
}

/** A quota says more than a pool of another family does. Several quotas are told as one. */
function worstOf(refusals: readonly Refusal[]): Refusal | undefined {
  const quotas = refusals.filter((refusal) => refusal.code === 'QuotaExceeded')
  const [first] = quotas
  return first === undefined ? refusals[0] : { ...first, pools: quotas.flatMap(({ pools }) => pools) }
}

function freeOf(pool: Pool, { own, family }: Slot, { service, ledger, obstacles, released }: ChoiceFacts): Ip | undefined {
  const uid = service.metadata.uid
  return findFree(pool, {
    ledger,
    family,
    key: serviceKey(own),
    released: released(pool.name),
    isOpen: (ip) =>
      !ledger.isShownByAnother(ip, uid) &&
      (pool.reservations.size === 0 || !pool.reservations.has(formatIp(ip))) &&
      obstacles.nodeOf(ip) === undefined &&
      obstacles.setAsideUntil(ip) === undefined,
  })
}

/** By what the Eip stands for, not by what it gives: one whose addresses are all excluded is exhausted, and of the right family. */
function familyMismatch(pool: Pool, { wish, family }: Slot): Refusal | undefined {
  if (family === undefined || pool.ranges.some((range) => range.family === family)) return undefined
  const [its = 'IPv4'] = poolFamilies(pool)
  return { code: 'FamilyMismatch', pool: pool.name, family: its, serves: wish.families.length > 1 ? [family] : wish.families }
}
