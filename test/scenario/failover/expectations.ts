/** What a scenario promises of an address, judged alike for both families. Times are ten times the aim: only bench tells figures. */
import type { Test } from 'tap'
import type { WireReport } from '../../support/wire-capture-analysis.ts'
import { type Episode, figures, type Outcome, type Seen } from './episode.ts'
import { FAMILIES } from './world.ts'

/** Ten times the aims, in milliseconds. */
export const WITHIN_MS = { kill: 1000, silence: 5000, heal: 10_000 } as const
/** Ten times the one probe that a hand-over may cost. */
export const HAND_OVER_LOST = 10
/** Where none is to be lost: a machine that is busy may hold up every process on it for a moment. 50 ms of silence are told from 0. */
export const HICCUP_LOST = 10
/** The old owner goes on until it has heard of the new one: ten times what a message between threads and machines takes. */
export const HAND_OVER_TWO_MACS_MS = 500
/** A main thread that does not come back is given so long before the others take over. */
export const STUCK_MS = 3000

export interface Window {
  /** How often the address changes hands. */
  readonly moves: number
  /** Lost probes at most; HICCUP_LOST when absent, `any` where the time without an owner is bounded by `takenWithinMs`, or by nothing. */
  readonly lost?: number | 'any'
  /** Time with two answering MACs at most; none when absent. */
  readonly twoMacsMs?: number
  /** Somebody answers at all. */
  readonly answered?: boolean
}

export interface Want {
  /** The first answer of another node; absent: no other node answers. */
  readonly takenWithinMs?: number
  readonly during: Window
  readonly after?: Window
  /** What the claim says at the end; absent: nothing is asked. */
  readonly epoch?: number
  /** The last node that answers is the one that the claim names; asked when absent. */
  readonly agreed?: boolean
}

/** A fault and what is promised when it happens. */
export interface Fault {
  readonly name: string
  readonly episode: Episode
  readonly want: Want
}

export interface Check {
  readonly ok: boolean
  readonly text: string
}

/** Prints the figures, then asserts. */
export function holds(t: Test, outcome: Outcome, want: Want): void {
  for (const line of figures(outcome)) t.comment(line)
  for (const { ok, text } of checks(outcome, want)) t.ok(ok, text)
}

/** Everything that `want` asks of both families. */
export const checks = (outcome: Outcome, want: Want): readonly Check[] =>
  FAMILIES.flatMap((family) => checksOf(outcome[family], want).map(({ ok, text }) => ({ ok, text: `${family}: ${text}` })))

function checksOf(seen: Seen, { takenWithinMs, during, after, epoch, agreed = true }: Want): readonly Check[] {
  const { takeOverMs, recorded, answeredBy } = seen
  const last = answeredBy.at(-1)
  return [
    takenWithinMs === undefined
      ? { ok: takeOverMs === undefined, text: 'no other node answers' }
      : { ok: (takeOverMs ?? Infinity) <= takenWithinMs, text: `another node answers within ${takenWithinMs} ms` },
    ...inWindow('during', seen.during, during),
    ...(after === undefined || seen.after === undefined ? [] : inWindow('after', seen.after, after)),
    ...(epoch === undefined ? [] : [{ ok: recorded.epoch === epoch, text: `recorded epoch ${recorded.epoch}, wanted ${epoch}` }]),
    ...(agreed ? [{ ok: recorded.node === last, text: `the claim names ${recorded.node}, and ${last} answers` }] : []),
  ]
}

function inWindow(
  when: string,
  report: WireReport,
  { moves, lost = HICCUP_LOST, twoMacsMs = 0, answered = false }: Window,
): readonly Check[] {
  return [
    { ok: report.moves === moves, text: `${when}: ${report.moves} moves, wanted ${moves}` },
    ...(lost === 'any' ? [] : [{ ok: report.lost <= lost, text: `${when}: ${report.lost} probes lost, at most ${lost}` }]),
    ...(twoMacsMs > 0 ? [] : [{ ok: report.doubles === 0, text: `${when}: ${report.doubles} probes answered twice, wanted none` }]),
    { ok: report.twoMacsMs <= twoMacsMs, text: `${when}: two MACs for ${report.twoMacsMs.toFixed(1)} ms, at most ${twoMacsMs}` },
    ...(answered ? [{ ok: report.tenures.length > 0, text: `${when}: somebody answers` }] : []),
  ]
}
