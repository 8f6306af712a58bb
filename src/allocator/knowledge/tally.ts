/** What an Eip's status says of its holdings, kept up to date at each change: a status write must not cost a walk over 65,536 of them. */
import { byAddress, type Holding } from '../ledger.ts'
import { lowest } from '../lowest.ts'

/** The holdings that count for one Eip. */
export interface Tally {
  readonly count: number
  /** How many Services hold them. */
  readonly services: number
  /** The lowest of them by address, IPv4 first; `count` up to TALLIED_LOWEST. */
  lowest(count: number): readonly Holding[]
  /** Those that the Eip does not give any more, in no order. */
  readonly draining: ReadonlySet<Holding>
}

export interface MutableTally extends Tally {
  /** Adds one that is not in it. */
  add(holding: Holding, isDraining: boolean): void
  /** Takes out one that is in it. */
  remove(holding: Holding): void
}

/** As many as a status lists at most. */
export const TALLIED_LOWEST = 4096
/** Twice as many are kept in order, so that a release now and then costs nothing. */
const KEPT = 2 * TALLIED_LOWEST

/** Creates it over `members`, which gives all holdings that count, whenever it is asked. */
export function createTally(members: () => Iterable<Holding>, isDraining: (holding: Holding) => boolean): MutableTally {
  const holders = createCounter()
  const draining = new Set<Holding>()
  let count = 0
  for (const holding of members()) {
    count++
    for (const { uid } of holding.claim.spec.holders) holders.add(uid, 1)
    if (isDraining(holding)) draining.add(holding)
  }
  const window = createWindow(members, () => count)
  return {
    get count() {
      return count
    },
    get services() {
      return holders.size
    },
    lowest: window.lowest,
    draining,
    add(holding, drains) {
      count++
      for (const { uid } of holding.claim.spec.holders) holders.add(uid, 1)
      if (drains) draining.add(holding)
      window.add(holding)
    },
    remove(holding) {
      count--
      for (const { uid } of holding.claim.spec.holders) holders.add(uid, -1)
      draining.delete(holding)
      window.remove(holding)
    },
  }
}

/** How often each key was added; those at zero are forgotten. */
function createCounter() {
  const counts = new Map<string, number>()
  return {
    add(key: string, more: number): void {
      const count = (counts.get(key) ?? 0) + more
      if (count === 0) counts.delete(key)
      else counts.set(key, count)
    },
    get size() {
      return counts.size
    },
  }
}

/** The lowest holdings, sorted: all of them, or at least those up to a bound. */
function createWindow(members: () => Iterable<Holding>, total: () => number) {
  let sorted: Holding[] = []
  /** Whether holdings above the last one of `sorted` were left out. */
  let isCut = false
  let isFilled = false
  function fill(): void {
    sorted = [...lowest([...members()], KEPT)]
    isCut = total() > sorted.length
    isFilled = true
  }
  return {
    lowest(count: number): readonly Holding[] {
      if (!isFilled || (isCut && sorted.length < count)) fill()
      return sorted.slice(0, count)
    },
    add(holding: Holding): void {
      const at = isFilled ? placeOf(sorted, holding) : 0
      // Above the bound nothing is known: it may not be the next one.
      if (!isFilled || (isCut && at === sorted.length)) return
      sorted.splice(at, 0, holding)
      if (sorted.length <= 2 * KEPT) return
      sorted.length = KEPT
      isCut = true
    },
    remove(holding: Holding): void {
      const at = isFilled ? placeOf(sorted, holding) : 0
      if (isFilled && sorted[at]?.claim.metadata.name === holding.claim.metadata.name) sorted.splice(at, 1)
    },
  }
}

/** The index of the first one that is not below `holding`. */
function placeOf(sorted: readonly Holding[], holding: Holding): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const other = sorted[middle]
    if (other !== undefined && byAddress(other, holding) < 0) low = middle + 1
    else high = middle
  }
  return low
}
