import type { Ip } from '../../addr/ip.ts'
import type { Prefix } from '../../addr/prefix.ts'
import type { ExtendedCommunity } from '../../wire/bgp/attributes/extended-communities.ts'
import type { LargeCommunity } from '../../wire/bgp/attributes/large-communities.ts'

/**
 * One prefix that this node announces. The same prefix with the same contents is the same object as in the last set wherever that is cheap, and
 * `nextHops`, `attributes` and `peers` are shared between lines with the same contents: comparing by identity finds nearly all that is unchanged.
 */
export interface BgpLine {
  /** Canonical text of the prefix: the key of the line. */
  readonly text: string
  readonly prefix: Prefix
  /** Who may be the next hop, this node first if it is among them. Never empty. */
  readonly nextHops: readonly NextHopNode[]
  readonly attributes: RouteAttributes
  /** Names of the BgpPeers that are told; undefined: all. */
  readonly peers: readonly string[] | undefined
  /** Canonical texts of the addresses that the prefix stands for; several where they are aggregated. */
  readonly addresses: readonly string[]
  /** The Eips they are from, for policies and for people. */
  readonly eips: readonly string[]
}

/** A node that takes traffic for a prefix, with its address in each family. */
export interface NextHopNode {
  readonly node: string
  readonly self: boolean
  readonly IPv4: Ip | undefined
  readonly IPv6: Ip | undefined
}

/** What is said of a route besides its path. Lists are sorted and without repetition. */
export interface RouteAttributes {
  /** Only to internal peers; 100 there when undefined. */
  readonly localPref: number | undefined
  readonly med: number | undefined
  /** RFC 1997, unsigned 32-bit numbers. */
  readonly communities: readonly number[]
  readonly largeCommunities: readonly LargeCommunity[]
  readonly extendedCommunities: readonly ExtendedCommunity[]
}

export const PLAIN_ATTRIBUTES: RouteAttributes = {
  localPref: undefined,
  med: undefined,
  communities: [],
  largeCommunities: [],
  extendedCommunities: [],
}
