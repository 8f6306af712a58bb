import { compareIp, type Family, formatIp, type Ip } from '../../../addr/ip.ts'
import { isLinkLocal, type NextHop } from '../../../wire/bgp/attributes/mp-reach.ts'
import type { SessionTerms } from '../outbound.ts'
import type { NextHopNode } from '../route.ts'
import type { NextHopMode } from '../settings.ts'
import { fnv1a32, pathIds } from './path-id.ts'

/** A way to a prefix: where its packets go, and its number where the peer takes several ways. */
export interface Hop {
  readonly node: string
  readonly nextHop: NextHop
  readonly pathId: number | undefined
}

/** How next hops are chosen for one family of a session. */
export interface HopChoice {
  readonly family: Family
  readonly mode: NextHopMode
  /** How many paths are sent at most, where path identifiers were agreed on. */
  readonly most: number
  readonly terms: SessionTerms
}

/**
 * The ways to the nodes, this node first, then by the hash of the next hop, so that all speakers leave out the same. Without path
 * identifiers at most one. Empty: no node has an address that this session can carry.
 * A next hop is never the peer's own address (RFC 4271 section 5.1.3).
 */
export function hopsOf(nodes: readonly NextHopNode[], choice: HopChoice): readonly Hop[] {
  const { family, terms } = choice
  const several = takesSeveral(choice)
  const selfOnly = isSelfOnly(choice)
  const found = new Map<string, { readonly node: NextHopNode; readonly nextHop: NextHop }>()
  for (const node of nodes) {
    if (selfOnly && !node.self) continue
    const nextHop = node.self ? ownNextHop(node, family, terms) : foreignNextHop(node, family, terms)
    if (nextHop === undefined || compareIp(nextHop.address, terms.remoteAddress) === 0) continue
    const text = formatIp(nextHop.address)
    if (!found.has(text) || node.self) found.set(text, { node, nextHop })
  }
  const ids = pathIds([...found.keys()])
  return [...found]
    .map(([text, { node, nextHop }]) => ({ node, nextHop, text, rank: node.self ? -1 : fnv1a32(text) }))
    .toSorted((a, b) => a.rank - b.rank || (a.text < b.text ? -1 : 1))
    .slice(0, several ? Math.max(1, choice.most) : 1)
    .map(({ node, nextHop, text }) => ({ node: node.node, nextHop, pathId: several ? ids.get(text) : undefined }))
}

const takesSeveral = ({ terms, family }: HopChoice): boolean => terms.agreement.send.families[family]?.pathIds === true

/** Whether the peer is told of the way to this node alone. */
export const isSelfOnly = (choice: HopChoice): boolean => choice.mode === 'self' || (choice.mode === 'auto' && !takesSeveral(choice))

const only = (address: Ip | undefined): NextHop | undefined => address && { address, linkLocal: undefined }

/**
 * Of this node: the address of the session where it is of the family, for the peer reaches that. IPv4 over an IPv6 session that agreed on
 * RFC 8950 goes to our IPv6 address, which is what a router is configured for by that; otherwise to the node's address of the family.
 */
function ownNextHop(node: NextHopNode, family: Family, terms: SessionTerms): NextHop | undefined {
  const { localAddress, interfaceAddress, agreement } = terms
  if (family === 'IPv4') {
    if (localAddress.family === 'IPv4') return only(localAddress)
    return agreement.send.families.IPv4?.extendedNextHop === true ? ownIpv6(node, terms) : only(node.IPv4)
  }
  return localAddress.family === 'IPv6' ? ownIpv6(node, terms) : only(interfaceAddress ?? node.IPv6)
}

/** RFC 2545 section 3: on a link both addresses, the global one first; where there is none, the link-local one alone. */
function ownIpv6({ IPv6 }: NextHopNode, { localAddress, interfaceAddress }: SessionTerms): NextHop {
  if (!isLinkLocal(localAddress)) return { address: localAddress, linkLocal: undefined }
  const address = interfaceAddress ?? IPv6
  return address === undefined ? { address: localAddress, linkLocal: undefined } : { address, linkLocal: localAddress }
}

/** Of another node: its address of the family; with RFC 8950 its IPv6 address on a session over IPv6, and where it has no IPv4 address. */
function foreignNextHop(node: NextHopNode, family: Family, { localAddress, agreement }: SessionTerms): NextHop | undefined {
  if (family === 'IPv6') return only(node.IPv6)
  if (agreement.send.families.IPv4?.extendedNextHop !== true) return only(node.IPv4)
  return only(localAddress.family === 'IPv6' ? (node.IPv6 ?? node.IPv4) : (node.IPv4 ?? node.IPv6))
}
