/** A mutable set of addresses of one family. Its memory grows with what it holds, never with the width of a pool. */
export interface IntervalSet {
  /** Adds one value; false when it was there. */
  add(value: bigint): boolean
  /** Removes one value; false when it was not there. */
  delete(value: bigint): boolean
  has(value: bigint): boolean
  /** The lowest value of first..last that is not in the set, or undefined when all are. */
  firstGap(first: bigint, last: bigint): bigint | undefined
  /** How many values it has. */
  readonly size: number
}

/** Interval i holds starts[i]..ends[i]. Ascending, and never touching: the value after an end is not in the set. */
interface Intervals {
  readonly starts: bigint[]
  readonly ends: bigint[]
}

/** Values share a block by all but their low bits; a block is a bit mask of the values that are in the set. */
const BLOCK_BITS = 8n
const OFFSET_MASK = (1n << BLOCK_BITS) - 1n
const FULL_BLOCK = (1n << (1n << BLOCK_BITS)) - 1n

/**
 * Creates an empty set. Values are kept as blocks of 256; the numbers of the full blocks are kept as intervals, so that
 * firstGap skips any run of full blocks by one binary search: O(log n), however scattered the holdings are.
 */
export function createIntervalSet(): IntervalSet {
  const blocks = new Map<bigint, bigint>()
  const full: Intervals = { starts: [], ends: [] }
  let size = 0
  const maskOf = (block: bigint): bigint => blocks.get(block) ?? 0n
  return {
    add(value) {
      const block = value >> BLOCK_BITS
      const before = maskOf(block)
      const after = before | (1n << (value & OFFSET_MASK))
      if (after === before) return false
      blocks.set(block, after)
      if (after === FULL_BLOCK) insert(full, block)
      size++
      return true
    },
    delete(value) {
      const block = value >> BLOCK_BITS
      const before = maskOf(block)
      const after = before & ~(1n << (value & OFFSET_MASK))
      if (after === before) return false
      if (before === FULL_BLOCK) remove(full, block)
      if (after === 0n) blocks.delete(block)
      else blocks.set(block, after)
      size--
      return true
    },
    has: (value) => ((maskOf(value >> BLOCK_BITS) >> (value & OFFSET_MASK)) & 1n) === 1n,
    firstGap(first, last) {
      const block = first >> BLOCK_BITS
      const gap = gapFrom(maskOf(block), first & OFFSET_MASK)
      const nextBlock = gap === undefined ? firstMissing(full, block + 1n) : block
      const found = (nextBlock << BLOCK_BITS) | (gap ?? gapFrom(maskOf(nextBlock), 0n) ?? 0n)
      return found <= last ? found : undefined
    },
    get size() {
      return size
    },
  }
}

/** The lowest clear bit of a block at or after `offset`. */
function gapFrom(mask: bigint, offset: bigint): bigint | undefined {
  const taken = mask | ((1n << offset) - 1n)
  if (taken === FULL_BLOCK) return undefined
  const lowestClear = (taken + 1n) & ~taken
  return BigInt(lowestClear.toString(2).length - 1)
}

/** The lowest value at or after `first` that is in no interval. */
function firstMissing(intervals: Intervals, first: bigint): bigint {
  const end = intervals.ends[search(intervals, first)]
  return end === undefined || end < first ? first : end + 1n
}

/** Index of the last interval that starts at or before `value`, or -1. */
function search({ starts }: Intervals, value: bigint): number {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const start = starts[middle]
    if (start !== undefined && start <= value) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** Adds a value that is in no interval, and merges the intervals that it joins. */
function insert(intervals: Intervals, value: bigint): void {
  const { starts, ends } = intervals
  const index = search(intervals, value)
  const touchesBefore = ends[index] === value - 1n
  const touchesAfter = starts[index + 1] === value + 1n
  if (touchesBefore && touchesAfter) {
    ends.splice(index, 1)
    starts.splice(index + 1, 1)
  } else if (touchesBefore) ends[index] = value
  else if (touchesAfter) starts[index + 1] = value
  else {
    starts.splice(index + 1, 0, value)
    ends.splice(index + 1, 0, value)
  }
}

/** Removes a value that is in an interval, which may split it. */
function remove(intervals: Intervals, value: bigint): void {
  const { starts, ends } = intervals
  const index = search(intervals, value)
  const isStart = starts[index] === value
  const isEnd = ends[index] === value
  if (isStart && isEnd) {
    starts.splice(index, 1)
    ends.splice(index, 1)
  } else if (isStart) starts[index] = value + 1n
  else if (isEnd) ends[index] = value - 1n
  else {
    starts.splice(index + 1, 0, value + 1n)
    ends.splice(index, 0, value - 1n)
  }
}
