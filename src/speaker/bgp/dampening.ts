/** How often connections to a peer went wrong lately. */
export interface Oscillation {
  /** Halved for each HALF_LIFE_MS without a failure. */
  readonly failures: number
  readonly atMs: number
}

export const CALM: Oscillation = { failures: 0, atMs: 0 }

const FIRST_REST_MS = 1000
const LONGEST_REST_MS = 120_000
const HALF_LIFE_MS = 60_000
/** Doubling goes no further: LONGEST_REST_MS is reached before. */
const MOST_FAILURES = 16

const remaining = ({ failures, atMs }: Oscillation, nowMs: number): number => failures / 2 ** (Math.max(0, nowMs - atMs) / HALF_LIFE_MS)

/** After one more failure at `nowMs` (any steady clock). */
export const afterFailure = (before: Oscillation, nowMs: number): Oscillation => ({
  failures: Math.min(MOST_FAILURES, remaining(before, nowMs) + 1),
  atMs: nowMs,
})

/**
 * IdleHoldTime in milliseconds: how long a peer rests before the next attempt. Nothing after a single failure, so that one lost session
 * costs nothing; then 1 s, doubled with each failure up to 2 minutes. Source: RFC 4271 section 8.1.1, DampPeerOscillations, which leaves
 * the method open. Without jitter: see jittered() in ./timers.ts.
 */
export function restMs(oscillation: Oscillation, nowMs: number): number {
  const failures = Math.round(remaining(oscillation, nowMs))
  return failures <= 1 ? 0 : Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (failures - 2))
}
