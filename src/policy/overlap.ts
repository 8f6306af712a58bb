/** Ranges that share an address. The webhook refuses the second one; the allocator never gives an address out of the younger one. */
import { type AddressRange, rangesOverlap } from '../addr/range.ts'
import type { Pool } from './pool.ts'

/** A name and the addresses it stands for: a pool, or an Eip that another webhook replica is admitting at this moment. */
export interface NamedRange {
  readonly name: string
  readonly range: AddressRange
}

/** The first of `others`, in their order, that shares an address with `range`. The caller leaves out the range's own Eip. */
export function findOverlap<T extends NamedRange>(range: AddressRange, others: Iterable<T>): T | undefined {
  for (const other of others) {
    if (rangesOverlap(range, other.range)) return other
  }
  return undefined
}

export type Standing = { readonly kind: 'active' } | { readonly kind: 'overlap'; readonly with: string }

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Whether pool `a` goes before pool `b`: the older first, by name where the API server's seconds do not tell. */
export function compareAge(a: Pick<Pool, 'created' | 'name'>, b: Pick<Pool, 'created' | 'name'>): number {
  return byText(a.created, b.created) || byText(a.name, b.name)
}

/**
 * Which pools may give addresses. Oldest first, each pool is active unless it shares an address with an active one, which it then names.
 * A pool that overlaps only pools that are themselves not active is active: deleting the oldest of a chain frees its neighbour.
 * Disabled and deleting pools count, as they do in OpenELB's admission. O(n log n) searches for n pools.
 */
export function activePools(pools: Iterable<Pool>): ReadonlyMap<string, Standing> {
  const standings = new Map<string, Standing>()
  const active: Record<AddressRange['family'], Pool[]> = { IPv4: [], IPv6: [] }
  for (const pool of [...pools].toSorted(compareAge)) {
    const sorted = active[pool.range.family]
    const at = insertionPoint(sorted, pool.range.first)
    // Active ranges are disjoint and sorted, so only the neighbours on both sides can share an address with this one.
    const rival = [sorted[at - 1], sorted[at]].find((other) => other !== undefined && rangesOverlap(other.range, pool.range))
    if (rival === undefined) sorted.splice(at, 0, pool)
    standings.set(pool.name, rival === undefined ? { kind: 'active' } : { kind: 'overlap', with: rival.name })
  }
  return standings
}

/** The index of the first pool whose range starts after `first`. */
function insertionPoint(sorted: readonly Pool[], first: bigint): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const pool = sorted[middle]
    if (pool !== undefined && pool.range.first <= first) low = middle + 1
    else high = middle
  }
  return low
}
