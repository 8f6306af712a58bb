/** The status of an Eip: a projection of the claims, in the forms that OpenELB prints. */
import { type Family, formatIp } from '../addr/ip.ts'
import { firstIp, lastIp } from '../addr/range.ts'
import { holdersText } from '../api/address-claim.ts'
import { type EipObject, type EipStatus, USED_ENTRIES_MAX } from '../api/eip.ts'
import { poolSize } from '../policy/pool-ranges.ts'
import { eipConditions } from './eip-conditions.ts'
import type { Tally } from './knowledge/tally.ts'
import { lowest } from './lowest.ts'
import type { PoolState } from './pools.ts'

/** What an Eip's status is made from, beside the Eip. */
export interface EipFacts {
  readonly state: PoolState
  /** What is held of it. */
  readonly tally: Tally
  /** How many Services wait for an address of it. */
  readonly waiting: number
  /** The families of which nothing is free. */
  readonly full: readonly Family[]
  /** What is remembered of its addresses that nobody holds. */
  readonly history: Required<Pick<EipStatus, 'released' | 'setAside'>>
}

/** The largest integer that every JSON reader keeps exact. */
const LARGEST_EXACT = BigInt(Number.MAX_SAFE_INTEGER)

/** How many draining addresses the condition names. */
const DRAINING_NAMED = 10

/**
 * The whole status that an Eip should have. `usage`, `used` and `occupied` are absent while nothing is held, `v4` for IPv6, as OpenELB has
 * it. `now` is RFC 3339. An Eip that cannot be read has no size; what is held in its name is still counted.
 */
export function eipStatus(eip: EipObject, facts: EipFacts, now: string): EipStatus {
  const { state, tally, history } = facts
  const draining = { count: tally.draining.size, first: lowest([...tally.draining], DRAINING_NAMED) }
  return {
    ready: state.kind === 'active' && !state.pool.deleting,
    ...sizeOf(state, tally.count - draining.count),
    ...usageOf(tally),
    ...(history.released.length > 0 && { released: history.released }),
    ...(history.setAside.length > 0 && { setAside: history.setAside }),
    ...(eip.metadata.generation !== undefined && { observedGeneration: eip.metadata.generation }),
    conditions: eipConditions(eip, { ...facts, draining }, now),
  }
}

type Size = Pick<EipStatus, 'firstIP' | 'lastIP' | 'poolSize' | 'capacity' | 'v4' | 'occupied'>

/** `firstIP`, `lastIP` and `v4` speak of spec.address, as in OpenELB; the sizes of everything that the Eip gives. */
function sizeOf(state: PoolState, inside: number): Size {
  if (state.kind === 'invalid') return {}
  const { range } = state.pool
  const size = poolSize(state.pool)
  return {
    firstIP: formatIp(firstIp(range)),
    lastIP: formatIp(lastIp(range)),
    poolSize: Number(size > LARGEST_EXACT ? LARGEST_EXACT : size),
    capacity: size.toString(),
    ...(range.family === 'IPv4' && { v4: true }),
    ...(inside > 0 && BigInt(inside) >= size && { occupied: true }),
  }
}

function usageOf(tally: Tally): Pick<EipStatus, 'usage' | 'used' | 'usedTruncated'> {
  if (tally.count === 0) return {}
  const listed = tally.lowest(USED_ENTRIES_MAX)
  const used = Object.fromEntries(listed.map((holding) => [holding.address, holdersText(holding.claim.spec.holders)]))
  return { usage: tally.count, used, ...(tally.count > listed.length && { usedTruncated: true }) }
}
