/** Settings of BGP as plain JSON, with the defaults that tests want: for the engine in a child process and for tests of the engine itself. */
import type { Ip } from '../../../src/addr/ip.ts'
import { formatPrefix, parsePrefix } from '../../../src/addr/prefix.ts'
import type { BfdSettings } from '../../../src/speaker/bfd/settings.ts'
import { EXPORT_OWN } from '../../../src/speaker/bgp/export-policy.ts'
import type { ExpectedAs } from '../../../src/speaker/bgp/open-check.ts'
import { type BgpLine, type NextHopNode, PLAIN_ATTRIBUTES, type RouteAttributes } from '../../../src/speaker/bgp/route.ts'
import type { BgpRole, BgpSettings, ListenSettings, NextHopMode, PeerRestart, PeerSettings } from '../../../src/speaker/bgp/settings.ts'
import { ipOf } from './objects.ts'

/** One peer. Addresses are texts; what is left out has a default: eBGP to AS 65000 from AS 65001, port 179, hold time 9 s, both families. */
export interface PeerText {
  readonly name?: string
  /** An address, or `interface:NAME` for an unnumbered peer. */
  readonly remote: string
  readonly port?: number
  readonly localAs?: number
  /** Dotted. */
  readonly routerId?: string
  readonly expectedAs?: ExpectedAs
  readonly role?: BgpRole
  readonly password?: string
  readonly localAddress?: string
  readonly device?: string
  readonly ttl?: number
  readonly leastTtl?: number
  readonly passive?: boolean
  readonly mss?: number
  readonly adminDown?: boolean
  readonly holdMs?: number
  readonly keepaliveMs?: number
  readonly connectRetryMs?: number
  readonly advertisementMs?: number
  readonly families?: readonly ('IPv4' | 'IPv6')[]
  /** For all families. */
  readonly addPathSend?: number
  /** Whether the families are named in the capability Graceful Restart; true when left out. */
  readonly restarts?: boolean
  readonly gracefulRestart?: PeerRestart
  readonly nextHop?: NextHopMode
  readonly bfd?: Partial<BfdSettings>
}

export interface SettingsText {
  readonly listen?: { readonly port?: ListenSettings['port']; readonly addresses?: readonly string[] }
  readonly peers: readonly PeerText[]
}

/** One line, or `count` of them: neighbouring host routes from `prefix` on. Next hop is this node, by the addresses of the session. */
export interface LineText {
  readonly prefix: string
  readonly count?: number
  readonly nextHops?: readonly { readonly node: string; readonly self?: boolean; readonly IPv4?: string; readonly IPv6?: string }[]
  readonly attributes?: Partial<RouteAttributes>
  readonly peers?: readonly string[]
}

export const settingsOf = ({ listen = {}, peers }: SettingsText): BgpSettings => ({
  listen: { port: listen.port ?? 179, addresses: (listen.addresses ?? []).map(ipOf) },
  peers: peers.map(peerOf),
})

const idOf = (dotted: string): number => Number(ipOf(dotted).value)

export function peerOf(text: PeerText): PeerSettings {
  const { remote, port = 179 } = text
  const [, interfaceName] = /^interface:(.*)$/.exec(remote) ?? []
  const families = text.families ?? ['IPv4', 'IPv6']
  return {
    name: text.name ?? remote,
    remote: interfaceName === undefined ? { kind: 'address', ip: ipOf(remote), port } : { kind: 'interface', name: interfaceName, port },
    localAs: text.localAs ?? 65_001,
    routerId: idOf(text.routerId ?? '10.255.0.1'),
    expectedAs: text.expectedAs ?? 65_000,
    role: text.role,
    transport: {
      password: text.password,
      localAddress: text.localAddress === undefined ? undefined : ipOf(text.localAddress),
      device: text.device,
      ttl: text.ttl ?? 64,
      leastTtl: text.leastTtl,
      passive: text.passive ?? false,
      mss: text.mss,
    },
    adminDown: text.adminDown ?? false,
    times: {
      holdMs: text.holdMs ?? 9000,
      keepaliveMs: text.keepaliveMs,
      connectRetryMs: text.connectRetryMs ?? 1000,
      advertisementMs: text.advertisementMs ?? 0,
    },
    families: families.map((family) => ({ family, addPathSend: text.addPathSend ?? 0, restarts: text.restarts ?? true })),
    gracefulRestart: text.gracefulRestart,
    nextHop: text.nextHop ?? 'self',
    bfd: text.bfd && {
      transmitMs: 300,
      receiveMs: 300,
      detectMultiplier: 3,
      passive: false,
      leastTtl: 254,
      authentication: undefined,
      ...text.bfd,
    },
    policy: EXPORT_OWN,
  }
}

/** Lines with shared parts, as the cluster's glue makes them. */
export function linesOf(texts: readonly LineText[]): BgpLine[] {
  return texts.flatMap((text) => {
    const first = prefixOfText(text.prefix)
    const nextHops: readonly NextHopNode[] = text.nextHops?.map(nextHopOf) ?? [
      { node: 'self', self: true, IPv4: undefined, IPv6: undefined },
    ]
    const attributes = text.attributes === undefined ? PLAIN_ATTRIBUTES : { ...PLAIN_ATTRIBUTES, ...text.attributes }
    const step = 1n << BigInt((first.family === 'IPv4' ? 32 : 128) - first.length)
    return Array.from({ length: text.count ?? 1 }, (_, at): BgpLine => {
      const prefix = { ...first, base: first.base + step * BigInt(at) }
      return { text: formatPrefix(prefix), prefix, nextHops, attributes, peers: text.peers, addresses: [], eips: [] }
    })
  })
}

function prefixOfText(text: string) {
  const read = parsePrefix(text)
  if (!read.ok) throw new Error(read.error.message)
  return read.value
}

type NextHopText = NonNullable<LineText['nextHops']>[number]
const optionalIp = (text: string | undefined): Ip | undefined => (text === undefined ? undefined : ipOf(text))

const nextHopOf = ({ node, self = false, IPv4, IPv6 }: NextHopText): NextHopNode => ({
  node,
  self,
  IPv4: optionalIp(IPv4),
  IPv6: optionalIp(IPv6),
})
