/** The interfaces whose raw sockets do not work, with a rest after each failure so that addresses do not come and go with every try. */
export interface BrokenInterfaces {
  /** Takes in the indexes that are broken now. Gives true when the whole set, those at rest included, is another one than before. */
  observe(broken: ReadonlySet<number>, nowMs: number): boolean
  has(index: number): boolean
}

/** How long an interface counts as broken after it was last seen so. */
export const BROKEN_REST_MS = 10_000

/** Creates an empty set. Times are milliseconds of one monotonic clock. */
export function createBrokenInterfaces(): BrokenInterfaces {
  const untilMs = new Map<number, number>()
  return {
    observe(broken, nowMs) {
      let changed = false
      for (const index of broken) {
        changed ||= !untilMs.has(index)
        untilMs.set(index, nowMs + BROKEN_REST_MS)
      }
      for (const [index, endMs] of untilMs) if (endMs <= nowMs) changed = untilMs.delete(index)
      return changed
    },
    has: (index) => untilMs.has(index),
  }
}
