/** Ranges that share an address. The webhook refuses the second one; the allocator never gives an address out of the younger one. */
import { type AddressRange, rangesOverlap, withoutRanges } from '../addr/range.ts'
import { createRangeIndex } from '../addr/range-index.ts'
import type { Pool } from './pool.ts'

/** A name and the addresses it stands for: a pool, or an Eip that another webhook replica is admitting at this moment. */
export interface NamedRanges {
  readonly name: string
  readonly ranges: readonly AddressRange[]
}

/** The first of `others`, in their order, that shares an address with one of the ranges. The caller leaves out their own Eip. */
export function findOverlap<T extends NamedRanges>(ranges: readonly AddressRange[], others: Iterable<T>): T | undefined {
  for (const other of others) {
    if (other.ranges.some((theirs) => ranges.some((ours) => rangesOverlap(ours, theirs)))) return other
  }
  return undefined
}

export type Standing = { readonly kind: 'active' } | { readonly kind: 'overlap'; readonly with: string }

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Whether pool `a` goes before pool `b`: the older first, by name where the API server's seconds do not tell. */
export function compareAge(a: Pick<Pool, 'created' | 'name'>, b: Pick<Pool, 'created' | 'name'>): number {
  return byText(a.created, b.created) || byText(a.name, b.name)
}

/** The ranges of a pool without what an earlier range of its own has already. */
export const distinctRanges = ({ ranges }: Pick<Pool, 'ranges'>): readonly AddressRange[] =>
  ranges.flatMap((range, at) => withoutRanges(range, ranges.slice(0, at)))

/**
 * Which pools may give addresses. Oldest first, each pool is active unless it shares an address with an active one, which it then names.
 * A pool that overlaps only pools that are themselves not active is active: deleting the oldest of a chain frees its neighbour.
 * Disabled and deleting pools count, as they do in OpenELB's admission. O(n log n) searches for n ranges.
 */
export function activePools(pools: Iterable<Pool>): ReadonlyMap<string, Standing> {
  const standings = new Map<string, Standing>()
  const active = createRangeIndex<string>()
  for (const pool of [...pools].toSorted(compareAge)) {
    const rival = pool.ranges.map((range) => active.overlapping(range)).find((name) => name !== undefined)
    if (rival === undefined) for (const range of distinctRanges(pool)) active.add(range, pool.name)
    standings.set(pool.name, rival === undefined ? { kind: 'active' } : { kind: 'overlap', with: rival })
  }
  return standings
}
