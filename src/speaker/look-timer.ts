import type { Clock, Timer } from '../runtime/clock.ts'

/** When everything is looked at: at once, soon, or when time alone may have changed something. */
export interface LookTimer {
  /** Begins, with a look at once. Nothing happens before. */
  start(): void
  /** Looks now. */
  run(): void
  /** Looks after changes that come together have come. */
  soon(): void
  /** Looks after `ms` at the latest. */
  within(ms: number): void
  /** Idempotent. */
  close(): void
}

/** Changes that come within this time are looked at together. */
const SETTLE_MS = 5
/** With very many claims a look takes long: this many times as long passes before the next one, up to LONGEST_SETTLE_MS. */
const REST = 4
const LONGEST_SETTLE_MS = 500
/** A look at everything that nothing asked for: a lost wake-up must not last. */
const LONGEST_SLEEP_MS = 10_000

/** `look` looks at everything, and gives after how many milliseconds time alone may have changed something. */
export function createLookTimer(clock: Clock, look: () => number | undefined): LookTimer {
  let state: 'new' | 'on' | 'closed' = 'new'
  let timer: Timer | undefined
  let dueMs = Infinity
  let lookMs = 0
  const run = (): void => {
    if (state !== 'on') return
    timer?.cancel()
    dueMs = Infinity
    const beganMs = clock.monotonicMs()
    const againMs = look()
    lookMs = clock.monotonicMs() - beganMs
    within(Math.min(againMs ?? LONGEST_SLEEP_MS, LONGEST_SLEEP_MS))
  }
  const within = (ms: number): void => {
    const thenMs = clock.monotonicMs() + ms
    if (state !== 'on' || thenMs >= dueMs) return
    timer?.cancel()
    dueMs = thenMs
    timer = clock.setTimer(ms, run)
  }
  return {
    run,
    within,
    soon: () => within(Math.min(LONGEST_SETTLE_MS, Math.max(SETTLE_MS, REST * lookMs))),
    start() {
      if (state === 'new') state = 'on'
      run()
    },
    close() {
      state = 'closed'
      timer?.cancel()
    },
  }
}
