/** A SpeakerWorld with a router beside it: nodes have InternalIPs, and FRR waits for the sessions of their speakers. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PeerPath, PeerSession, Router } from '../../../lab/peers/router.ts'
import { type NeighbourSpec, PLAIN_NEIGHBOUR, type RouterKind, type RouterSpec } from '../../../lab/peers/spec.ts'
import { startRouter } from '../../../lab/peers/start.ts'
import type { Family } from '../../../src/addr/ip.ts'
import type { BgpConfObject, BgpConfSpec } from '../../../src/api/bgp-conf.ts'
import type { BgpPeerObject, BgpPeerSpec } from '../../../src/api/bgp-peer.ts'
import { getObject, patchObject } from '../../../src/kube/objects.ts'
import { BGP_CONFS, BGP_PEERS, NODES } from '../../../src/kube/resources.ts'
import { until } from '../../support/until.ts'
import { buildSpeakerWorld, type SpeakerWorld } from './layer2-world.ts'
import { type SpeakerProcess, startSpeaker } from './speaker-process.ts'

export const ROUTER_AS = 65_000
export const NODE_AS = 65_001
export const PEER = 'router'

export interface BgpWorld extends SpeakerWorld {
  readonly router: Router
  /** The speaker of a node that was started. */
  speaker(node: string): SpeakerProcess
  start(node: string, flags?: readonly string[]): Promise<void>
  /** BgpConf `default` and a BgpPeer for the router, with more in their specs. */
  configure(conf?: Partial<BgpConfSpec>, peer?: Partial<BgpPeerSpec>): Promise<void>
  conf(): Promise<BgpConfObject>
  peer(): Promise<BgpPeerObject>
  /** Waits until the router has these nodes, and no others, as next hops of the prefix; none: until it has no route. */
  hasRoute(prefix: string, nodes: readonly string[], timeoutMs?: number): Promise<void>
  /** The router's paths of a prefix; empty without a route. */
  paths(prefix: string): Promise<readonly PeerPath[]>
  session(node: string): Promise<PeerSession>
  established(nodes: readonly string[]): Promise<void>
}

const familyOf = (prefix: string): Family => (prefix.includes(':') ? 'IPv6' : 'IPv4')

export interface BgpWorldOptions {
  readonly kind?: RouterKind
  readonly dualStack?: boolean
  /** More about the router's end of each session. */
  readonly neighbour?: Partial<NeighbourSpec>
}

export async function buildBgpWorld({ kind = 'frr', dualStack = false, neighbour = {} }: BgpWorldOptions = {}): Promise<BgpWorld> {
  const world = await buildSpeakerWorld({ dualStack })
  const folder = mkdtempSync(join(tmpdir(), 'router-'))
  try {
    const { cluster } = world
    for (const node of cluster.nodes) await addressNode(world, node.name, dualStack ? [node.ip, node.ipv6] : [node.ip])
    const router = await startRouter(kind, { namespace: cluster.router.namespace, folder, spec: routerSpec(world, dualStack, neighbour) })
    return present(world, router, folder, dualStack)
  } catch (error) {
    await world.close()
    throw error
  }
}

export function routerSpec({ cluster }: SpeakerWorld, dualStack: boolean, neighbour: Partial<NeighbourSpec> = {}): RouterSpec {
  const families: readonly Family[] = dualStack ? ['IPv4', 'IPv6'] : ['IPv4']
  const neighbours = cluster.nodes.map(({ name, ip }) => ({
    ...PLAIN_NEIGHBOUR,
    ...{ name, remote: { address: ip }, as: NODE_AS, passive: true, families },
    ...neighbour,
  }))
  return { as: ROUTER_AS, routerId: cluster.router.ip, port: 179, neighbours, originates: [] }
}

/** What a kubelet says of a node's own addresses. */
async function addressNode({ api }: SpeakerWorld, name: string, addresses: readonly string[]): Promise<void> {
  const body = { status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) } }
  await patchObject(api, NODES, { name }, body, { type: 'merge', subresource: 'status' })
}

function present(world: SpeakerWorld, router: Router, folder: string, dualStack: boolean): BgpWorld {
  const { cluster, api } = world
  const speakers = new Map<string, SpeakerProcess>()
  const paths = async (prefix: string) => (await router.routes(familyOf(prefix))).find((route) => route.prefix === prefix)?.paths ?? []
  const speaker = (node: string): SpeakerProcess => {
    const process = speakers.get(node)
    if (process === undefined) throw new Error(`no speaker on ${node}`)
    return process
  }
  const nodesOf = async (prefix: string): Promise<readonly string[]> => {
    const hops = new Set((await paths(prefix)).flatMap(({ nextHops }) => nextHops))
    const named = [...hops].map((hop) => cluster.nodes.find(({ ip, ipv6 }) => ip === hop || ipv6 === hop)?.name ?? hop)
    return [...new Set(named)].sort()
  }
  return {
    ...world,
    router,
    speaker,
    paths,
    session: (node) => router.session(node),
    async start(node, flags = ['--enable-layer2']) {
      speakers.set(node, await startSpeaker(cluster.node(node), world.kubeconfig, flags))
    },
    async configure(conf = {}, peer = {}) {
      const apply = (resource: typeof BGP_CONFS, name: string, spec: object) =>
        patchObject(
          api,
          resource,
          { name },
          { apiVersion: 'network.kubesphere.io/v1alpha2', kind: resource.kind, metadata: { name }, spec },
          { type: 'apply', fieldManager: 'test', force: true },
        )
      await apply(BGP_PEERS, PEER, { conf: { neighborAddress: cluster.router.ip, peerAs: ROUTER_AS }, ...families(dualStack), ...peer })
      await apply(BGP_CONFS, 'default', { as: NODE_AS, ...conf })
    },
    conf: () => getObject<BgpConfObject>(api, BGP_CONFS, { name: 'default' }),
    peer: () => getObject<BgpPeerObject>(api, BGP_PEERS, { name: PEER }),
    async hasRoute(prefix, nodes, timeoutMs) {
      const wanted = [...nodes].sort().join()
      let seen = ''
      const check = async () => {
        seen = (await nodesOf(prefix)).join()
        return seen === wanted
      }
      await until(`${prefix} by way of ${wanted || 'nobody'}`, check, timeoutMs, 100).catch((error: unknown) => {
        throw new Error(`${String(error)}; it is ${seen || 'nobody'}; ${router.log()}`)
      })
    },
    async established(nodes) {
      for (const node of nodes) await until(`session of ${node}`, async () => (await router.session(node)).established, 60_000, 100)
    },
    async close() {
      for (const process of speakers.values()) await process.stop('SIGKILL')
      await router.stop()
      rmSync(folder, { recursive: true, force: true })
      await world.close()
    },
  }
}

const families = (dualStack: boolean): Partial<BgpPeerSpec> =>
  dualStack ? { afiSafis: ['AFI_IP', 'AFI_IP6'].map((afi) => ({ config: { family: { afi, safi: 'SAFI_UNICAST' }, enabled: true } })) } : {}
