import { hash } from 'node:crypto'
import type { AddressClaimObject, AddressClaimStatus } from '../../api/address-claim.ts'
import type { NodeObject } from '../../api/core-objects.ts'
import type { Report } from '../claim-status.ts'
import { explainNoNextHop, type NoNextHop } from './next-hops.ts'

/** What the cluster as a whole has for BGP, as far as one node can tell. */
export interface BgpMeans {
  /** There is a BgpConf `default`. */
  readonly configured: boolean
  /** The names of the BgpPeers, and how many nodes one of them selects. */
  readonly peers: ReadonlySet<string>
  readonly selectedNodes: number
}

type Announcers = NonNullable<AddressClaimStatus['announcers']>

/** The nodes that the claim says announce it by BGP. */
const recorded = new WeakMap<Announcers, ReadonlySet<string>>()
const NOBODY: ReadonlySet<string> = new Set()

/** The nodes that a claim says announce it by BGP; computed once for a list, which very many claims share. */
export function announcersOf({ status }: Pick<AddressClaimObject, 'status'>): ReadonlySet<string> {
  const { announcers } = status ?? {}
  if (announcers === undefined) return NOBODY
  const known = recorded.get(announcers)
  if (known !== undefined) return known
  const nodes = new Set(announcers.flatMap(({ node, protocol }) => (protocol === 'bgp' ? [node] : [])))
  recorded.set(announcers, nodes)
  return nodes
}

/** Whoever writes for a node: a field manager of its own for each, at most 128 characters long, so that no two speakers ever write one entry. */
export function writerNameOf(node: string): string {
  const name = `openelb-speaker-${node}`
  return name.length <= MANAGER_MAX ? name : `${name.slice(0, MANAGER_MAX - 17)}-${hash('sha256', node, 'hex').slice(0, 16)}`
}

const MANAGER_MAX = 128

/** Server-side apply of one node's entry of `status.announcers`; `since` is RFC 3339, undefined takes the entry away. */
export function announcerPatch(node: string, since: string | undefined): object {
  return { status: since === undefined ? {} : { announcers: [{ node, protocol: 'bgp', since }] } }
}

/** A message names this many nodes, and counts the others. */
const NODES_NAMED = 5

/** Why an address has no next hop, node by node. */
export function noNextHopText(nodes: ReadonlyMap<string, NodeObject>, obstacle: (node: string) => NoNextHop | undefined): string {
  const why = [...nodes.keys()].sort().flatMap((node) => {
    const reason = obstacle(node)
    return reason === undefined ? [] : [`${node}: ${explainNoNextHop(reason)}`]
  })
  const more = why.length > NODES_NAMED ? `, and ${why.length - NODES_NAMED} more nodes` : ''
  return why.length === 0 ? 'the cluster has no nodes' : `no node may be the next hop: ${why.slice(0, NODES_NAMED).join(', ')}${more}`
}

const ANNOUNCED: Report = {
  type: 'Announced',
  status: 'True',
  reason: 'Announced',
  message: 'the address is announced by BGP; status.announcers names the nodes',
}

const silent = (reason: string, message: string): Report => ({ type: 'Announced', status: 'False', reason, message })

/** Why BGP as a whole says nothing, in the order in which an administrator builds it up; undefined: nothing is against it. */
function meansReport({ configured, peers, selectedNodes }: BgpMeans): Report | undefined {
  if (!configured) return silent('NoBgpConf', 'there is no BgpConf named default: create one that sets spec.as')
  if (peers.size === 0) return silent('NoBgpPeer', 'there is no BgpPeer: create one for the router')
  if (selectedNodes === 0)
    return silent('NoBgpPeer', 'spec.nodeSelector of no BgpPeer selects a node, so no node has a session: correct it, or label the nodes')
  return undefined
}

/** What is known of the route of one claim. */
export interface ClaimMeans {
  /** The sentence of noNextHopText while no node may take its traffic. */
  readonly noNextHop?: string | undefined
  /** The names of the BgpPeers that alone may be told; undefined: all. */
  readonly toPeers?: readonly string[] | undefined
}

/** What the claim should say of itself. Undefined: nothing, as long as another protocol has the address. */
export function announcedReport(claim: AddressClaimObject, means: BgpMeans, { noNextHop, toPeers }: ClaimMeans): Report | undefined {
  if (claim.spec.protocol !== 'bgp') return undefined
  if (announcersOf(claim).size > 0) return ANNOUNCED
  // Its owner by layer 2 answers until a session announces the address.
  if (claim.status?.owner !== undefined) return undefined
  return (
    meansReport(means) ??
    (noNextHop !== undefined ? silent('NoNextHop', noNextHop) : undefined) ??
    (toPeers?.some((name) => means.peers.has(name)) === false ? silent('NoBgpPeer', unknownPeersText(toPeers)) : undefined) ??
    silent('NoSession', 'no session that may tell the address is up on any node; `kubectl openelb bgp peers` says why')
  )
}

const unknownPeersText = (names: readonly string[]): string =>
  names.length === 0
    ? 'the annotation openelb.io/bgp-peers of the Service names none of the BgpPeers in spec.bgp.peers of the Eip: choose among those'
    : `spec.bgp.peers of the Eip, or the annotation openelb.io/bgp-peers of the Service, names no BgpPeer that there is: ${names.slice(0, NODES_NAMED).join(', ')}`
