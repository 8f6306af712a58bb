/** What a recording of one address shows: who answered when, for how long nobody did, for how long two did. Pure. */
import type { WireKind } from './wire-capture-frames.ts'

/** One frame about the address. `atMs` is milliseconds since 1970 by the kernel; `id` numbers probes and is repeated by their answers. */
export interface WireRecord {
  readonly atMs: number
  readonly kind: WireKind
  readonly mac: string
  readonly id: number
}

/** A time in which one MAC answered without a break. */
export interface Tenure {
  readonly mac: string
  readonly fromMs: number
  readonly toMs: number
  readonly answers: number
}

export interface WireReport {
  readonly probes: number
  /** Probes that nobody answered. */
  readonly lost: number
  /** Time in which nobody answered: from the first probe that was lost to the next one that was not, all such times together. */
  readonly silentMs: number
  readonly longestSilenceMs: number
  /** Probes that two MACs answered. */
  readonly doubles: number
  /** Time in which the answers of two MACs come mixed. */
  readonly twoMacsMs: number
  /**
   * In the order in which they begin. One that follows another of its own MAC is told apart only when a second MAC answered between. One
   * that begins and ends while another goes on is left out: that is two MACs at once, and nothing has moved.
   */
  readonly tenures: readonly Tenure[]
  /** How often the address changed hands. */
  readonly moves: number
  readonly announcements: readonly { readonly atMs: number; readonly mac: string }[]
  /** Of a probe and its first answer; undefined when nobody answered. */
  readonly slowestAnswerMs: number | undefined
}

export interface Judging {
  /** Unanswered probes of the last moments may still be answered: they are left out. 50 ms when absent. */
  readonly graceMs?: number
}

/** A MAC that says nothing for so many probes has stopped; what it says later is another tenure. */
const TENURE_PROBES = 20
const GRACE_MS = 50

interface Probe {
  readonly atMs: number
  readonly answers: WireRecord[]
}

/** `records` in the order of time, `everyMs` the pace of the probes. */
export function judgeWire(records: readonly WireRecord[], everyMs: number, { graceMs = GRACE_MS }: Judging = {}): WireReport {
  const endMs = records.at(-1)?.atMs ?? 0
  const probes = matched(records).filter(({ atMs, answers }) => answers.length > 0 || atMs < endMs - graceMs)
  const silences = silencesOf(probes)
  const spans = tenuresOf(records, everyMs * TENURE_PROBES)
  const tenures = joined(spans.filter((one) => !spans.some((other) => other.fromMs < one.fromMs && other.toMs > one.toMs)))
  const delays = probes.flatMap(({ atMs, answers: [first] }) => (first === undefined ? [] : [first.atMs - atMs]))
  return {
    probes: probes.length,
    lost: probes.filter(({ answers }) => answers.length === 0).length,
    silentMs: silences.reduce((sum, ms) => sum + ms, 0),
    longestSilenceMs: Math.max(0, ...silences),
    doubles: probes.filter(({ answers }) => new Set(answers.map(({ mac }) => mac)).size > 1).length,
    twoMacsMs: overlapMs(spans),
    tenures,
    moves: Math.max(0, tenures.length - 1),
    announcements: records.flatMap(({ kind, atMs, mac }) => (kind === 'announcement' ? [{ atMs, mac }] : [])),
    slowestAnswerMs: delays.length === 0 ? undefined : delays.reduce((a, b) => Math.max(a, b)),
  }
}

/** Each probe with its answers: an answer belongs to the last probe of its number before it. */
function matched(records: readonly WireRecord[]): readonly Probe[] {
  const latest = new Map<number, Probe>()
  const all: Probe[] = []
  for (const record of records) {
    if (record.kind === 'probe') {
      const probe = { atMs: record.atMs, answers: [] }
      latest.set(record.id, probe)
      all.push(probe)
    } else if (record.kind === 'answer') latest.get(record.id)?.answers.push(record)
  }
  return all
}

function silencesOf(probes: readonly Probe[]): readonly number[] {
  const silences: number[] = []
  let sinceMs: number | undefined
  for (const { atMs, answers } of probes) {
    if (answers.length === 0) sinceMs ??= atMs
    else if (sinceMs !== undefined) {
      silences.push(atMs - sinceMs)
      sinceMs = undefined
    }
  }
  if (sinceMs !== undefined) silences.push((probes.at(-1)?.atMs ?? sinceMs) - sinceMs)
  return silences
}

/** Per MAC, its answers without a break longer than `breakMs`; by beginning. */
function tenuresOf(records: readonly WireRecord[], breakMs: number): readonly Tenure[] {
  const open = new Map<string, { mac: string; fromMs: number; toMs: number; answers: number }>()
  const all: Tenure[] = []
  for (const { kind, mac, atMs } of records) {
    if (kind !== 'answer') continue
    const tenure = open.get(mac)
    if (tenure !== undefined && atMs - tenure.toMs <= breakMs) {
      tenure.toMs = atMs
      tenure.answers++
    } else {
      const begun = { mac, fromMs: atMs, toMs: atMs, answers: 1 }
      open.set(mac, begun)
      all.push(begun)
    }
  }
  return all
}

/** Neighbours of one MAC with nobody between are one tenure with a pause. */
function joined(tenures: readonly Tenure[]): readonly Tenure[] {
  const all: Tenure[] = []
  for (const tenure of tenures) {
    const last = all.at(-1)
    if (last?.mac === tenure.mac) all[all.length - 1] = { ...last, toMs: tenure.toMs, answers: last.answers + tenure.answers }
    else all.push(tenure)
  }
  return all
}

/** The time that at least two tenures cover. */
function overlapMs(tenures: readonly Tenure[]): number {
  const edges = tenures.flatMap(({ fromMs, toMs }) => [
    { atMs: fromMs, step: 1 },
    { atMs: toMs, step: -1 },
  ])
  edges.sort((a, b) => a.atMs - b.atMs || b.step - a.step)
  let [depth, sinceMs, sum] = [0, 0, 0]
  for (const { atMs, step } of edges) {
    if (depth >= 2) sum += atMs - sinceMs
    depth += step
    sinceMs = atMs
  }
  return sum
}

/** How long after `sinceMs` another MAC than `before` gave its first answer; undefined when none did. */
export function takeOverMs(report: WireReport, before: string, sinceMs: number): number | undefined {
  const next = report.tenures.find(({ mac, toMs }) => mac !== before && toMs >= sinceMs)
  return next === undefined ? undefined : next.fromMs - sinceMs
}
