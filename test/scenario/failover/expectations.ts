/** What a scenario promises of one address, asserted alike for both families. Times are ten times the aim: only bench tells figures. */
import type { Test } from 'tap'
import type { WireReport } from '../../support/wire-capture-analysis.ts'
import { figures, type Outcome, type Seen } from './episode.ts'
import { FAMILIES } from './world.ts'

/** Ten times the aims, in milliseconds. */
export const WITHIN_MS = { kill: 1000, silence: 5000, heal: 10_000 } as const
/** Ten times the one probe that a hand-over may cost. */
export const HAND_OVER_LOST = 10
/** The old owner goes on until it has heard of the new one: ten times what a message between threads and machines takes. */
export const HAND_OVER_TWO_MACS_MS = 500

export interface Window {
  /** How often the address changes hands. */
  readonly moves: number
  /** Lost probes at most; none when absent, `any` where the time without an owner is bounded by `takenWithinMs`. */
  readonly lost?: number | 'any'
  /** Time with two answering MACs at most; none when absent. */
  readonly twoMacsMs?: number
}

export interface Want {
  /** The first answer of another node; absent: no other node answers. */
  readonly takenWithinMs?: number
  readonly during: Window
  readonly after?: Window
  /** What the claim says at the end; absent: nothing is asked. */
  readonly epoch?: number
  /** The last node that answers is the one that the claim names; true when absent. */
  readonly agreed?: boolean
}

/** Prints the figures, then asserts. */
export function holds(t: Test, outcome: Outcome, want: Want): void {
  for (const line of figures(outcome)) t.comment(line)
  for (const family of FAMILIES) {
    const seen = outcome[family]
    if (want.takenWithinMs === undefined) t.equal(seen.takeOverMs, undefined, `${family}: no other node answers`)
    else t.ok((seen.takeOverMs ?? Infinity) <= want.takenWithinMs, `${family}: another node answers within ${want.takenWithinMs} ms`)
    inWindow(t, `${family}, during`, seen.during, want.during)
    if (want.after !== undefined && seen.after !== undefined) inWindow(t, `${family}, after`, seen.after, want.after)
    if (want.epoch !== undefined) t.equal(seen.recorded.epoch, want.epoch, `${family}: the recorded epoch`)
    if (want.agreed !== false) t.equal(seen.recorded.node, seen.answeredBy.at(-1), `${family}: the claim names the node that answers`)
  }
}

function inWindow(t: Test, when: string, report: WireReport, { moves, lost = 0, twoMacsMs = 0 }: Window): void {
  t.equal(report.moves, moves, `${when}: moves`)
  if (lost !== 'any') t.ok(report.lost <= lost, `${when}: ${report.lost} probes lost, at most ${lost}`)
  if (twoMacsMs === 0) t.equal(report.doubles, 0, `${when}: no probe is answered twice`)
  t.ok(report.twoMacsMs <= twoMacsMs, `${when}: two MACs for ${report.twoMacsMs.toFixed(1)} ms, at most ${twoMacsMs}`)
}

/** Whether any node answered a probe at the end of the window. */
export const silentAtEnd = ({ during, after }: Seen): boolean => {
  const report = after ?? during
  return report.tenures.length === 0 || report.longestSilenceMs > 0
}
