/** Peers and lines as an engine reports them, for what is made of them. */
import { parseIp } from '../../../../src/addr/ip.ts'
import { parsePrefix } from '../../../../src/addr/prefix.ts'
import type { BfdReport } from '../../../../src/speaker/bfd/settings.ts'
import type { MessageCounts, PeerReport } from '../../../../src/speaker/bgp/peer-report.ts'
import { type BgpLine, PLAIN_ATTRIBUTES } from '../../../../src/speaker/bgp/route.ts'

export const SOME_MS = Date.parse('2026-11-21T00:00:00Z')

const COUNTS: MessageCounts = {
  open: 1,
  update: 3,
  notification: 0,
  keepalive: 9,
  refresh: 0,
  withdrawUpdate: 1,
  withdrawPrefix: 2,
  discarded: 0,
}

/** A session that is up since SOME_MS, and what is told of it. */
export const peerReport = (name: string, some: Partial<PeerReport> = {}): PeerReport => ({
  name,
  address: '10.251.0.31',
  interface: undefined,
  state: 'Established',
  adminDown: false,
  localAs: 65_001,
  routerId: '10.251.0.11',
  peerAs: 65_000,
  peerRouterId: '10.251.0.31',
  negotiated: ['ipv4-unicast', 'route-refresh'],
  holdMs: 90_000,
  keepaliveMs: 30_000,
  upSinceMs: SOME_MS,
  downSinceMs: undefined,
  flaps: 0,
  lastError: undefined,
  received: COUNTS,
  sent: COUNTS,
  prefixes: { announced: 2, pending: 0, received: 7 },
  unwrittenBytes: 0,
  bfd: undefined,
  ...some,
})

/** A session that nobody answers. */
export const downReport = (name: string, some: Partial<PeerReport> = {}): PeerReport =>
  peerReport(name, {
    state: 'Active',
    peerAs: undefined,
    peerRouterId: undefined,
    negotiated: [],
    upSinceMs: undefined,
    lastError: { code: 'refused', message: '10.251.0.31 refuses the connection', cure: 'start BGP there', atMs: SOME_MS },
    prefixes: { announced: 0, pending: 2, received: 0 },
    ...some,
  })

export const bfdReport = (some: Partial<BfdReport> = {}): BfdReport => ({
  key: 'frr',
  state: 'Up',
  remoteState: 'Up',
  diagnostic: undefined,
  detectionMs: 900,
  transmitMs: 300,
  upSinceMs: SOME_MS,
  downs: 1,
  sent: 10,
  received: 11,
  discarded: 2,
  ...some,
})

/** A line of one address, with these nodes as next hops (`n1` is this node, at 10.251.0.11). */
export function bgpLine(text: string, nodes: readonly string[] = ['n1'], some: Partial<BgpLine> = {}): BgpLine {
  const prefix = parsePrefix(text)
  if (!prefix.ok) throw new TypeError(prefix.error.message)
  const nextHops = nodes.map((node) => {
    const ip = parseIp(`10.251.0.1${node.replace(/\D/g, '')}`)
    return { node, self: node === 'n1', IPv4: ip.ok ? ip.value : undefined, IPv6: undefined }
  })
  return {
    text,
    prefix: prefix.value,
    nextHops,
    attributes: PLAIN_ATTRIBUTES,
    peers: undefined,
    addresses: [text.split('/')[0] ?? ''],
    eips: ['pool'],
    ...some,
  }
}
