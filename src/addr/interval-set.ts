/** A mutable set of addresses of one family. Its memory grows with what it holds, never with the width of a pool. */
export interface IntervalSet {
  /** Adds one value; false when it was there. */
  add(value: bigint): boolean
  /** Removes one value; false when it was not there. */
  delete(value: bigint): boolean
  has(value: bigint): boolean
  /**
   * The lowest value of first..last that is not in the set, or undefined when all are. With `passEdges`, values whose last byte is 0 or
   * 255 count as if they were in it.
   */
  firstGap(first: bigint, last: bigint, passEdges?: boolean): bigint | undefined
  /** The highest value of first..last that is not in the set, likewise. */
  lastGap(first: bigint, last: bigint, passEdges?: boolean): bigint | undefined
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

/** The first and the last value of a block. */
const EDGES = 1n | (1n << OFFSET_MASK)

/** The blocks that are full once the values of `passed` are counted in, as intervals. */
interface Fullness {
  readonly passed: bigint
  readonly full: Intervals
}

/**
 * Creates an empty set. Values are kept as blocks of 256; the numbers of the full blocks are kept as intervals, so that a search skips any
 * run of full blocks by one binary search: O(log n), however scattered the holdings are.
 */
export function createIntervalSet(): IntervalSet {
  const blocks = new Map<bigint, bigint>()
  const whole: Fullness = { passed: 0n, full: { starts: [], ends: [] } }
  const inner: Fullness = { passed: EDGES, full: { starts: [], ends: [] } }
  let size = 0
  const maskOf = (block: bigint): bigint => blocks.get(block) ?? 0n
  function put(block: bigint, before: bigint, after: bigint): void {
    if (after === 0n) blocks.delete(block)
    else blocks.set(block, after)
    for (const { passed, full } of [whole, inner]) {
      const [wasFull, isFull] = [(before | passed) === FULL_BLOCK, (after | passed) === FULL_BLOCK]
      if (!wasFull && isFull) insert(full, block)
      if (wasFull && !isFull) remove(full, block)
    }
  }
  return {
    add(value) {
      const before = maskOf(value >> BLOCK_BITS)
      const after = before | (1n << (value & OFFSET_MASK))
      if (after === before) return false
      put(value >> BLOCK_BITS, before, after)
      size++
      return true
    },
    delete(value) {
      const before = maskOf(value >> BLOCK_BITS)
      const after = before & ~(1n << (value & OFFSET_MASK))
      if (after === before) return false
      put(value >> BLOCK_BITS, before, after)
      size--
      return true
    },
    has: (value) => ((maskOf(value >> BLOCK_BITS) >> (value & OFFSET_MASK)) & 1n) === 1n,
    firstGap: (first, last, passEdges = false) => firstGap(passEdges ? inner : whole, maskOf, first, last),
    lastGap: (first, last, passEdges = false) => lastGap(passEdges ? inner : whole, maskOf, first, last),
    get size() {
      return size
    },
  }
}

type MaskOf = (block: bigint) => bigint

function firstGap({ passed, full }: Fullness, maskOf: MaskOf, first: bigint, last: bigint): bigint | undefined {
  const block = first >> BLOCK_BITS
  const gap = lowestClear(maskOf(block) | passed | ((1n << (first & OFFSET_MASK)) - 1n))
  const next = gap === undefined ? firstMissing(full, block + 1n) : block
  const found = (next << BLOCK_BITS) | (gap ?? lowestClear(maskOf(next) | passed) ?? 0n)
  return found <= last ? found : undefined
}

function lastGap({ passed, full }: Fullness, maskOf: MaskOf, first: bigint, last: bigint): bigint | undefined {
  const block = last >> BLOCK_BITS
  const above = FULL_BLOCK & ~((2n << (last & OFFSET_MASK)) - 1n)
  const gap = highestClear(maskOf(block) | passed | above)
  const next = gap === undefined ? lastMissing(full, block - 1n) : block
  if (next < 0n) return undefined
  const found = (next << BLOCK_BITS) | (gap ?? highestClear(maskOf(next) | passed) ?? 0n)
  return found >= first ? found : undefined
}

function lowestClear(taken: bigint): bigint | undefined {
  if (taken === FULL_BLOCK) return undefined
  const bit = (taken + 1n) & ~taken
  return BigInt(bit.toString(2).length - 1)
}

function highestClear(taken: bigint): bigint | undefined {
  const clear = FULL_BLOCK & ~taken
  return clear === 0n ? undefined : BigInt(clear.toString(2).length - 1)
}

/** The lowest value at or after `first` that is in no interval. */
function firstMissing(intervals: Intervals, first: bigint): bigint {
  const end = intervals.ends[search(intervals, first)]
  return end === undefined || end < first ? first : end + 1n
}

/** The highest value at or before `last` that is in no interval. */
function lastMissing(intervals: Intervals, last: bigint): bigint {
  const index = search(intervals, last)
  const [start, end] = [intervals.starts[index], intervals.ends[index]]
  return start === undefined || end === undefined || end < last ? last : start - 1n
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
