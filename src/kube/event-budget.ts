/** A token bucket: `take` says whether one more is allowed at `nowMs` (monotonic). */
export interface TokenBucket {
  take(nowMs: number): boolean
  /** Milliseconds until take() would say yes. */
  waitMs(nowMs: number): number
}

/** Creates a full bucket of `burst` tokens that refills with `perSecond`. */
export function createTokenBucket({ burst, perSecond }: { readonly burst: number; readonly perSecond: number }): TokenBucket {
  let tokens = burst
  let atMs: number | undefined
  const refill = (nowMs: number) => {
    tokens = Math.min(burst, tokens + ((nowMs - (atMs ?? nowMs)) / 1000) * perSecond)
    atMs = nowMs
  }
  return {
    take(nowMs) {
      refill(nowMs)
      if (tokens < 1) return false
      tokens--
      return true
    },
    waitMs(nowMs) {
      refill(nowMs)
      return tokens >= 1 ? 0 : ((1 - tokens) / perSecond) * 1000
    },
  }
}
