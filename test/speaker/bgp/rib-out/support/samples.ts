import type { Ip } from '../../../../../src/addr/ip.ts'
import { parseIp } from '../../../../../src/addr/ip.ts'
import { formatPrefix, parsePrefix } from '../../../../../src/addr/prefix.ts'
import { EXPORT_OWN } from '../../../../../src/speaker/bgp/export-policy.ts'
import type { SessionTerms } from '../../../../../src/speaker/bgp/outbound.ts'
import { type BgpLine, type NextHopNode, PLAIN_ATTRIBUTES, type RouteAttributes } from '../../../../../src/speaker/bgp/route.ts'
import type { PeerSettings } from '../../../../../src/speaker/bgp/settings.ts'
import type { UpdateContext } from '../../../../../src/wire/bgp/context.ts'
import { MESSAGE_MAX } from '../../../../../src/wire/bgp/header.ts'

/** One object for each text, as the cluster's glue shares them. */
const value = <T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}

export const ip = (text: string): Ip => value(parseIp(text))

export const LOCAL_AS = 65_001
export const PEER_AS = 65_000

export const node = (name: string, IPv4: string | undefined, IPv6?: string, self = false): NextHopNode => ({
  node: name,
  self,
  IPv4: IPv4 === undefined ? undefined : ip(IPv4),
  IPv6: IPv6 === undefined ? undefined : ip(IPv6),
})
export const SELF = node('n1', '192.0.2.1', '2001:db8::1', true)
export const SECOND = node('n2', '192.0.2.2', '2001:db8::2')
export const THIRD = node('n3', '192.0.2.3')

export const attributes = (over: Partial<RouteAttributes>): RouteAttributes => ({ ...PLAIN_ATTRIBUTES, ...over })

const HERE = [SELF] as const

export function line(text: string, over: Partial<BgpLine> = {}): BgpLine {
  const prefix = value(parsePrefix(text))
  return {
    text: formatPrefix(prefix),
    prefix,
    nextHops: HERE,
    attributes: PLAIN_ATTRIBUTES,
    peers: undefined,
    addresses: [],
    eips: ['pool'],
    ...over,
  }
}

/** Host routes of 198.18.0.0/15, which all share what can be shared. */
export const lines = (count: number, over: Partial<BgpLine> = {}): BgpLine[] =>
  Array.from({ length: count }, (_, index) => line(`198.18.${index >>> 8}.${index & 0xff}/32`, over))
export const lines6 = (count: number, over: Partial<BgpLine> = {}): BgpLine[] =>
  Array.from({ length: count }, (_, index) => line(`2001:db8:1::${index.toString(16)}/128`, over))

export const peer = (over: Partial<PeerSettings> = {}): PeerSettings => ({
  name: 'router',
  remote: { kind: 'address', ip: ip('192.0.2.254'), port: 179 },
  localAs: LOCAL_AS,
  routerId: 0xc000_0201,
  expectedAs: PEER_AS,
  role: undefined,
  transport: {
    password: undefined,
    localAddress: undefined,
    device: undefined,
    ttl: 1,
    leastTtl: undefined,
    passive: false,
    mss: undefined,
  },
  adminDown: false,
  times: { holdMs: 90_000, keepaliveMs: undefined, connectRetryMs: 1000, advertisementMs: 0 },
  families: [
    { family: 'IPv4', addPathSend: 8, restarts: false },
    { family: 'IPv6', addPathSend: 8, restarts: false },
  ],
  gracefulRestart: undefined,
  nextHop: 'auto',
  bfd: undefined,
  policy: EXPORT_OWN,
  ...over,
})

export interface TermsOptions {
  readonly peering?: UpdateContext['peering']
  readonly families?: UpdateContext['families']
  readonly longest?: number
  readonly enhanced?: boolean
  readonly local?: string
  readonly remote?: string
  readonly interfaceAddress?: string
}

const BOTH = { IPv4: { pathIds: false, extendedNextHop: false }, IPv6: { pathIds: false, extendedNextHop: false } } as const

export function terms(options: TermsOptions = {}): SessionTerms {
  const { peering = 'external', families = BOTH, longest = MESSAGE_MAX, enhanced = true } = options
  const send: UpdateContext = { peering, fourOctetAs: true, families }
  return {
    agreement: {
      holdSeconds: 90,
      receive: send,
      send,
      longestReceived: longest,
      longestSent: longest,
      routeRefresh: true,
      enhancedRouteRefresh: enhanced,
    },
    localAddress: ip(options.local ?? '192.0.2.1'),
    remoteAddress: ip(options.remote ?? '192.0.2.254'),
    interfaceAddress: options.interfaceAddress === undefined ? undefined : ip(options.interfaceAddress),
    linkLocalAddress: undefined,
    asNumbers: { local: LOCAL_AS, peer: peering === 'internal' ? LOCAL_AS : PEER_AS },
  }
}
