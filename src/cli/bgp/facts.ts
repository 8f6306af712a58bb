/** What most of the BGP verbs begin with: the objects, and what the speakers say of their sessions. */
import { BGP_CONF_NAME, type BgpConfObject } from '../../api/bgp-conf.ts'
import type { BgpPeerObject } from '../../api/bgp-peer.ts'
import type { ApiError } from '../../kube/api-error.ts'
import { BGP_CONFS, BGP_PEERS } from '../../kube/resources.ts'
import type { PeerReport } from '../../speaker/bgp/peer-report.ts'
import type { BgpReport, BgpTrouble } from '../../speaker/bgp-report.ts'
import { attempt, type ClusterReader, type Reading } from '../cluster-reader.ts'
import { type Speakers, speaking } from '../speakers/speakers.ts'

export interface BgpObjects {
  readonly conf: Reading<BgpConfObject | undefined>
  readonly peers: Reading<readonly BgpPeerObject[]>
}

export async function readBgpObjects(cluster: ClusterReader): Promise<BgpObjects> {
  const [conf, peers] = await Promise.all([
    attempt(cluster.find<BgpConfObject>(BGP_CONFS, { name: BGP_CONF_NAME })),
    attempt(cluster.list<BgpPeerObject>(BGP_PEERS)),
  ])
  return { conf, peers }
}

/** The first read that failed; undefined when none did. */
export const unread = ({ conf, peers }: BgpObjects): ApiError | undefined => (conf.ok ? (peers.ok ? undefined : peers.error) : conf.error)

export interface NodeBgp {
  readonly node: string
  readonly bgp: BgpReport
}

/** The nodes that say something of BGP. */
export const nodesWithBgp = (speakers: Speakers): readonly NodeBgp[] =>
  speaking(speakers).flatMap(({ node, report: { bgp } }) => (bgp === undefined ? [] : [{ node, bgp }]))

export interface Session {
  readonly node: string
  readonly peer: PeerReport
}

/** Every session that is there or shall be, by BgpPeer and node. */
export const sessionsOf = (nodes: readonly NodeBgp[]): readonly Session[] =>
  nodes.flatMap(({ node, bgp }) => bgp.peers.map((peer) => ({ node, peer }))).toSorted(byPeerAndNode)

export const byPeerAndNode = (a: Session, b: Session): number => compare(a.peer.name, b.peer.name) || compare(a.node, b.node)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Nodes of one trouble. */
export interface SharedTrouble extends BgpTrouble {
  readonly nodes: readonly string[]
}

/** What is set and cannot be done, once for all nodes that say it. */
export function sharedTroubles(nodes: readonly NodeBgp[]): readonly SharedTrouble[] {
  const told = nodes.flatMap(({ node, bgp }) => bgp.problems.map((problem) => ({ node, problem })))
  const alike = Map.groupBy(told, ({ problem }) => `${problem.peer ?? ''} ${problem.code} ${problem.message}`)
  return [...alike.values()].flatMap(([first, ...more]) =>
    first === undefined ? [] : [{ ...first.problem, nodes: [first, ...more].map(({ node }) => node) }],
  )
}

/** BgpPeers that no node has a session with, and none says why; empty while not all speakers could be asked. */
export function unselected({ peers }: BgpObjects, speakers: Speakers, nodes: readonly NodeBgp[]): readonly string[] {
  if (!peers.ok || nodes.length === 0 || nodes.length < speakers.all.length) return []
  const known = new Set(
    nodes.flatMap(({ bgp }) => [...bgp.peers.map(({ name }) => name), ...bgp.problems.flatMap(({ peer }) => peer ?? [])]),
  )
  return peers.value.map(({ metadata }) => metadata.name).filter((name) => !known.has(name))
}

/** A sentence about some nodes, with what to do. */
export interface Remark {
  readonly says: string
  readonly cure: string
}

/** What is missing before any session. */
export function missing({ conf, peers }: BgpObjects): readonly Remark[] {
  const noConf = conf.ok && conf.value === undefined
  const noPeer = peers.ok && peers.value.length === 0
  return [
    ...(noConf
      ? [{ says: 'There is no BgpConf default, so no node speaks BGP.', cure: 'create one with spec.as, as docs/bgp.md shows' }]
      : []),
    ...(noPeer
      ? [{ says: 'There is no BgpPeer, so no router is told anything.', cure: 'create one for each router, as docs/bgp.md shows' }]
      : []),
  ]
}
