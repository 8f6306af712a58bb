/** What the verbs of BGP read: settings, and what speakers say of their sessions and routes. */
import type { AddressClaimObject } from '../../../src/api/address-claim.ts'
import type { BgpConfObject } from '../../../src/api/bgp-conf.ts'
import type { BgpPeerObject } from '../../../src/api/bgp-peer.ts'
import type { RouteVerdict } from '../../../src/speaker/bgp/peer-report.ts'
import { BGP_PATHS, type BgpReport, type RouteReport, type RoutesPage, type WhyPage } from '../../../src/speaker/bgp-report.ts'
import { claim, meta, report, THEN } from './objects.ts'

export const bgpConf = (name = 'default'): BgpConfObject => ({
  apiVersion: 'network.kubesphere.io/v1alpha2',
  kind: 'BgpConf',
  metadata: meta(name),
  spec: { as: 65_001 },
})

export const bgpPeer = (name: string): BgpPeerObject => ({
  apiVersion: 'network.kubesphere.io/v1alpha2',
  kind: 'BgpPeer',
  metadata: meta(name),
  spec: { conf: { neighborAddress: '10.251.0.31', peerAs: 65_000 } },
})

export const bgp = (some: Partial<BgpReport> = {}): BgpReport => ({
  configured: true,
  port: 179,
  problems: [],
  peers: [],
  routes: 0,
  ...some,
})

/** The reports of these nodes, as the pages of their Pods; JSON, as it comes over the wire. */
export const bgpPages = (nodes: Readonly<Record<string, BgpReport | undefined>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(nodes).map(([node, told]) => [
      `speaker-${node}`,
      JSON.parse(JSON.stringify(report(node, Object.keys(nodes), told === undefined ? {} : { bgp: told }))),
    ]),
  )

/** A claim of protocol bgp, announced by these nodes. */
export function bgpClaim(address: string, service: string, nodes: readonly string[]): AddressClaimObject {
  const held = claim(address, service)
  const announcers = nodes.map((node) => ({ node, protocol: 'bgp' as const, since: THEN }))
  return { ...held, spec: { ...held.spec, protocol: 'bgp' }, status: { ...held.status, announcers } }
}

export const route = (prefix: string, some: Partial<RouteReport> = {}): RouteReport => ({
  prefix,
  nextHops: [
    { node: 'n1', self: true, addresses: ['10.251.0.11'] },
    { node: 'n2', self: false, addresses: ['10.251.0.12'] },
  ],
  attributes: [],
  told: ['frr'],
  addresses: [prefix.split('/')[0] ?? ''],
  eips: ['pool'],
  ...some,
})

export const verdict = (peer: string, reason: string, message: string, paths: readonly string[] = []): RouteVerdict => ({
  peer,
  prefix: '10.99.0.1/32',
  told: reason === 'told',
  reason,
  message,
  paths,
})

/** The pages of `openelb bgp why` for one address or prefix. */
export const whyPages = (asked: string, nodes: Readonly<Record<string, Omit<WhyPage, 'node'>>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(nodes).map(([node, page]) => [`speaker-${node}${BGP_PATHS.why}?prefix=${encodeURIComponent(asked)}`, { node, ...page }]),
  )

export const routesPage = (
  node: string,
  from: number,
  routes: readonly RouteReport[],
  total: number,
): Readonly<Record<string, RoutesPage>> => ({
  [`speaker-${node}${BGP_PATHS.routes}?from=${from}`]: { node, from, total, routes },
})
