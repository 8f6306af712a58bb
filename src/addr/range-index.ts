import type { Family, Ip } from './ip.ts'
import { type AddressRange, rangeContains, rangesOverlap } from './range.ts'

interface Entry<T> {
  readonly range: AddressRange
  readonly item: T
}

/** Disjoint ranges, each with what it belongs to. */
export interface RangeIndex<T> {
  /** The item of a range that shares an address with this one: of several, the lowest. O(log n). */
  overlapping(range: AddressRange): T | undefined
  /** The item of the range that has the address. O(log n). */
  at(ip: Ip): T | undefined
  /** Adds a range that overlaps none of those that are there. */
  add(range: AddressRange, item: T): void
}

/** Creates an empty index. */
export function createRangeIndex<T>(): RangeIndex<T> {
  const sorted: Readonly<Record<Family, Entry<T>[]>> = { IPv4: [], IPv6: [] }
  return {
    overlapping(range) {
      const entries = sorted[range.family]
      const at = after(entries, range.first)
      // Disjoint and sorted: of those that start before, only the last can reach into this one, and it is the lowest that can.
      return [entries[at - 1], entries[at]].find((entry) => entry !== undefined && rangesOverlap(entry.range, range))?.item
    },
    at(ip) {
      const entries = sorted[ip.family]
      const entry = entries[after(entries, ip.value) - 1]
      return entry !== undefined && rangeContains(entry.range, ip) ? entry.item : undefined
    },
    add(range, item) {
      const entries = sorted[range.family]
      entries.splice(after(entries, range.first), 0, { range, item })
    },
  }
}

/** The index of the first range that starts after `value`. */
function after(entries: readonly Entry<unknown>[], value: bigint): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = entries[middle]
    if (entry !== undefined && entry.range.first <= value) low = middle + 1
    else high = middle
  }
  return low
}
