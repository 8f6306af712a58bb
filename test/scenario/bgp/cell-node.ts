/** The node's part of a cell, as the objects a user writes and the routes that come of Services. */
import type { WirePlace } from '../../../lab/peers/wire.ts'
import type { BgpConfSpec } from '../../../src/api/bgp-conf.ts'
import type { BgpPeerSpec } from '../../../src/api/bgp-peer.ts'
import { type Cell, familiesOf, HOLD_SEC, nodeAs, PASSWORD, RESTART_SEC, ROUTER_AS, transportOf } from './cells.ts'
import type { ChildNode, ChildRoute } from './engine-child.ts'

const AFI = { IPv4: 'AFI_IP', IPv6: 'AFI_IP6' } as const
/** More than nodes, so that the number never cuts. */
const MOST_PATHS = 10

export const confSpec = (cell: Cell, routerAs = ROUTER_AS): BgpConfSpec => ({ as: nodeAs(cell, routerAs) })

export function peerSpec(cell: Cell, router: WirePlace, routerAs = ROUTER_AS): BgpPeerSpec {
  const { option } = cell
  return {
    conf: { ...whereIs(cell, router), peerAs: routerAs, ...(option === 'MD5' ? { authPassword: PASSWORD } : {}) },
    timers: { config: { holdTime: String(HOLD_SEC), connectRetry: '1' } },
    afiSafis: familiesOf(cell).map((family) => ({
      config: { family: { afi: AFI[family], safi: 'SAFI_UNICAST' }, enabled: true },
      ...(option === 'add-path' ? { addPaths: { config: { sendMax: MOST_PATHS } } } : {}),
    })),
    ...(option === 'GTSM' ? { ttlSecurity: { enabled: true } } : {}),
    ...(option === 'GR' ? { gracefulRestart: { enabled: true, restartTime: RESTART_SEC } } : {}),
    ...(option === 'BFD' ? { bfd: { receiveInterval: 100, transmitInterval: 100, detectMultiplier: 3 } } : {}),
  }
}

function whereIs(cell: Cell, router: WirePlace) {
  if (cell.way !== 'unnumbered') return { neighborAddress: router[ADDRESS[transportOf(cell)]] }
  return { neighborInterface: 'eth0', ...(cell.router === 'gobgp' ? { neighborAddress: router.linkLocal } : {}) }
}

const ADDRESS = { IPv4: 'ipv4', IPv6: 'ipv6' } as const

/** Two more nodes, which are on no wire: next hops that only ADD-PATH tells. */
export const OTHERS: readonly ChildNode[] = [
  { name: 'n8', ipv4: '10.66.0.8', ipv6: 'fd66::8' },
  { name: 'n9', ipv4: '10.66.0.9', ipv6: 'fd66::9' },
]

export const ATTRIBUTES = { communities: ['65001:100', 'large:65001:1:2', 'rt:65001:9'], localPref: 200, med: 50 } as const

/** Three addresses per family; the first one stays through all that happens, the others come and go. */
export function routesOf(cell: Cell, node: ChildNode): readonly ChildRoute[] {
  const prefixes = { IPv4: ['10.9.0.1/32', '10.9.0.2/32', '10.9.0.3/32'], IPv6: ['fd09::1/128', 'fd09::2/128', 'fd09::3/128'] } as const
  const nextHops = [node, ...OTHERS]
  return familiesOf(cell).flatMap((family) => prefixes[family].map((prefix) => ({ prefix, nextHops, ...ATTRIBUTES })))
}
