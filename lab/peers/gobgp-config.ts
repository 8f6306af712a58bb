import type { Family } from '../../src/addr/ip.ts'
import { addressOf, interfaceOf, type NeighbourSpec, type RouterSpec } from './spec.ts'

const FAMILY_WORD: Readonly<Record<Family, string>> = { IPv4: 'ipv4-unicast', IPv6: 'ipv6-unicast' }
/** GoBGP takes no shorter wait before it calls again (seconds). */
const CONNECT_RETRY_SEC = 1

/** The text of gobgpd.toml, for GoBGP 3. What the spec originates is added by the command line once it runs. */
export function gobgpConfig(spec: RouterSpec): string {
  const lines = [
    '[global.config]',
    `as = ${spec.as}`,
    `router-id = "${spec.routerId}"`,
    `port = ${spec.port}`,
    '[global.use-multiple-paths.config]',
    'enabled = true',
    ...spec.neighbours.flatMap(neighbourLines),
  ]
  return `${lines.join('\n')}\n`
}

function neighbourLines(neighbour: NeighbourSpec): string[] {
  const address = addressOf(neighbour)
  const restarts = neighbour.gracefulRestartSec
  return [
    '[[neighbors]]',
    '[neighbors.config]',
    address === undefined ? `neighbor-interface = "${interfaceOf(neighbour)}"` : `neighbor-address = "${address}"`,
    `peer-as = ${neighbour.as}`,
    ...(neighbour.password === undefined ? [] : [`auth-password = "${neighbour.password}"`]),
    '[neighbors.timers.config]',
    `connect-retry = ${CONNECT_RETRY_SEC}`,
    `hold-time = ${neighbour.holdSec}`,
    `keepalive-interval = ${Math.max(1, Math.floor(neighbour.holdSec / 3))}`,
    'idle-hold-time-after-reset = 1',
    '[neighbors.transport.config]',
    `passive-mode = ${neighbour.passive}`,
    `remote-port = ${neighbour.port}`,
    ...(neighbour.local === undefined ? [] : [`local-address = "${neighbour.local}"`]),
    ...(neighbour.ttlSecurity ? ['[neighbors.ttl-security.config]', 'enabled = true', 'ttl-min = 255'] : []),
    ...(restarts === undefined ? [] : ['[neighbors.graceful-restart.config]', 'enabled = true', `restart-time = ${restarts}`]),
    ...neighbour.families.flatMap((family) => familyLines(family, neighbour)),
  ]
}

function familyLines(family: Family, { addPath, gracefulRestartSec }: NeighbourSpec): string[] {
  return [
    '[[neighbors.afi-safis]]',
    '[neighbors.afi-safis.config]',
    `afi-safi-name = "${FAMILY_WORD[family]}"`,
    ...(gracefulRestartSec === undefined ? [] : ['[neighbors.afi-safis.mp-graceful-restart.config]', 'enabled = true']),
    ...(addPath ? ['[neighbors.afi-safis.add-paths.config]', 'receive = true'] : []),
  ]
}
