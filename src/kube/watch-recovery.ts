import { ApiError, isGone } from './api-error.ts'

/** Why a whole list is read: at start, because history was gone, or because an error left the position in doubt. */
export type ListReason = 'first' | 'expired' | 'error'

/** How a list or a watch ended. */
export interface Exchange {
  readonly during: 'list' | 'watch'
  /** `undefined`: without an error. */
  readonly ended: { readonly error: unknown } | undefined
  readonly livedMs: number
  /** Ends without success in a row, this one included. */
  readonly failures: number
}

export interface NextExchange {
  /** Given: forget the position and list, for this reason. */
  readonly listDueTo?: ListReason
  /** Whether it counts as a failure, and whether somebody should read of it. */
  readonly failed: boolean
  readonly report: boolean
  readonly wait: 'none' | 'backoff'
  /** What the API server asked for; 0 when it did not. */
  readonly atLeastMs: number
}

/** A watch that ends sooner without an error is not worth opening again at once. */
const SHORT_WATCH_MS = 1000
/** After so many server errors in a row a watch's position is in doubt. */
const DOUBTFUL_AFTER = 5

const GO_ON: NextExchange = { failed: false, report: false, wait: 'none', atLeastMs: 0 }

/**
 * What to do after a list or a watch ended. A watch that ends is normal, and goes on from where it was. So it does after a broken
 * connection: if the history since then is gone, the API server will say so (410), and only then is a list due.
 */
export function afterExchange({ during, ended, livedMs, failures }: Exchange): NextExchange {
  if (ended === undefined) return during === 'watch' && livedMs < SHORT_WATCH_MS ? { ...GO_ON, wait: 'backoff' } : GO_ON
  const { error } = ended
  if (isGone(error))
    return { listDueTo: 'expired', failed: false, report: failures > 1, wait: failures > 1 ? 'backoff' : 'none', atLeastMs: 0 }
  const atLeastMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
  const failure: NextExchange = { failed: true, report: true, wait: 'backoff', atLeastMs }
  return during === 'watch' && isPositionInDoubt(error, failures) ? { ...failure, listDueTo: 'error' } : failure
}

function isPositionInDoubt(error: unknown, failures: number): boolean {
  if (!(error instanceof ApiError)) return true
  if (error.status === 0) return false
  const passing = error.status === 429 || error.status === 401 || error.status >= 500
  return !passing || failures >= DOUBTFUL_AFTER
}
