import type { Clock, Timer } from '../../runtime/clock.ts'

/**
 * Timers by name. One that is put off, as HoldTimer is by each message, is not armed anew: it looks at its deadline when it fires, so that a
 * flood of messages costs no flood of timers.
 */
export interface NamedTimers {
  /** Starts, or starts again. */
  start(name: string, ms: number): void
  stop(name: string): void
  /** Stops those whose name begins so. */
  stopAll(prefix?: string): void
  /** Milliseconds until it expires; undefined when it does not run. */
  remainingMs(name: string): number | undefined
}

interface Running {
  deadlineMs: number
  armedMs: number
  timer: Timer
}

/** `expired` is told once per start, at or after the deadline. */
export function createNamedTimers(clock: Clock, expired: (name: string) => void): NamedTimers {
  const running = new Map<string, Running>()
  const arm = (name: string, deadlineMs: number): Running => {
    const timer = clock.setTimer(Math.max(0, deadlineMs - clock.monotonicMs()), () => fire(name))
    return { deadlineMs, armedMs: deadlineMs, timer }
  }
  const fire = (name: string): void => {
    const one = running.get(name)
    if (one === undefined) return
    if (one.deadlineMs > clock.monotonicMs()) running.set(name, arm(name, one.deadlineMs))
    else {
      running.delete(name)
      expired(name)
    }
  }
  const stop = (name: string): void => {
    running.get(name)?.timer.cancel()
    running.delete(name)
  }
  return {
    start(name, ms) {
      const deadlineMs = clock.monotonicMs() + ms
      const one = running.get(name)
      if (one !== undefined && one.armedMs <= deadlineMs) one.deadlineMs = deadlineMs
      else {
        one?.timer.cancel()
        running.set(name, arm(name, deadlineMs))
      }
    },
    stop,
    stopAll(prefix = '') {
      for (const name of [...running.keys()]) if (name.startsWith(prefix)) stop(name)
    },
    remainingMs(name) {
      const one = running.get(name)
      return one && Math.max(0, one.deadlineMs - clock.monotonicMs())
    },
  }
}
