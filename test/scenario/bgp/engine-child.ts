/**
 * A process that does BGP as the speaker of a node does, from BgpConf and BgpPeers on, with routes that it is told instead of claims.
 * Argument: the name of the node and its addresses, as JSON (ChildNode). On standard input one JSON object a line (ChildOrder); on standard
 * output one a line (ChildLine).
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { type Ip, parseIp } from '../../../src/addr/ip.ts'
import { parsePrefix } from '../../../src/addr/prefix.ts'
import { communitiesOf, parseCommunity } from '../../../src/api/bgp-community.ts'
import type { BgpConfObject } from '../../../src/api/bgp-conf.ts'
import type { BgpPeerObject } from '../../../src/api/bgp-peer.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import type { PeerReport } from '../../../src/speaker/bgp/peer-report.ts'
import { resolveBgp } from '../../../src/speaker/bgp/resolve.ts'
import type { BgpProblem } from '../../../src/speaker/bgp/resolve-facts.ts'
import type { BgpLine, NextHopNode } from '../../../src/speaker/bgp/route.ts'
import { openBgpEngine } from '../../../src/speaker/io/bgp-engine.ts'
import { openLibc } from '../../../src/speaker/io/libc.ts'

export interface ChildNode {
  readonly name: string
  readonly ipv4: string
  readonly ipv6: string
}

export interface ChildRoute {
  readonly prefix: string
  /** The node itself is meant by its own addresses. */
  readonly nextHops: readonly ChildNode[]
  readonly communities?: readonly string[]
  readonly localPref?: number
  readonly med?: number
}

export type ChildOrder =
  | { readonly order: 'configure'; readonly conf: BgpConfObject | undefined; readonly peers: readonly BgpPeerObject[] }
  | { readonly order: 'announce'; readonly routes: readonly ChildRoute[] }
  /** Answered with the same number. */
  | { readonly order: 'look'; readonly id: number }
  | { readonly order: 'close'; readonly how: 'restart' | 'leave' }

export type ChildLine =
  | { readonly said: 'ready' }
  | { readonly said: 'look'; readonly id: number; readonly look: EngineLook }
  | { readonly said: 'closed' }

export interface EngineLook {
  readonly peers: readonly PeerReport[]
  readonly problems: readonly BgpProblem[]
  readonly listening: { readonly port: number | undefined; readonly problem: string | undefined }
  readonly rssBytes: number
}

const node = JSON.parse(process.argv[2] ?? '') as ChildNode
const say = (line: ChildLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const engine = openBgpEngine({
  node: node.name,
  libc: openLibc(),
  clock: systemClock,
  logger: silentLogger,
  random: Math.random,
  onChange: () => undefined,
  startedMs: systemClock.monotonicMs(),
})
let problems: readonly BgpProblem[] = []

createInterface({ input: process.stdin })
  .on('line', (text) => obey(JSON.parse(text) as ChildOrder))
  .on('close', () => process.exit(0))
say({ said: 'ready' })

function obey(order: ChildOrder): void {
  if (order.order === 'configure') configure(order)
  else if (order.order === 'announce') engine.announce(order.routes.map(lineOf))
  else if (order.order === 'look') {
    const look = { peers: engine.peers(), problems, listening: engine.listening(), rssBytes: process.memoryUsage.rss() }
    say({ said: 'look', id: order.id, look })
  } else void engine.close(order.how, 10_000).then(() => say({ said: 'closed' }))
}

function configure({ conf, peers }: Extract<ChildOrder, { order: 'configure' }>): void {
  const addresses = { IPv4: ipOf(node.ipv4), IPv6: ipOf(node.ipv6) }
  const resolved = resolveBgp({
    node: { name: node.name, labels: {}, addresses },
    conf,
    peers,
    policyText: undefined,
    lastPolicyText: undefined,
    secret: undefined,
  })
  problems = resolved.problems
  engine.configure(resolved.settings)
}

function lineOf({ prefix: text, nextHops, communities = [], localPref, med }: ChildRoute): BgpLine {
  const prefix = parsePrefix(text)
  if (!prefix.ok) throw new Error(prefix.error.message)
  const all = nextHops.map(nextHopOf)
  return {
    text,
    prefix: prefix.value,
    nextHops: [...all.filter(({ self }) => self), ...all.filter(({ self }) => !self)],
    attributes: { localPref, med, ...communitiesOf(communities.map(communityOf)) },
    peers: undefined,
    addresses: [text.replace(/\/.*/, '')],
    eips: ['eip'],
  }
}

const nextHopOf = ({ name, ipv4, ipv6 }: ChildNode): NextHopNode => ({
  node: name,
  self: name === node.name,
  IPv4: ipOf(ipv4),
  IPv6: ipOf(ipv6),
})

function communityOf(text: string) {
  const community = parseCommunity(text)
  if (!community.ok) throw new Error(community.error)
  return community.value
}

function ipOf(text: string): Ip {
  const ip = parseIp(text)
  if (!ip.ok) throw new Error(ip.error.message)
  return ip.value
}
