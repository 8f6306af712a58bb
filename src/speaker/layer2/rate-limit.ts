/**
 * How many answers one asker gets, by the MAC that its frames come from: a bucket of tokens for each. The burst lets a router whose
 * table is empty learn every address of an interface at once; the rate is what answering an asker may cost for good (a few per cent
 * of a core).
 */
export interface RateLimit {
  /** Takes a token of the MAC (six bytes of `bytes` from `at` on). False when it has none left. O(1), and allocates nothing. */
  admits(bytes: Uint8Array, at: number, nowMs: number): boolean
}

/** Answers per second and asker, once the burst is used up. */
export const ANSWERS_PER_SECOND = 5000
export const ANSWER_BURST = 10_000

/** Askers are kept in sets of four; the one of a set that was silent for longest makes room. A newcomer's bucket is full. */
const WAYS = 4
const SETS = 1024
const NEVER = -Infinity

/** Creates buckets for 4,096 askers, in 96 KiB. A flood of forged MACs pushes buckets out, and each newcomer has a burst again. */
export function createRateLimit(perSecond = ANSWERS_PER_SECOND, burst = ANSWER_BURST): RateLimit {
  const high = new Uint32Array(SETS * WAYS)
  const low = new Uint32Array(SETS * WAYS)
  const tokens = new Float64Array(SETS * WAYS)
  /** When the tokens were counted last. */
  const countedMs = new Float64Array(SETS * WAYS).fill(NEVER)
  const find = (macHigh: number, macLow: number): number => {
    const first = ((Math.imul(macLow ^ Math.imul(macHigh, 0x9e3779b1), 0x85ebca6b) >>> 0) % SETS) * WAYS
    let oldest = first
    for (let at = first; at < first + WAYS; at++) {
      if (high[at] === macHigh && low[at] === macLow && countedMs[at] !== NEVER) return at
      if ((countedMs[at] ?? 0) < (countedMs[oldest] ?? 0)) oldest = at
    }
    high[oldest] = macHigh
    low[oldest] = macLow
    countedMs[oldest] = NEVER
    return oldest
  }
  return {
    admits(bytes, at, nowMs) {
      const macHigh = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
      const macLow =
        (((bytes[at + 2] ?? 0) << 24) | ((bytes[at + 3] ?? 0) << 16) | ((bytes[at + 4] ?? 0) << 8) | (bytes[at + 5] ?? 0)) >>> 0
      const bucket = find(macHigh, macLow)
      const passedMs = Math.max(0, nowMs - (countedMs[bucket] ?? 0))
      const left = Math.min(burst, (tokens[bucket] ?? 0) + (passedMs * perSecond) / 1000)
      countedMs[bucket] = nowMs
      tokens[bucket] = left >= 1 ? left - 1 : left
      return left >= 1
    },
  }
}
