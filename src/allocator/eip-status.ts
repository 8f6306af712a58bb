/** The status of an Eip: a projection of the claims, in the forms that OpenELB prints. */
import { formatIp } from '../addr/ip.ts'
import { firstIp, lastIp, rangeSize } from '../addr/range.ts'
import { holdersText } from '../api/address-claim.ts'
import { setCondition } from '../api/condition.ts'
import type { Condition } from '../api/core-objects.ts'
import { type EipObject, type EipStatus, USED_ENTRIES_MAX } from '../api/eip.ts'
import { byAddress, type Holding } from './ledger.ts'
import type { PoolState } from './pools.ts'

/** The largest integer that every JSON reader keeps exact. */
const LARGEST_EXACT = BigInt(Number.MAX_SAFE_INTEGER)

/** A merge patch of the status: null takes a field off, absent fields stay. */
export type StatusPatch = Readonly<Record<string, unknown>>

/**
 * The whole status that an Eip should have. `usage`, `used` and `occupied` are absent while nothing is held, `v4` for IPv6, as OpenELB has
 * it. `now` is RFC 3339. An Eip that cannot be read has no size; what is held in its name is still counted.
 */
export function eipStatus(eip: EipObject, state: PoolState, held: Iterable<Holding>, now: string): EipStatus {
  const holdings = [...held]
  const conditions = setCondition(eip.status?.conditions, { type: 'Ready', ...readiness(state), ...generationOf(eip) }, now)
  return {
    ready: state.kind === 'active' && !state.pool.deleting,
    ...sizeOf(state, holdings.length),
    ...usageOf(holdings),
    ...generationOf(eip),
    conditions,
  }
}

const generationOf = (eip: EipObject): { readonly observedGeneration?: number } =>
  eip.metadata.generation === undefined ? {} : { observedGeneration: eip.metadata.generation }

function readiness(state: PoolState): Pick<Condition, 'status' | 'reason' | 'message'> {
  if (state.kind === 'invalid') return { status: 'False', reason: 'Invalid', message: `${state.error.message}: ${state.error.cure}` }
  if (state.kind === 'overlap') {
    const cure = 'nothing is given out of this Eip until one of the two is deleted'
    return { status: 'False', reason: 'Overlap', message: `eip address overlap with ${state.with}: ${cure}` }
  }
  if (state.pool.deleting) return { status: 'False', reason: 'Deleting', message: 'the Eip is being deleted; held addresses stay' }
  if (state.pool.disabled) return { status: 'True', reason: 'Disabled', message: 'spec.disable stops new allocations; held addresses stay' }
  return { status: 'True', reason: 'Active', message: 'addresses are given out of this Eip' }
}

function sizeOf(state: PoolState, usage: number): Pick<EipStatus, 'firstIP' | 'lastIP' | 'poolSize' | 'capacity' | 'v4' | 'occupied'> {
  if (state.kind === 'invalid') return {}
  const { range } = state.pool
  const size = rangeSize(range)
  return {
    firstIP: formatIp(firstIp(range)),
    lastIP: formatIp(lastIp(range)),
    poolSize: Number(size > LARGEST_EXACT ? LARGEST_EXACT : size),
    capacity: size.toString(),
    ...(range.family === 'IPv4' && { v4: true }),
    ...(BigInt(usage) >= size && { occupied: true }),
  }
}

function usageOf(holdings: Holding[]): Pick<EipStatus, 'usage' | 'used' | 'usedTruncated'> {
  if (holdings.length === 0) return {}
  const listed = holdings.toSorted(byAddress).slice(0, USED_ENTRIES_MAX)
  const used = Object.fromEntries(listed.map((holding) => [holding.address, holdersText(holding.claim.spec.holders)]))
  return { usage: holdings.length, used, ...(holdings.length > USED_ENTRIES_MAX && { usedTruncated: true }) }
}

/** The merge patch that turns one status into another, or undefined when they are equal. Only fields that differ are in it. */
export function statusPatch(current: EipStatus | undefined, wanted: EipStatus): StatusPatch | undefined {
  const before: Readonly<Record<string, unknown>> = current ?? {}
  const after: Readonly<Record<string, unknown>> = wanted
  const patch: Record<string, unknown> = {}
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (isDeepEqual(before[key], after[key])) continue
    const bothMaps = key === 'used' && before[key] !== undefined && after[key] !== undefined
    patch[key] = bothMaps ? mapPatch(current?.used ?? {}, wanted.used ?? {}) : (after[key] ?? null)
  }
  return Object.keys(patch).length === 0 ? undefined : patch
}

function mapPatch(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): Record<string, string | null> {
  const changed = Object.entries(after).filter(([key, value]) => before[key] !== value)
  const gone = Object.keys(before).filter((key) => after[key] === undefined)
  return Object.fromEntries([...changed, ...gone.map((key): [string, null] => [key, null])])
}

/** Equality of JSON values; the order of keys does not count, because the API server sorts them. */
function isDeepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const left = Object.entries(a)
  const right: Readonly<Record<string, unknown>> = { ...b }
  return left.length === Object.keys(right).length && left.every(([key, value]) => isDeepEqual(value, right[key]))
}
