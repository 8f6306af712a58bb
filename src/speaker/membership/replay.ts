/**
 * What was received before, so that a recording of it counts for nothing. One window per sender: of its present incarnation every
 * sequence counts once, and a former incarnation never again.
 *
 * Source of the method: RFC 4303 section 3.4.3. The window is wider than there: the packets to all peers share one sequence, and a burst
 * of words to many of them may be reordered on its way.
 */
export const REPLAY_WINDOW = 1024

/**
 * `repeated`: it was there before, or it is so far behind that nobody can tell. `former`: an incarnation that ended. `unknown`: an
 * incarnation that has not begun, which may be a recording from before this process started; see begin().
 */
export type Freshness = 'fresh' | 'repeated' | 'former' | 'unknown'

export interface ReplayWindows {
  /** Says `fresh` once for each packet of the incarnation that has begun, and changes nothing when it says anything else. */
  accept(sender: string, incarnation: bigint, sequence: bigint): Freshness
  /**
   * Takes the incarnation for the sender's present one, once it has proved that it lives now: it repeated a number of this process. No
   * effect unless it is greater than the one before.
   */
  begin(sender: string, incarnation: bigint): void
}

interface Window {
  readonly incarnation: bigint
  /** The highest sequence so far; -1 before the first. */
  top: bigint
  /** Bit n: `top - n` was there. */
  seen: bigint
}

/** Senders are never forgotten: a node that leaves and comes back would bring its old packets back with it. There are as many as nodes. */
export function createReplayWindows(): ReplayWindows {
  const windows = new Map<string, Window>()
  return {
    accept(sender, incarnation, sequence) {
      const window = windows.get(sender)
      if (window === undefined || incarnation > window.incarnation) return 'unknown'
      if (incarnation < window.incarnation) return 'former'
      return acceptOnce(window, sequence) ? 'fresh' : 'repeated'
    },
    begin(sender, incarnation) {
      const window = windows.get(sender)
      if (window === undefined || incarnation > window.incarnation) windows.set(sender, { incarnation, top: -1n, seen: 0n })
    },
  }
}

function acceptOnce(window: Window, sequence: bigint): boolean {
  const ahead = sequence - window.top
  if (ahead > 0n) {
    window.seen = ahead < REPLAY_WINDOW ? BigInt.asUintN(REPLAY_WINDOW, window.seen << ahead) | 1n : 1n
    window.top = sequence
    return true
  }
  if (-ahead >= REPLAY_WINDOW) return false
  const bit = 1n << -ahead
  if ((window.seen & bit) !== 0n) return false
  window.seen |= bit
  return true
}
