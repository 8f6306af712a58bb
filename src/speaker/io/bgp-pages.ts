import type { BgpEngine } from '../bgp/engine.ts'
import { BGP_PATHS, type BgpReport, type BgpTrouble, bgpReport, type CapturePage, routesPage, whyPage } from '../bgp-report.ts'

type Reported = Pick<BgpEngine, 'peers' | 'listening' | 'lines' | 'health' | 'why' | 'captured'>

export interface BgpPagesOptions {
  readonly node: string
  /** Undefined before BGP is needed. */
  readonly engine: () => Reported | undefined
  /** Whether a BgpConf `default` exists. */
  readonly configured: () => boolean
  /** What is set and cannot be honoured; what the engine itself says is added here. */
  readonly problems: () => readonly BgpTrouble[]
  /** Why this node announces nothing for an address in canonical text that somebody holds; undefined where it does, or where nobody does. */
  readonly silent: (address: string) => string | undefined
}

export interface BgpPages {
  /** The part `bgp` of the SpeakerReport. */
  report(): BgpReport
  /** By path, for the health server: JSON text each. */
  readonly pages: Readonly<Record<string, (query: URLSearchParams) => string>>
}

/** What there is to be told without BGP. */
const NOTHING: Reported = {
  peers: () => [],
  listening: () => ({ port: undefined, problem: undefined }),
  lines: () => [],
  health: () => ({ problems: [] }),
  why: () => [],
  captured: () => [],
}

/** What a speaker says of its BGP, as of the moment it is asked. */
export function createBgpPages({ node, engine, configured, problems, silent }: BgpPagesOptions): BgpPages {
  const page = (make: (from: Reported, query: URLSearchParams) => unknown) => (query: URLSearchParams) =>
    JSON.stringify(make(engine() ?? NOTHING, query))
  return {
    report: () => bgpReport(engine() ?? NOTHING, { configured: configured(), problems: problems() }),
    pages: {
      [BGP_PATHS.routes]: page((from, query) => routesPage(node, from, firstOf(query))),
      [BGP_PATHS.capture]: page((from, query): CapturePage => ({ node, messages: from.captured(query.get('peer') ?? undefined) })),
      [BGP_PATHS.why]: page((from, query) => {
        const asked = query.get('prefix') ?? ''
        return whyPage(node, from, asked, silent(asked))
      }),
    },
  }
}

const firstOf = (query: URLSearchParams): number => Math.max(0, Number.parseInt(query.get('from') ?? '', 10) || 0)
