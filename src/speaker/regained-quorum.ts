import type { Quorum } from './membership/facts.ts'

/** The quorum by which this node decides: one that is regained counts a moment later. */
export interface RegainedQuorum {
  /** `now` is what membership counts. */
  at(now: Quorum, nowMs: number): Quorum
}

/** Within this time after the others are heard again, their words about what they took meanwhile are here too. */
export const WORDS_WITHIN_MS = 300

/** Creates it. Times are milliseconds of one monotonic clock. */
export function createRegainedQuorum(): RegainedQuorum {
  let before: Quorum | undefined
  let regained: { readonly from: Quorum; readonly untilMs: number } | undefined
  return {
    at(now, nowMs) {
      const wasWeak = before === 'minority' || before === 'one-of-two'
      if (now !== 'majority') regained = undefined
      else if (wasWeak && before !== undefined) regained = { from: before, untilMs: nowMs + WORDS_WITHIN_MS }
      before = now
      return regained !== undefined && nowMs < regained.untilMs ? regained.from : now
    },
  }
}
