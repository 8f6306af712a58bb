/**
 * A client behind a router, and speakers that are killed and restarted: with graceful restart not one of its requests is lost. The nodes
 * forward without their speakers, as kube-proxy does.
 */
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createObject, deleteObject, patchObject } from '../../src/kube/objects.ts'
import { ENDPOINT_SLICES, NODES, PODS, SERVICES } from '../../src/kube/resources.ts'
import { type BgpWorld, buildBgpWorld } from '../speaker/support/bgp-world.ts'
import { createSpeakerPod, OWN, serviceName, serviceObject } from '../speaker/support/layer2-world.ts'
import { until } from '../support/until.ts'
import type { ProbeReport } from './bgp/probe-child.ts'
import { startTraffic, type Traffic } from './bgp/traffic.ts'
import { removePod } from './failover/world.ts'

const NODES_ALL = ['n1', 'n2', 'n3'] as const
const ADDRESS = '192.0.2.1'
const ROUTE = `${ADDRESS}/32`
/** Of a Service with externalTrafficPolicy Local whose only endpoint is on n2: no other next hop could take over. */
const LOCAL = '192.0.2.2'
const LOCAL_ROUTE = `${LOCAL}/32`
/** The same in the other family, through the same sessions. */
const IPV6 = '2001:db8::1'
const IPV6_ROUTE = `${IPV6}/128`
const EVERY_MS = 5

t.setTimeout(600_000)
for (const kind of ['frr', 'bird'] as const) await t.test(kind, (t) => withRouter(t, kind))

async function withRouter(t: Test, kind: 'frr' | 'bird'): Promise<void> {
  const world = await buildBgpWorld({ kind, dualStack: true, neighbour: { gracefulRestartSec: 60 } })
  try {
    await Promise.all(NODES_ALL.map((node) => world.start(node)))
    await world.configure({ gracefulRestart: { enabled: true, restartTime: 60 } })
    await world.claim(ADDRESS, { protocol: 'bgp' })
    await world.claim(IPV6, { protocol: 'bgp' })
    await createLocal(world)
    await world.hasRoute(ROUTE, NODES_ALL)
    await world.hasRoute(LOCAL_ROUTE, ['n2'])
    await world.hasRoute(IPV6_ROUTE, NODES_ALL)
    const traffic = await startTraffic(world.cluster, [ADDRESS, LOCAL, IPV6], EVERY_MS)
    try {
      await spread(t, world, traffic)
      await killed(t, world, traffic)
      await rolled(t, world, traffic)
      await drained(t, world, traffic)
    } finally {
      await traffic.close()
    }
  } finally {
    await world.close()
  }
}

async function createLocal(world: BgpWorld): Promise<void> {
  const labels = { 'kubernetes.io/service-name': serviceName(LOCAL) }
  const endpoints = [{ addresses: ['10.244.0.9'], nodeName: 'n2', conditions: { ready: true, serving: true } }]
  await createObject(world.api, SERVICES, serviceObject(LOCAL, 'Local'))
  const metadata = { name: serviceName(LOCAL), namespace: 'default', labels }
  await createObject(world.api, ENDPOINT_SLICES, { metadata, addressType: 'IPv4', endpoints, ports: [] })
  await world.claim(LOCAL, { protocol: 'bgp' })
}

/** One route with every node in the kernel of the router, and requests that reach all of them. */
async function spread(t: Test, { cluster }: BgpWorld, traffic: Traffic): Promise<void> {
  const route = await until('three next hops in the kernel', async () => {
    const { stdout } = await cluster.router.exec(['ip', 'route', 'show', ROUTE])
    return (stdout.match(/nexthop via/g)?.length ?? 0) === NODES_ALL.length && stdout
  })
  for (const { ip } of cluster.nodes) t.match(route, `via ${ip} `, `the router forwards to ${ip}`)
  const answered = new Set<string>()
  await until('an answer of every node', async () => answered.add(await traffic.fetch(ADDRESS)).size === NODES_ALL.length)
  await traffic.report()
  await delay(500)
  const [all, local, ipv6] = await traffic.report()
  t.same(Object.keys(all?.by ?? {}).sort(), NODES_ALL, 'the client reaches every node')
  t.same(Object.keys(local?.by ?? {}), ['n2'], 'and where the endpoint must be, that node only')
  t.same(Object.keys(ipv6?.by ?? {}).sort(), NODES_ALL, 'by IPv6, too')
  nothingLost(t, 'at rest', [all, local, ipv6])
}

