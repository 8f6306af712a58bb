import type { Family } from '../../src/addr/ip.ts'
import { addressOf, interfaceOf, type NeighbourSpec, type RouterSpec } from './spec.ts'

const FAMILY_WORD: Readonly<Record<Family, string>> = { IPv4: 'ipv4 unicast', IPv6: 'ipv6 unicast' }
const MAXIMUM_PATHS = 64

/** The text of each daemon's own file (no daemon reads the words of another without complaint), for FRR 8. */
export function frrConfig(spec: RouterSpec): Readonly<Record<'zebra' | 'bfdd' | 'bgpd', string>> {
  const interfaces = spec.neighbours.map(interfaceOf).filter((name) => name !== undefined)
  const advertised = interfaces.flatMap((name) => [`interface ${name}`, ' no ipv6 nd suppress-ra', ' ipv6 nd ra-interval 1', 'exit'])
  const profiles = spec.neighbours.flatMap(({ name, bfd }) =>
    bfd === undefined
      ? []
      : [
          ` profile ${name}`,
          `  detect-multiplier ${bfd.multiplier}`,
          `  receive-interval ${bfd.intervalMs}`,
          `  transmit-interval ${bfd.intervalMs}`,
          ' exit',
        ],
  )
  return {
    zebra: text(['hostname router', ...advertised]),
    bfdd: text(['hostname router', ...(profiles.length === 0 ? [] : ['bfd', ...profiles, 'exit'])]),
    bgpd: text(['frr defaults datacenter', 'hostname router', ...bgp(spec)]),
  }
}

/** The instance alone: what `vtysh` is given when the router is configured anew. */
export function frrInstance(spec: RouterSpec): readonly string[] {
  return bgp(spec)
}

function bgp({ as, routerId, neighbours, originates }: RouterSpec): string[] {
  const restarts = neighbours.find(({ gracefulRestartSec }) => gracefulRestartSec !== undefined)?.gracefulRestartSec
  return [
    `router bgp ${as}`,
    ` bgp router-id ${routerId}`,
    // Our lab's own filters are for routers that face strangers.
    ' no bgp ebgp-requires-policy',
    ' no bgp network import-check',
    ' no bgp default ipv4-unicast',
    ' bgp bestpath as-path multipath-relax',
    ...(restarts === undefined ? [] : [' bgp graceful-restart', ` bgp graceful-restart restart-time ${restarts}`]),
    ...neighbours.flatMap(neighbourLines),
    ...(['IPv4', 'IPv6'] as const).flatMap((family) => familyLines(family, neighbours, originates)),
    'exit',
  ]
}

function neighbourLines(neighbour: NeighbourSpec): string[] {
  const word = addressOf(neighbour) ?? interfaceOf(neighbour) ?? ''
  const key = ` neighbor ${word}`
  const keepaliveSec = Math.max(1, Math.floor(neighbour.holdSec / 3))
  return [
    interfaceOf(neighbour) === undefined ? `${key} remote-as ${neighbour.as}` : `${key} interface remote-as ${neighbour.as}`,
    `${key} timers ${keepaliveSec} ${neighbour.holdSec}`,
    `${key} timers connect 1`,
    ...(neighbour.port === 179 ? [] : [`${key} port ${neighbour.port}`]),
    ...(neighbour.local === undefined ? [] : [`${key} update-source ${neighbour.local}`]),
    ...(neighbour.passive ? [`${key} passive`] : []),
    ...(neighbour.password === undefined ? [] : [`${key} password ${neighbour.password}`]),
    ...(neighbour.ttlSecurity ? [`${key} ttl-security hops 1`] : []),
    ...(neighbour.extendedNextHop ? [`${key} capability extended-nexthop`] : []),
    ...(neighbour.bfd === undefined ? [] : [`${key} bfd profile ${neighbour.name}`]),
  ]
}

function familyLines(family: Family, neighbours: readonly NeighbourSpec[], originates: readonly string[]): string[] {
  const active = neighbours.filter(({ families }) => families.includes(family))
  const own = originates.filter((prefix) => prefix.includes(':') === (family === 'IPv6'))
  if (active.length === 0) return []
  return [
    ` address-family ${FAMILY_WORD[family]}`,
    ...own.map((prefix) => `  network ${prefix}`),
    ...active.flatMap((neighbour) => {
      const key = `  neighbor ${addressOf(neighbour) ?? interfaceOf(neighbour)}`
      // FRR offers to take several paths from everybody unless told not to.
      return [`${key} activate`, ...(neighbour.addPath ? [] : [`${key} disable-addpath-rx`])]
    }),
    `  maximum-paths ${MAXIMUM_PATHS}`,
    `  maximum-paths ibgp ${MAXIMUM_PATHS}`,
    ' exit-address-family',
  ]
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`
}
