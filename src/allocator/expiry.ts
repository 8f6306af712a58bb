import type { Clock, Timer } from '../runtime/clock.ts'

export interface Expiry {
  /** There may be an earlier end than before. */
  arm(): void
  /** Idempotent. */
  stop(): void
}

/** setTimeout takes no longer delay, and the wall clock may have jumped meanwhile: then it is looked at again. */
const LONGEST_MS = 60_000

/** Calls `expire` when the moment comes that `nextMs` (ms since 1970) names; undefined when there is none. */
export function createExpiry(
  clock: Pick<Clock, 'nowMs' | 'setTimer'>,
  { nextMs, expire }: { readonly nextMs: () => number | undefined; readonly expire: () => void },
): Expiry {
  let timer: Timer | undefined
  let stopped = false
  function arm(): void {
    timer?.cancel()
    timer = undefined
    const dueMs = stopped ? undefined : nextMs()
    if (dueMs === undefined) return
    timer = clock.setTimer(Math.min(LONGEST_MS, Math.max(0, dueMs - clock.nowMs())), () => {
      expire()
      arm()
    })
  }
  return {
    arm,
    stop() {
      stopped = true
      timer?.cancel()
    },
  }
}
