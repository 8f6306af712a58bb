/** What the matrix is made of: each cell is one router, one kind of session, one way for the families, and one option. */
import { type NeighbourSpec, PLAIN_NEIGHBOUR, ROUTER_KINDS, type RouterKind, type RouterSpec } from '../../../lab/peers/spec.ts'
import type { WirePlace } from '../../../lab/peers/wire.ts'
import type { Family } from '../../../src/addr/ip.ts'
import { allCells, pairwise } from '../../support/pairwise.ts'

export const SESSIONS = ['eBGP', 'iBGP'] as const
export const WAYS = ['v4 over v4', 'v6 over v6', 'v4+v6 over v4', 'v4 with v6 next hop', 'unnumbered'] as const
export const OPTIONS = ['plain', 'MD5', 'GTSM', 'add-path', 'GR', 'BFD'] as const

export interface Cell {
  readonly router: RouterKind
  readonly session: (typeof SESSIONS)[number]
  readonly way: (typeof WAYS)[number]
  readonly option: (typeof OPTIONS)[number]
}

const DIMENSIONS = { router: ROUTER_KINDS, session: SESSIONS, way: WAYS, option: OPTIONS }

export const cellName = ({ router, session, way, option }: Cell): string => `${router} ${session} ${way} ${option}`

/** Why no two programs could make this cell with that router, in a sentence; undefined: it is to work. */
export function impossible({ router, way, option }: Cell): string | undefined {
  if (router === 'gobgp' && option === 'BFD')
    return "GoBGP has no BFD; its own words for such a neighbour: `'neighbors[0]' has invalid keys: bfd`"
  if (way === 'unnumbered' && option === 'MD5')
    return 'Our own rule, "an unnumbered peer has no password": the kernel wants the address with the key, and the router has none before it is seen'
  return undefined
}

export const everyCell = (): readonly Cell[] => allCells(DIMENSIONS) as unknown as readonly Cell[]
/** Those that `npm test` plays. */
export const fewCells = (): readonly Cell[] =>
  pairwise(DIMENSIONS, (cell) => impossible(cell as unknown as Cell) === undefined) as unknown as readonly Cell[]

export const ROUTER_AS = 65_000
export const NODE_AS = 65_001
export const PASSWORD = 'the-key-of-the-matrix'
export const RESTART_SEC = 30
export const HOLD_SEC = 3
/** The session with the node, in every router's own words. */
export const NEIGHBOUR = 'node'

export const nodeAs = ({ session }: Cell, routerAs = ROUTER_AS): number => (session === 'iBGP' ? routerAs : NODE_AS)

export const familiesOf = ({ way }: Cell): readonly Family[] => {
  if (way === 'v4 over v4' || way === 'v4 with v6 next hop') return ['IPv4']
  return way === 'v6 over v6' ? ['IPv6'] : ['IPv4', 'IPv6']
}

/** Family of the addresses of the session itself. */
export const transportOf = ({ way }: Cell): Family => (way === 'v4 over v4' || way === 'v4+v6 over v4' ? 'IPv4' : 'IPv6')

/** The router's part of the cell: the node is its neighbour. */
export function routerSpec(cell: Cell, places: { readonly router: WirePlace; readonly node: WirePlace }, as = ROUTER_AS): RouterSpec {
  return {
    as,
    routerId: places.router.ipv4,
    port: 179,
    neighbours: [neighbourSpec(cell, { as: nodeAs(cell, as), own: places.router, other: places.node })],
    originates: ORIGINATED.filter(({ family }) => familiesOf(cell).includes(family)).map(({ prefix }) => prefix),
  }
}

/** What the router tells the node. */
const ORIGINATED: readonly { readonly family: Family; readonly prefix: string }[] = [
  { family: 'IPv4', prefix: '198.51.100.0/24' },
  { family: 'IPv6', prefix: '2001:db8:51::/48' },
]

/** GoBGP neither sends router advertisements nor waits for those of others: it is told the link-local address, and so are we. */
function remoteOf(cell: Cell, other: WirePlace): NeighbourSpec['remote'] {
  if (cell.way !== 'unnumbered') return { address: transportOf(cell) === 'IPv4' ? other.ipv4 : other.ipv6 }
  return cell.router === 'gobgp' ? { address: `${other.linkLocal}%eth0` } : { interface: 'eth0' }
}

/** One end of the cell as any router would be configured for it. */
export function neighbourSpec(cell: Cell, { as, own, other }: { as: number; own: WirePlace; other: WirePlace }): NeighbourSpec {
  const { way, option } = cell
  const address = transportOf(cell) === 'IPv4' ? 'ipv4' : 'ipv6'
  return {
    ...PLAIN_NEIGHBOUR,
    name: NEIGHBOUR,
    remote: remoteOf(cell, other),
    local: way === 'unnumbered' ? undefined : own[address],
    as,
    families: familiesOf(cell),
    extendedNextHop: way === 'v4 with v6 next hop' || way === 'unnumbered',
    password: option === 'MD5' ? PASSWORD : undefined,
    ttlSecurity: option === 'GTSM',
    addPath: option === 'add-path',
    gracefulRestartSec: option === 'GR' ? RESTART_SEC : undefined,
    bfd: option === 'BFD' ? { intervalMs: 100, multiplier: 3 } : undefined,
    holdSec: HOLD_SEC,
  }
}
