import { parseIp } from '../../../../src/addr/ip.ts'
import type { BgpConfObject, BgpConfSpec } from '../../../../src/api/bgp-conf.ts'
import type { BgpPeerObject, BgpPeerSpec } from '../../../../src/api/bgp-peer.ts'
import type { BgpFacts } from '../../../../src/speaker/bgp/resolve-facts.ts'

export const ip = (text: string) => {
  const read = parseIp(text)
  if (!read.ok) throw new TypeError(text)
  return read.value
}

const metadata = (name: string, labels: Readonly<Record<string, string>> = {}, creationTimestamp = '2026-01-01T00:00:00Z') => ({
  name,
  uid: name,
  resourceVersion: '1',
  creationTimestamp,
  labels,
})

/** `spec` may be any JSON: that is what these tests are about. */
export const confOf = (spec: unknown, labels: Readonly<Record<string, string>> = {}): BgpConfObject => ({
  apiVersion: 'v',
  kind: 'BgpConf',
  metadata: metadata('default', labels),
  spec: spec as BgpConfSpec,
})
export const peerOf = (
  name: string,
  spec: unknown,
  { labels = {}, at = '2026-01-01T00:00:00Z' }: { readonly labels?: Readonly<Record<string, string>>; readonly at?: string } = {},
): BgpPeerObject => ({ apiVersion: 'v', kind: 'BgpPeer', metadata: metadata(name, labels, at), spec: spec as BgpPeerSpec })

/** A node n1 with 10.0.0.1 and fd00::1, the AS 65001 and one router. */
export const ROUTER = { neighborAddress: '10.0.0.254', peerAs: 65_000 } as const
export const FACTS: BgpFacts = {
  node: { name: 'n1', labels: {}, addresses: { IPv4: ip('10.0.0.1'), IPv6: ip('fd00::1') } },
  conf: confOf({ as: 65_001 }),
  peers: [peerOf('tor', { conf: ROUTER })],
  policyText: undefined,
  lastPolicyText: undefined,
  secret: new Map([
    ['tor', 'secret'],
    ['bfd', 'key'],
    ['long', 'x'.repeat(81)],
  ]),
}