function nothingLost(t: Test, what: string, reports: readonly (ProbeReport | undefined)[]): void {
  for (const report of reports) {
    const { sent = 0, lost, longestSilenceMs } = report ?? {}
    const text = `${what}: ${sent} probes, ${lost} lost, at most ${longestSilenceMs} ms without an answer`
    t.comment(text)
    t.ok(sent > 50 && lost === 0, text)
  }
}

/** All of them at once: whatever killed them, the nodes still forward. */
async function killed(t: Test, world: BgpWorld, traffic: Traffic): Promise<void> {
  await traffic.report()
  await Promise.all(NODES_ALL.map((node) => world.speaker(node).stop('SIGKILL')))
  await until('the router keeps all routes as stale', async () => {
    const paths = (await Promise.all([ROUTE, LOCAL_ROUTE, IPV6_ROUTE].map(world.paths))).flat()
    return paths.length === 2 * NODES_ALL.length + 1 && paths.every(({ stale }) => stale)
  })
  await delay(1000)
  await Promise.all(NODES_ALL.map((node) => world.start(node)))
  await world.established(NODES_ALL)
  await until('nothing is stale', async () => (await world.paths(ROUTE)).every(({ stale }) => !stale))
  await world.hasRoute(ROUTE, NODES_ALL)
  await world.hasRoute(LOCAL_ROUTE, ['n2'])
  await world.hasRoute(IPV6_ROUTE, NODES_ALL)
  nothingLost(t, 'SIGKILL of all speakers, and back', await traffic.report())
}

/** What a rolling update of the DaemonSet does: each Pod is deleted, its speaker gets SIGTERM, and the next one starts. */
async function rolled(t: Test, world: BgpWorld, traffic: Traffic): Promise<void> {
  await traffic.report()
  for (const node of NODES_ALL) {
    await deletePod(world, node)
    t.equal(await world.speaker(node).stop('SIGTERM'), 0, `${node} ends`)
    t.equal((await world.paths(ROUTE)).length, NODES_ALL.length, `${node} is away, and the router has all routes`)
    await finishPod(world, node)
    await world.start(node)
    await world.established([node])
    await until(`nothing is stale after ${node}`, async () => (await world.paths(ROUTE)).every(({ stale }) => !stale))
  }
  await world.hasRoute(ROUTE, NODES_ALL)
  nothingLost(t, 'rolling restart', await traffic.report())
}

/** A node that goes for good says so: its routes are withdrawn before its speaker ends, and what is under way arrives. */
async function drained(t: Test, world: BgpWorld, traffic: Traffic): Promise<void> {
  await traffic.report()
  await patchObject(world.api, NODES, { name: 'n3' }, { spec: { unschedulable: true } }, { type: 'merge' })
  await deletePod(world, 'n3')
  t.equal(await world.speaker('n3').stop('SIGTERM'), 0, 'it ends')
  await world.hasRoute(ROUTE, ['n1', 'n2'])
  nothingLost(t, 'a cordoned node leaves', await traffic.report())
  const [all] = await traffic.report()
  t.same(Object.keys(all?.by ?? {}).sort(), ['n1', 'n2'], 'and the client reaches the others only')
}

async function deletePod({ api }: BgpWorld, node: string): Promise<void> {
  await deleteObject(api, PODS, { namespace: OWN, name: `openelb-speaker-${node}` })
}

/** The kubelet's part: the Pod is gone once its process ended, and the DaemonSet makes another. */
async function finishPod(world: BgpWorld, node: string): Promise<void> {
  await removePod(world, node)
  await createSpeakerPod(world.api, node)
  await world.setReady(node, true)
}
