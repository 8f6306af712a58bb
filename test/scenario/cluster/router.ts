/** FRR in the lab's place for a router, with a session to every node. */
import { join } from 'node:path'
import type { Cluster } from '../../../lab/cluster.ts'
import { ensureRouters } from '../../../lab/peers/packages.ts'
import type { PeerPath } from '../../../lab/peers/router.ts'
import { startRouter } from '../../../lab/peers/start.ts'
import { labRouterSpec } from '../../../lab/router-demonstration.ts'

export type RouterRoutes = readonly PeerPath[]

export interface ClusterRouter {
  readonly address: string
  /** Of TCP MD5, on the router's side. */
  readonly password: string
  /** The router's paths of an address; empty without a route. */
  paths(ip: string): Promise<RouterRoutes>
  close(): Promise<void>
}

const PASSWORD = 'of-the-cluster-suite'

export async function startClusterRouter(cluster: Cluster, log: (line: string) => void): Promise<ClusterRouter> {
  await ensureRouters(['frr'], { install: true, log })
  const plain = labRouterSpec(cluster)
  const spec = { ...plain, neighbours: plain.neighbours.map((neighbour) => ({ ...neighbour, password: PASSWORD })) }
  const router = await startRouter('frr', { namespace: cluster.router.namespace, folder: join(cluster.stateDir, 'router'), spec })
  return {
    address: cluster.router.ip,
    password: PASSWORD,
    paths: async (ip) => (await router.routes('IPv4')).find(({ prefix }) => prefix === `${ip}/32`)?.paths ?? [],
    close: () => router.stop(),
  }
}
