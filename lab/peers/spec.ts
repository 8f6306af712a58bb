import type { Family } from '../../src/addr/ip.ts'

/** The routers that the lab can start, as their Debian packages are called by people. */
export const ROUTER_KINDS = ['frr', 'bird', 'gobgp'] as const
export type RouterKind = (typeof ROUTER_KINDS)[number]

/** What a router does, whichever program it is. */
export interface RouterSpec {
  readonly as: number
  /** Dotted decimal. */
  readonly routerId: string
  /** TCP port that it listens on. */
  readonly port: number
  readonly neighbours: readonly NeighbourSpec[]
  /** Prefixes that it announces itself. */
  readonly originates: readonly string[]
}

export interface NeighbourSpec {
  /** A word of a-z and 0-9. */
  readonly name: string
  /** Its address, or the interface behind which it is the only one (an unnumbered peer, found by its router advertisements). */
  readonly remote: { readonly address: string } | { readonly interface: string }
  /** Our end; undefined: the kernel's choice. */
  readonly local: string | undefined
  readonly as: number
  /** Port that is called. */
  readonly port: number
  /** The router waits for the call. */
  readonly passive: boolean
  readonly families: readonly Family[]
  /** IPv4 prefixes may have IPv6 next hops (RFC 8950). */
  readonly extendedNextHop: boolean
  /** TCP MD5 (RFC 2385). */
  readonly password: string | undefined
  /** GTSM (RFC 5082) within one hop. */
  readonly ttlSecurity: boolean
  /** Takes several paths per prefix (RFC 7911). */
  readonly addPath: boolean
  /** Keeps routes of a neighbour that restarts (RFC 4724), for so many seconds if it is the neighbour's wish; and says so of itself. */
  readonly gracefulRestartSec: number | undefined
  readonly bfd: BfdTimes | undefined
  readonly holdSec: number
}

/** Milliseconds, both directions. */
export interface BfdTimes {
  readonly intervalMs: number
  readonly multiplier: number
}

/** A neighbour with nothing but an address and an AS. */
export const PLAIN_NEIGHBOUR: Omit<NeighbourSpec, 'name' | 'remote' | 'as'> = {
  local: undefined,
  port: 179,
  passive: false,
  families: ['IPv4'],
  extendedNextHop: false,
  password: undefined,
  ttlSecurity: false,
  addPath: false,
  gracefulRestartSec: undefined,
  bfd: undefined,
  holdSec: 9,
}

/** What of a spec a router cannot do, in words; undefined when it can do all of it. */
export function inability(kind: RouterKind, { neighbours }: RouterSpec): string | undefined {
  if (kind !== 'gobgp') return undefined
  return neighbours.some(({ bfd }) => bfd !== undefined) ? 'GoBGP 3.10 has no BFD' : undefined
}

export const addressOf = ({ remote }: NeighbourSpec): string | undefined => ('address' in remote ? remote.address : undefined)
export const interfaceOf = ({ remote }: NeighbourSpec): string | undefined => ('interface' in remote ? remote.interface : undefined)
