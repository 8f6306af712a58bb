/** The address that a Service asks for: given as it stands, or refused with the first thing that stands against it. */
import { formatIp, type Ip } from '../addr/ip.ts'
import { HOLDERS_MAX } from '../api/address-claim.ts'
import { addressObstacle } from '../policy/address-obstacle.ts'
import type { Pool } from '../policy/pool.ts'
import { poolContains } from '../policy/pool-ranges.ts'
import type { Refusal } from '../policy/refusal.ts'
import type { Choice, ChoiceFacts, Slot } from './choose.ts'
import { contestedUntil } from './knowledge/set-aside.ts'
import { holderOf } from './ledger.ts'
import type { PoolState } from './pools.ts'
import { overQuotaAt } from './quota.ts'
import { serviceKey } from './service-key.ts'
import { sharingRefusal } from './sharing.ts'

type Refused = Extract<Choice, { kind: 'refused' }>

const refused = (refusal: Refusal, others: readonly Refusal[] = []): Refused => ({ kind: 'refused', refusal, others })

/** The pool, when new addresses may be taken from it; else why not. */
export function openPool(name: string, state: PoolState | undefined): Pool | Refusal {
  if (state === undefined) return { code: 'PoolNotFound', pool: name }
  if (state.kind === 'invalid') return { code: 'PoolInvalid', pool: name, detail: state.error.message }
  if (state.pool.deleting) return { code: 'PoolDeleted', pool: name }
  if (state.kind === 'overlap') return { code: 'PoolOverlap', pool: name, with: state.with }
  return state.pool.disabled ? { code: 'PoolDisabled', pool: name } : state.pool
}

/** Chooses exactly this address, or says why not. */
export function chooseNamedAddress(ip: Ip, slot: Slot, facts: ChoiceFacts): Choice {
  const pool = slot.wish.eips.length === 0 ? poolWith(ip, facts) : namedPoolWith(ip, slot.wish.eips, facts)
  if ('kind' in pool) return pool
  if (pool.enforceNamespaces && facts.namespace === undefined) return { kind: 'unknown-namespace' }
  const holding = facts.ledger.at(ip)
  const isJoining = holding?.claim.spec.holders.some(({ namespace }) => namespace === slot.own.namespace) === true
  const obstacle =
    obstacleOf(ip, pool, slot, facts) ??
    (holding === undefined ? freeObstacle(ip, facts) : holderObstacle(holding, slot)) ??
    (isJoining ? undefined : overQuotaAt(ip, pool, slot, facts.ledger))
  if (obstacle !== undefined) return refused(obstacle)
  return { kind: 'chosen', pool, ip, from: 'request', ...(holding && { beside: holding }) }
}

function poolWith(ip: Ip, { pools }: ChoiceFacts): Pool | Refused {
  const pool = pools.containing(ip)
  if (pool === undefined) return refused({ code: 'AddressInNoPool', address: formatIp(ip) })
  const state = openPool(pool.name, { kind: 'active', pool })
  return 'code' in state ? refused(state) : state
}

/** Of the Eips that the Service names, the one that has the address; else what each of them says: foremost the one that has it in its range. */
function namedPoolWith(ip: Ip, eips: readonly string[], { pools }: ChoiceFacts): Pool | Refused {
  const states = eips.map((name) => openPool(name, pools.get(name)))
  const found = states.find((state) => !('code' in state) && poolContains(state, ip))
  if (found !== undefined && !('code' in found)) return found
  const refusals = states.map((state) => ('code' in state ? state : outside(ip, state)))
  const at = eips.findIndex((name) => hasInRange(pools.get(name), ip))
  const foremost = refusals[Math.max(at, 0)] ?? { code: 'AddressInNoPool', address: formatIp(ip) }
  return refused(foremost, refusals)
}

const hasInRange = (state: PoolState | undefined, ip: Ip): boolean => state !== undefined && 'pool' in state && poolContains(state.pool, ip)

function outside(ip: Ip, { name, spec }: Pool): Refusal {
  return { code: 'AddressOutsidePool', address: formatIp(ip), pool: name, range: [spec.address, ...(spec.addresses ?? [])].join(',') }
}

/** What of the Eip and of the network stands against the address, whoever has it: the rule that admission applies, too. */
function obstacleOf(ip: Ip, pool: Pool, { own }: Slot, { service, namespace, obstacles }: ChoiceFacts): Refusal | undefined {
  const applicant = namespace && { namespace, labels: service.metadata.labels ?? {} }
  return addressObstacle(ip, pool, { service: own, applicant, isExcluded: obstacles.isExcluded, nodeAt: obstacles.nodeOf })
}

function freeObstacle(ip: Ip, { ledger, obstacles }: ChoiceFacts): Refusal | undefined {
  const address = formatIp(ip)
  const until = obstacles.setAsideUntil(ip)
  if (until !== undefined) return { code: 'AddressConflict', address, until }
  // Set aside by a Service whose claim is under way: its release, or the failure of that claim, wakes us.
  return ledger.isTaken(ip) ? { code: 'AddressTaken', address, by: 'a Service that just asked for it' } : undefined
}

function holderObstacle(holding: NonNullable<Slot['replacing']>, { own }: Slot): Refusal | undefined {
  const { holders } = holding.claim.spec
  // Nothing new comes to an address that somebody else uses. A claim of its own that it leaves for this is set aside: only then time helps.
  const until = contestedUntil(holding.claim)
  const isLeaving = holderOf(holding, own.uid) !== undefined
  if (until !== undefined) return { code: 'AddressConflict', address: holding.address, ...(isLeaving && { until }) }
  if (holders.length < HOLDERS_MAX) return sharingRefusal(own, holding)
  return { code: 'AddressTaken', address: holding.address, by: holders.map(serviceKey).join(';') }
}
