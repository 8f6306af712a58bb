/** What a speaker tells people about its BGP, as JSON: one part of its report, and three pages beside it. */
import { formatIp, type Ip } from '../addr/ip.ts'
import { attributeTexts } from './bgp/attribute-words.ts'
import type { BgpEngine } from './bgp/engine.ts'
import type { CapturedMessage, PeerReport, RouteVerdict } from './bgp/peer-report.ts'
import type { BgpLine, NextHopNode } from './bgp/route.ts'

/** `?from=INDEX`: at most ROUTES_PER_PAGE from there on. `?peer=NAME`: of that BgpPeer only. `?prefix=TEXT`: a prefix or an address. */
export const BGP_PATHS = { routes: '/report/bgp/routes', capture: '/report/bgp/capture', why: '/report/bgp/why' } as const

/** So many are made in a few milliseconds of the main thread. */
export const ROUTES_PER_PAGE = 1000

/** The part of the SpeakerReport. */
export interface BgpReport {
  /** Whether there is a BgpConf `default`; without one the node speaks with nobody. */
  readonly configured: boolean
  /** The TCP port that is listened on; absent: none. */
  readonly port?: number | undefined
  readonly problems: readonly BgpTrouble[]
  readonly peers: readonly PeerReport[]
  /** How many prefixes this node announces. */
  readonly routes: number
}

/** Something that is set and cannot be done, or not as it is set. */
export interface BgpTrouble {
  /** The BgpPeer that it is about; absent: all of them. */
  readonly peer?: string | undefined
  readonly code: string
  readonly message: string
  readonly cure: string
}

/** One prefix that the node announces. Communities of all kinds as they are written in annotations. */
export interface RouteReport {
  readonly prefix: string
  readonly nextHops: readonly { readonly node: string; readonly self: boolean; readonly addresses: readonly string[] }[]
  readonly attributes: readonly string[]
  /** The BgpPeers that may be told; absent: all. */
  readonly peers?: readonly string[] | undefined
  /** The BgpPeers that were told. */
  readonly told: readonly string[]
  readonly addresses: readonly string[]
  readonly eips: readonly string[]
}

export interface RoutesPage {
  readonly node: string
  readonly total: number
  readonly from: number
  readonly routes: readonly RouteReport[]
}

export interface CapturePage {
  readonly node: string
  readonly messages: readonly CapturedMessage[]
}

export interface WhyPage {
  readonly node: string
  /** The line that the prefix or the address belongs to; absent: this node announces none. */
  readonly route?: RouteReport | undefined
  /** Why there is no line; absent where there is one, or where this node holds nothing of it. */
  readonly silent?: string | undefined
  readonly verdicts: readonly RouteVerdict[]
}

/** What the speaker knows beside the engine. */
export interface BgpStanding {
  readonly configured: boolean
  readonly problems: readonly BgpTrouble[]
}

type Reported = Pick<BgpEngine, 'peers' | 'listening' | 'lines' | 'health'>
type Routed = Pick<BgpEngine, 'lines' | 'why'>

export function bgpReport(engine: Reported, { configured, problems }: BgpStanding): BgpReport {
  const { port, problem } = engine.listening()
  return {
    configured,
    ...(port !== undefined && { port }),
    problems: [
      ...problems,
      ...(problem === undefined
        ? []
        : [{ code: 'listen', message: problem, cure: 'set spec.listenPort of BgpConf default, or free the port' }]),
      ...engine.health().problems.map((message) => ({ code: 'speaker', message, cure: 'see the log of the speaker' })),
    ],
    peers: engine.peers(),
    routes: engine.lines().length,
  }
}

/** The lines from index `from` on, in the order of the engine. */
export function routesPage(node: string, engine: Routed, from: number): RoutesPage {
  const lines = engine.lines()
  const shown = lines.slice(from, from + ROUTES_PER_PAGE)
  return { node, total: lines.length, from, routes: shown.map((line) => routeReport(line, engine.why(line.text))) }
}

/** `silent`: the sentence why an address that somebody holds makes no line here. */
export function whyPage(node: string, engine: Routed, asked: string, silent: string | undefined): WhyPage {
  const verdicts = engine.why(asked)
  const prefix = verdicts[0]?.prefix ?? asked
  const line = engine.lines().find(({ text, addresses }) => text === prefix || addresses.includes(asked))
  if (line === undefined) return { node, verdicts, ...(silent !== undefined && { silent }) }
  return { node, route: routeReport(line, verdicts), verdicts }
}

function routeReport(line: BgpLine, verdicts: readonly RouteVerdict[]): RouteReport {
  return {
    prefix: line.text,
    nextHops: line.nextHops.map(hopReport),
    attributes: attributeTexts(line.attributes),
    ...(line.peers !== undefined && { peers: line.peers }),
    told: verdicts.filter(({ told }) => told).map(({ peer }) => peer),
    addresses: line.addresses,
    eips: line.eips,
  }
}

function hopReport({ node, self, IPv4, IPv6 }: NextHopNode): RouteReport['nextHops'][number] {
  return { node, self, addresses: [IPv4, IPv6].filter((ip): ip is Ip => ip !== undefined).map(formatIp) }
}
