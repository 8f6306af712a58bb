/** What BgpConf says to one node: its AS, its router id, where it listens. */
import { type Ip, parseIp } from '../../addr/ip.ts'
import type { BgpConfSpec } from '../../api/bgp-conf.ts'
import { RACK } from '../../api/service-annotations.ts'
import type { BgpNode } from './resolve-facts.ts'
import { type ProblemList, shown } from './resolve-problem.ts'
import type { ListenSettings } from './settings.ts'

const AS_TRANS = 23_456
const MAX_AS = 4_294_967_295

/** A number that an AS may have: neither 0 (RFC 7607) nor AS_TRANS (RFC 6793 section 9). */
export const isAs = (value: number | undefined): value is number =>
  value !== undefined && Number.isInteger(value) && value >= 1 && value <= MAX_AS && value !== AS_TRANS

/** The AS of the rack wins over that of all nodes. Undefined, and said, when there is none that can be used. */
export function resolveAs({ as, asPerRack = {} }: BgpConfSpec, { labels }: BgpNode, list: ProblemList): number | undefined {
  const rack = labels[RACK] ?? ''
  const hasRack = rack !== '' && Object.hasOwn(asPerRack, rack)
  const value = hasRack ? asPerRack[rack] : as
  const field = hasRack ? `spec.asPerRack.${rack}` : 'spec.as'
  if (value === undefined || value === 0) {
    if (!hasRack && Object.keys(asPerRack).length > 0) return noRack(rack, list)
    return list.add('no-as', `${field} is missing, so this node speaks no BGP`, 'write the AS number of the nodes')
  }
  if (!isAs(value)) return list.add('no-as', `${field} is ${value}, which is no AS number`, `use 1 to ${MAX_AS}, except ${AS_TRANS}`)
  return value
}

function noRack(rack: string, list: ProblemList): undefined {
  const why = rack === '' ? `the node has no label ${RACK}` : `spec.asPerRack has no rack ${shown(rack)}, which is that of the node`
  list.add(
    'no-as',
    `${why}, and spec.as is missing, so this node speaks no BGP`,
    `label the node with its rack (${RACK}), or write spec.as for all nodes without one`,
  )
}

/** FNV-1a, 32 bits: a number from a name that is the same after every restart. */
function numberFromName(name: string): number {
  let hash = 0x811c_9dc5
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x0100_0193) >>> 0
  return hash === 0 ? 1 : hash
}

const identifierOf = (ip: Ip | undefined): number | undefined => (ip?.family === 'IPv4' && ip.value !== 0n ? Number(ip.value) : undefined)

/**
 * The BGP Identifier: that of the spec, or the IPv4 address of the node, which is the rule with racks, as in OpenELB. A node without IPv4 gets
 * a number from its name (RFC 6286 asks only for one that is not 0 and unique in the AS).
 */
export function resolveRouterId({ routerId = '', asPerRack = {} }: BgpConfSpec, node: BgpNode, list: ProblemList): number {
  const isRacked = (node.labels[RACK] ?? '') !== '' && Object.keys(asPerRack).length > 0
  if (routerId !== '' && !isRacked) {
    const ip = parseIp(routerId)
    const value = ip.ok ? identifierOf(ip.value) : undefined
    if (value !== undefined) return value
    list.add('bad-setting', `spec.routerId is ${shown(routerId)}, which is no router id`, 'write an IPv4 address, or leave it out')
  }
  const own = identifierOf(node.addresses.IPv4)
  if (own !== undefined) return own
  list.add(
    'no-router-id',
    `the node has no IPv4 address, so its router id is made from its name`,
    'nothing, if no other router of the AS has that id; otherwise write spec.routerId',
  )
  return numberFromName(node.name)
}

/** A list of addresses of which none can be read opens nothing, rather than everything. */
export function resolveListen({ listenPort = 0, listenAddresses = [] }: BgpConfSpec, list: ProblemList): ListenSettings {
  const addresses = listenAddresses.flatMap((text, at): readonly Ip[] => {
    const ip = parseIp(text)
    if (ip.ok) return [ip.value]
    list.add('bad-setting', `spec.listenAddresses[${at}] is not an address: ${ip.error.message}`, 'write an address of the node')
    return []
  })
  if (listenPort < 0 || (listenAddresses.length > 0 && addresses.length === 0)) return { port: 'none', addresses: [] }
  return { port: listenPort === 0 ? 'default' : listenPort, addresses }
}
