import process from 'node:process'

/** Milliseconds of the system's monotonic clock: one origin for every thread and process of this machine, unlike performance.now(). */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

/**
 * The permission to answer on the wire, in memory that two threads share: the membership thread extends it at each turn, the layer 2
 * thread looks at it before each frame that it sends. A process that was paused for so long that others took its addresses finds it run
 * out, and says nothing until membership has learnt what became of them.
 */
export interface Fence {
  readonly memory: SharedArrayBuffer
  /** Permits answers until this time of monotonicMs(); Infinity where nobody could take over. */
  extend(untilMs: number): void
  isOpen(nowMs: number): boolean
}

/** Allocates the memory, closed, or looks at that of another thread. One writer; a 64-bit float is read in one piece. */
export function createFence(memory = new SharedArrayBuffer(8)): Fence {
  const cell = new Float64Array(memory)
  return {
    memory,
    extend(untilMs) {
      cell[0] = untilMs
    },
    isOpen: (nowMs) => nowMs < (cell[0] ?? 0),
  }
}
