/** A mutable set of addresses of one family, kept as intervals: its memory grows with the gaps, not with the pool. */
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

/**
 * Creates an empty set. Every call searches in O(log n) of the number of intervals; add and delete may also move the tail
 * of an array, which is a memory copy of 8 bytes per interval.
 */
export function createIntervalSet(): IntervalSet {
  const intervals: Intervals = { starts: [], ends: [] }
  let size = 0
  return {
    add(value) {
      const added = insert(intervals, value)
      if (added) size++
      return added
    },
    delete(value) {
      const removed = remove(intervals, value)
      if (removed) size--
      return removed
    },
    has: (value) => covers(intervals, search(intervals, value), value),
    firstGap(first, last) {
      const end = intervals.ends[search(intervals, first)]
      const gap = end === undefined || end < first ? first : end + 1n
      return gap <= last ? gap : undefined
    },
    get size() {
      return size
    },
  }
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

function covers({ ends }: Intervals, index: number, value: bigint): boolean {
  const end = ends[index]
  return end !== undefined && value <= end
}

function insert(intervals: Intervals, value: bigint): boolean {
  const { starts, ends } = intervals
  const index = search(intervals, value)
  if (covers(intervals, index, value)) return false
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
  return true
}

function remove(intervals: Intervals, value: bigint): boolean {
  const { starts, ends } = intervals
  const index = search(intervals, value)
  if (!covers(intervals, index, value)) return false
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
  return true
}
