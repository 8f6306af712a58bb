/** Ages as kubectl prints them. */

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365 * DAY

/** Up to `belowMs` in `unit`, with the rest in `minor` if there is one. */
const STEPS = [
  { belowMs: 2 * MINUTE, unit: SECOND, letter: 's' },
  { belowMs: 10 * MINUTE, unit: MINUTE, letter: 'm', minor: SECOND, minorLetter: 's' },
  { belowMs: 3 * HOUR, unit: MINUTE, letter: 'm' },
  { belowMs: 8 * HOUR, unit: HOUR, letter: 'h', minor: MINUTE, minorLetter: 'm' },
  { belowMs: 2 * DAY, unit: HOUR, letter: 'h' },
  { belowMs: 8 * DAY, unit: DAY, letter: 'd', minor: HOUR, minorLetter: 'h' },
  { belowMs: 2 * YEAR, unit: DAY, letter: 'd' },
  { belowMs: 8 * YEAR, unit: YEAR, letter: 'y', minor: DAY, minorLetter: 'd' },
  { belowMs: Number.POSITIVE_INFINITY, unit: YEAR, letter: 'y' },
] as const

/** Milliseconds as `45s`, `3m10s`, `26h`, `12d`: two units at most. Negative ones, of another machine's clock, are `0s`. */
export function formatSpan(ms: number): string {
  const whole = Math.max(0, ms)
  const step = STEPS.find(({ belowMs }) => whole < belowMs)
  if (step === undefined) return '0s'
  const major = Math.floor(whole / step.unit)
  const rest = 'minor' in step ? Math.floor((whole - major * step.unit) / step.minor) : 0
  return `${major}${step.letter}${rest > 0 && 'minor' in step ? `${rest}${step.minorLetter}` : ''}`
}

/** The age of something that began at `since` (RFC 3339 text); `unknown` when that cannot be read. */
export function formatAge(since: string | undefined, nowMs: number): string {
  const sinceMs = Date.parse(since ?? '')
  return Number.isNaN(sinceMs) ? 'unknown' : formatSpan(nowMs - sinceMs)
}
