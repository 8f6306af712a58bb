/** What a delay depends on. `attempt` counts from 1; `random` gives numbers from 0 up to (not including) 1. */
export interface BackoffOptions {
  readonly attempt: number
  readonly baseMs: number
  readonly maxMs: number
  readonly random: () => number
}

/** Past this exponent every sensible base has met its maximum, and 2 ** n must not become Infinity. */
const LARGEST_EXPONENT = 30

/**
 * How long to wait before the next try: doubles from `baseMs` per attempt up to `maxMs`, then takes a random point in the upper
 * half of that, so that many clients that failed at once do not come back at once. Always from baseMs / 2 to maxMs.
 */
export function backoffDelayMs({ attempt, baseMs, maxMs, random }: BackoffOptions): number {
  const exponent = Math.min(Math.max(0, attempt - 1), LARGEST_EXPONENT)
  const fullMs = Math.min(maxMs, baseMs * 2 ** exponent)
  return fullMs / 2 + (fullMs / 2) * random()
}

/** `ms` moved by at most `fraction` of itself in either direction: periodic work of many processes drifts apart. */
export function jitteredMs(ms: number, fraction: number, random: () => number): number {
  return ms * (1 + fraction * (2 * random() - 1))
}
