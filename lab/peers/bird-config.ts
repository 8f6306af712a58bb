import type { Family } from '../../src/addr/ip.ts'
import { addressOf, interfaceOf, type NeighbourSpec, type RouterSpec } from './spec.ts'

const CHANNEL: Readonly<Record<Family, string>> = { IPv4: 'ipv4', IPv6: 'ipv6' }
const FAMILIES = ['IPv4', 'IPv6'] as const

/** The text of bird.conf, for BIRD 2. Routes that BGP learned go into the kernel, equal ones together. */
export function birdConfig(spec: RouterSpec, log: string): string {
  const lines = [
    `log "${log}" all;`,
    `router id ${spec.routerId};`,
    'protocol device { scan time 1; }',
    ...FAMILIES.flatMap((family) => [
      `protocol kernel kernel_${CHANNEL[family]} {`,
      `  ${CHANNEL[family]} { import none; export where source = RTS_BGP; };`,
      '  merge paths yes;',
      '}',
      ...staticRoutes(family, spec),
    ]),
    ...advertisements(spec),
    ...bfdSettings(spec),
    ...spec.neighbours.flatMap((neighbour) => bgp(neighbour, spec)),
  ]
  return `${lines.join('\n')}\n`
}

function staticRoutes(family: Family, { originates }: RouterSpec): string[] {
  const own = originates.filter((prefix) => prefix.includes(':') === (family === 'IPv6'))
  if (own.length === 0) return []
  return [`protocol static own_${CHANNEL[family]} { ${CHANNEL[family]}; ${own.map((prefix) => `route ${prefix} blackhole;`).join(' ')} }`]
}

/** An unnumbered neighbour finds its router by these. */
function advertisements({ neighbours }: RouterSpec): string[] {
  const interfaces = neighbours.map(interfaceOf).filter((name) => name !== undefined)
  if (interfaces.length === 0) return []
  const each = interfaces.map((name) => `interface "${name}" { max ra interval 4; min ra interval 3; default lifetime 0; };`)
  return ['protocol radv {', ...each.map((line) => `  ${line}`), '}']
}

function bfdSettings({ neighbours }: RouterSpec): string[] {
  const [times] = neighbours.map(({ bfd }) => bfd).filter((bfd) => bfd !== undefined)
  if (times === undefined) return []
  return ['protocol bfd {', `  interface "*" { interval ${times.intervalMs} ms; multiplier ${times.multiplier}; };`, '}']
}

function bgp(neighbour: NeighbourSpec, { as, port }: RouterSpec): string[] {
  const address = addressOf(neighbour)
  const device = interfaceOf(neighbour)
  const local = ['local', ...(neighbour.local === undefined ? [] : [neighbour.local]), `port ${port}`, `as ${as};`].join(' ')
  // Behind an interface anybody with a link-local address may call: BIRD makes a session for each.
  const remote =
    device === undefined
      ? [`neighbor ${address} port ${neighbour.port} as ${neighbour.as};`]
      : [`neighbor range fe80::/10 as ${neighbour.as};`, `interface "${device}";`, `dynamic name "${neighbour.name}_";`]
  return [
    `protocol bgp ${neighbour.name} {`,
    ...[local, ...remote, ...options(neighbour)].map((line) => `  ${line}`),
    ...neighbour.families.map((family) => `  ${channel(family, neighbour)}`),
    '}',
  ]
}

function options(neighbour: NeighbourSpec): string[] {
  return [
    `hold time ${neighbour.holdSec};`,
    'connect delay time 1;',
    'connect retry time 1;',
    'error wait time 1, 2;',
    'direct;',
    ...(neighbour.passive ? ['passive on;'] : []),
    ...(neighbour.password === undefined ? [] : [`password "${neighbour.password}";`]),
    ...(neighbour.ttlSecurity ? ['ttl security on;'] : []),
    neighbour.gracefulRestartSec === undefined
      ? 'graceful restart off;'
      : `graceful restart on; graceful restart time ${neighbour.gracefulRestartSec};`,
    'long lived graceful restart off;',
    // Where routes are kept over a restart, BFD that ends with the neighbour's process must not take them away.
    ...(neighbour.bfd === undefined ? [] : [neighbour.gracefulRestartSec === undefined ? 'bfd on;' : 'bfd graceful;']),
  ]
}

function channel(family: Family, { addPath, extendedNextHop }: NeighbourSpec): string {
  const settings = [
    'import all;',
    'export where source = RTS_STATIC;',
    ...(addPath ? ['add paths rx;'] : []),
    ...(extendedNextHop && family === 'IPv4' ? ['extended next hop on;'] : []),
  ]
  return `${CHANNEL[family]} { ${settings.join(' ')} };`
}
