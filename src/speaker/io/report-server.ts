import type { BgpReport } from '../bgp-report.ts'
import { monotonicMs } from '../fence.ts'
import type { MembershipFacts } from '../membership/facts.ts'
import { type ReportedLine, type ReportedWire, speakerReport } from '../report-of.ts'
import type { Finding } from '../speaker-report.ts'

export interface ReportOptions {
  readonly self: string
  readonly version: string
  /** Undefined, or answering undefined, while membership is off. */
  readonly membership?: { facts(): MembershipFacts | undefined } | undefined
  /** Undefined while layer 2 is off. */
  readonly announcer: ReportedWire | undefined
  /** What this node answers for now. */
  readonly latest: () => readonly ReportedLine[]
  readonly preflight: { findings(): readonly Finding[] }
  /** What is said of BGP; answering undefined while nothing asks for BGP. */
  readonly bgp?: () => BgpReport | undefined
}

/** Whoever asks more often gets the former answer: with ten thousand addresses it takes tens of milliseconds of the main thread. */
const KEPT_MS = 250

/** The page at REPORT_PATH: a SpeakerReport as JSON text, as of now. */
export function createReportPage({ self, version, membership, announcer, latest, preflight, bgp }: ReportOptions): () => string {
  let kept: { readonly text: string; readonly atMs: number } | undefined
  return () => {
    const nowMs = monotonicMs()
    if (kept !== undefined && nowMs - kept.atMs < KEPT_MS) return kept.text
    const report = speakerReport({
      self,
      version,
      membership: membership?.facts(),
      lines: latest(),
      wire: announcer,
      preflight: preflight.findings(),
      bgp: bgp?.(),
      nowMs,
      wallMs: Date.now(),
    })
    kept = { text: JSON.stringify(report), atMs: nowMs }
    return kept.text
  }
}
