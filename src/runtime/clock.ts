import { setTimeout as delay } from 'node:timers/promises'

/** Time as a dependency, so that waits can be tested without waiting. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970 (UTC). For texts and timestamps; it may jump. */
  nowMs(): number
  /** Milliseconds since an arbitrary start. Never goes back: for durations and deadlines. */
  monotonicMs(): number
  /** Resolves after `ms`. Rejects with the signal's reason when `signal` aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `fn` once after `ms`, unless cancelled. A waiting timer does not keep the process alive. */
  setTimer(ms: number, fn: () => void): Timer
}

export interface Timer {
  /** Idempotent. */
  cancel(): void
}

/** The longest delay that setTimeout accepts; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

const bounded = (ms: number): number => Math.min(Math.max(0, ms), LONGEST_TIMER_MS)

/** The real time of this machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await delay(bounded(ms), undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      throw signal?.aborted ? signal.reason : error
    }
  },
  setTimer(ms, fn) {
    const timer = setTimeout(fn, bounded(ms))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
