/** Tells a flood of frames that get no answer (one asker's storm, a scan of the network) from the usual traffic. */
export interface FloodGauge {
  /** Counts frames without an answer. Call it at least once a turn; times are milliseconds of one clock of the caller. */
  note(frames: number, nowMs: number): void
  /** Whether the flood goes on. */
  readonly isFlooded: boolean
}

/** 20,000 a second: to be woken for each of so many costs more than to look at them. */
const FLOOD_PER_MS = 20
const WINDOW_MS = 5

/** Creates a gauge that has seen nothing. */
export function createFloodGauge(): FloodGauge {
  let sinceMs = Number.NEGATIVE_INFINITY
  let counted = 0
  let isFlooded = false
  return {
    note(frames, nowMs) {
      counted += frames
      const passedMs = nowMs - sinceMs
      if (passedMs < WINDOW_MS) return
      isFlooded = counted / passedMs > FLOOD_PER_MS
      sinceMs = nowMs
      counted = 0
    },
    get isFlooded() {
      return isFlooded
    },
  }
}
