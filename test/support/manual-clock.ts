import type { Clock } from '../../src/runtime/clock.ts'

/** A clock that stands still until it is told to move. */
export interface ManualClock extends Clock {
  /** Moves on by `ms`, firing what falls due in its order, and lets promises that follow from each timer settle. */
  advance(ms: number): Promise<void>
}

/** Lets every chain of promises that no timer separates come to its end. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export function createManualClock(startMs = 0): ManualClock {
  let nowMs = startMs
  const timers = new Set<{ readonly dueMs: number; readonly fn: () => void }>()
  const setTimer = (ms: number, fn: () => void) => {
    const timer = { dueMs: nowMs + ms, fn }
    timers.add(timer)
    return { cancel: () => void timers.delete(timer) }
  }
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    setTimer,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const timer = setTimer(ms, resolve)
        signal?.addEventListener('abort', () => {
          timer.cancel()
          reject(signal.reason)
        })
      }),
    async advance(ms) {
      const untilMs = nowMs + ms
      await settle()
      for (;;) {
        const [next] = [...timers].filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)
        if (next === undefined) break
        timers.delete(next)
        nowMs = Math.max(nowMs, next.dueMs)
        next.fn()
        await settle()
      }
      nowMs = untilMs
    },
  }
}
