import type { Clock, Timer } from '../runtime/clock.ts'

/** When everything is looked at: at once, soon, or when time alone may have changed something. */
export interface LookTimer {
  /** Begins, with a look at once. Nothing happens before. */
  start(): void
  /** Looks now. */
  run(): void
  /** Looks after changes that come together have come. */
  soon(): void
  /** Looks within `ms`; any look until then stands for it, since it says anew what time will change. */
  by(ms: number): void
  /** Looks after `ms`, and not before alone: a look until then does not stand for it. */
  within(ms: number): void
  /** Idempotent. */
  close(): void
}

/** Changes that come within this time are looked at together. */
const SETTLE_MS = 5
/** With very many claims a look takes long: this many times as long passes before the next one, up to LONGEST_SETTLE_MS. */
const REST = 4
const LONGEST_SETTLE_MS = 500
/** A look at everything that nothing asked for: a lost wake-up must not last. With very many claims it costs a part of the time at most. */
const LONGEST_SLEEP_MS = { few: 10_000, many: 60_000 } as const
const SLEEP = 400
/** What is asked for within this time is one look. */
const GRID_MS = 5

/** `look` looks at everything, and gives after how many milliseconds time alone may have changed something. */
export function createLookTimer(clock: Clock, look: () => number | undefined): LookTimer {
  let state: 'new' | 'on' | 'closed' = 'new'
  let timer: Timer | undefined
  let timerMs = Infinity
  let lookMs = 0
  /** Times that looks before them do not stand for. */
  const deadlines = new Set<number>()
  /** The time of a look that any earlier one stands for. */
  let soonMs = Infinity
  const run = (): void => {
    if (state !== 'on') return
    soonMs = Infinity
    const beganMs = clock.monotonicMs()
    for (const deadline of deadlines) if (deadline <= beganMs) deadlines.delete(deadline)
    const againMs = look()
    const endedMs = clock.monotonicMs()
    lookMs = endedMs - beganMs
    soonMs = Math.min(soonMs, endedMs + Math.min(againMs ?? Infinity, longestSleepMs(lookMs)))
    sleep()
  }
  const sleep = (): void => {
    const dueMs = Math.min(soonMs, ...deadlines)
    if (state !== 'on' || dueMs === timerMs) return
    timer?.cancel()
    timerMs = dueMs
    timer = clock.setTimer(Math.max(0, dueMs - clock.monotonicMs()), () => {
      timerMs = Infinity
      run()
    })
  }
  const by = (ms: number): void => {
    soonMs = Math.min(soonMs, clock.monotonicMs() + ms)
    sleep()
  }
  return {
    run,
    by,
    within(ms) {
      deadlines.add(Math.ceil((clock.monotonicMs() + ms) / GRID_MS) * GRID_MS)
      sleep()
    },
    soon: () => by(Math.min(LONGEST_SETTLE_MS, Math.max(SETTLE_MS, REST * lookMs))),
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

const longestSleepMs = (lookMs: number): number => Math.min(LONGEST_SLEEP_MS.many, Math.max(LONGEST_SLEEP_MS.few, SLEEP * lookMs))
