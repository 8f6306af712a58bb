/** Nodes that are not ready, racks, both families, and a thousand Services, with three speakers and FRR. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { must } from '../../lab/command.ts'
import { claimName } from '../../src/api/address-claim.ts'
import { deleteObject, patchObject } from '../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, NODES, SERVICES } from '../../src/kube/resources.ts'
import { buildBgpWorld, routerSpec } from '../speaker/support/bgp-world.ts'
import { serviceName } from '../speaker/support/layer2-world.ts'
import { ipOf } from '../speaker/support/objects.ts'
import { until } from '../support/until.ts'

const NODES_ALL = ['n1', 'n2', 'n3'] as const
const IPV4 = '192.0.2.1'
const IPV6 = '2001:db8::1'
const RACK = 'openelb.kubesphere.io/rack'
const MANY = 1000
/** Requests to the API server at once. */
const AT_ONCE = 16

t.setTimeout(420_000)
const world = await buildBgpWorld({ dualStack: true })
t.teardown(world.close)
const { api, cluster, router } = world
await Promise.all(NODES_ALL.map((node) => world.start(node)))
await world.configure()
await world.claim(IPV4, { protocol: 'bgp' })
await world.claim(IPV6, { protocol: 'bgp' })
await world.hasRoute(`${IPV4}/32`, NODES_ALL)

const setNodeReady = (node: string, status: 'True' | 'Unknown') =>
  patchObject(
    api,
    NODES,
    { name: node },
    { status: { conditions: [{ type: 'Ready', status, reason: 'Test', lastTransitionTime: new Date().toISOString() }] } },
    { type: 'merge', subresource: 'status' },
  )

await t.test('D13: a node that is not ready is no next hop, and is one again when it is', async (t) => {
  await setNodeReady('n2', 'Unknown')
  await world.hasRoute(`${IPV4}/32`, ['n1', 'n3'])
  await world.hasRoute(`${IPV6}/128`, ['n1', 'n3'])
  t.ok((await world.session('n2')).established, 'its session stays: the node may only have lost its kubelet')
  await setNodeReady('n2', 'True')
  await world.hasRoute(`${IPV4}/32`, NODES_ALL)
})

await t.test('D23: the next hop has the family of the address, and every node is learnt without ADD-PATH', async (t) => {
  await world.hasRoute(`${IPV6}/128`, NODES_ALL)
  const hops = (paths: readonly { readonly nextHops: readonly string[] }[]) => paths.flatMap(({ nextHops }) => nextHops).sort()
  t.same(hops(await world.paths(`${IPV6}/128`)), cluster.nodes.map(({ ipv6 }) => ipv6).sort())
  t.same(hops(await world.paths(`${IPV4}/32`)), cluster.nodes.map(({ ip }) => ip).sort())
})

await t.test('D23: one router id for all nodes, as OpenELB lets one write it, is no reason to be refused', async () => {
  await world.configure({ routerId: '8.8.8.8' })
  await until('all nodes use it', async () => {
    const states = Object.values((await world.conf()).status?.nodesConfStatus ?? {})
    return states.length === NODES_ALL.length && states.every(({ routerId }) => routerId === '8.8.8.8')
  })
  await world.established(NODES_ALL)
  await world.hasRoute(`${IPV4}/32`, NODES_ALL)
  await world.configure()
  await world.established(NODES_ALL)
  await world.hasRoute(`${IPV4}/32`, NODES_ALL)
})

const label = (node: string, rack: string | null) =>
  patchObject(api, NODES, { name: node }, { metadata: { labels: { [RACK]: rack } } }, { type: 'merge' })

const nameOf = (address: string | undefined): string =>
  cluster.nodes.find(({ ip, ipv6 }) => ip === address || ipv6 === address)?.name ?? String(address)

await t.test('racks: each has its AS, names its own nodes only, and a changed label is seen (D23)', async (t) => {
  const racks: Readonly<Record<string, string>> = { n1: 'a', n2: 'a', n3: 'b' }
  const asOf = (rack: string | undefined) => (rack === 'a' ? 65_011 : 65_012)
  const spec = (of: Readonly<Record<string, string>>) => {
    const plain = routerSpec(world, true, { addPath: true })
    return { ...plain, neighbours: plain.neighbours.map((one) => ({ ...one, as: asOf(of[one.name]) })) }
  }
  for (const [node, rack] of Object.entries(racks)) await label(node, rack)
  await router.reconfigure(spec(racks))
  const afiSafis = ['AFI_IP', 'AFI_IP6'].map((afi) => ({
    config: { family: { afi, safi: 'SAFI_UNICAST' }, enabled: true },
    addPaths: { config: { sendMax: 10 } },
  }))
  await world.configure({ asPerRack: { a: 65_011, b: 65_012 } }, { afiSafis })
  await world.established(NODES_ALL)
  const told = async () => {
    const paths = await world.paths(`${IPV4}/32`)
    return paths.map(({ from, nextHops, asPath }) => `${nameOf(from)} tells ${nextHops.map(nameOf).join()} as ${asPath.join()}`).sort()
  }
  const rackA = ['n1 tells n1 as 65011', 'n1 tells n2 as 65011', 'n2 tells n1 as 65011', 'n2 tells n2 as 65011']
  const before = [...rackA, 'n3 tells n3 as 65012']
  await until('paths of both racks', async () => (await told()).join() === before.join()).catch(async () => t.same(await told(), before))
  await label('n2', 'b')
  await router.reconfigure(spec({ ...racks, n2: 'b' }))
  const rackB = ['n2 tells n2 as 65012', 'n2 tells n3 as 65012', 'n3 tells n2 as 65012', 'n3 tells n3 as 65012']
  const after = ['n1 tells n1 as 65011', ...rackB]
  await until('paths after the change', async () => (await told()).join() === after.join()).catch(async () => t.same(await told(), after))
  t.same(await told(), after)
  for (const node of NODES_ALL) await label(node, null)
  await router.reconfigure(routerSpec(world, true))
  await world.configure()
  await world.established(NODES_ALL)
  await world.hasRoute(`${IPV4}/32`, NODES_ALL)
})

await t.test('1,000 Services come and go on live sessions: no OPEN and no NOTIFICATION on the wire', async (t) => {
  const wire = await startWireCount()
  const all = Array.from({ length: MANY }, (_, at) => `198.18.${at >> 8}.${at & 255}`)
  const own = async () =>
    (await router.routes('IPv4')).filter(({ prefix }) => prefix.startsWith('198.18.')).map(({ paths }) => paths.length)
  const createdMs = performance.now()
  await inParallel(all, (address) => world.claim(address, { protocol: 'bgp' }))
  await until(
    'every route by way of every node',
    async () => {
      const counts = await own()
      return counts.length === MANY && counts.every((count) => count === NODES_ALL.length)
    },
    90_000,
    500,
  )
  t.comment(`${MANY} Services and claims made and told in ${Math.round(performance.now() - createdMs)} ms`)
  const deletedMs = performance.now()
  await inParallel(all, async (address) => {
    await deleteObject(api, ADDRESS_CLAIMS, { name: claimName(ipOf(address)) })
    await deleteObject(api, SERVICES, { namespace: 'default', name: serviceName(address) })
  })
  await until('no route is left', async () => (await own()).length === 0, 90_000, 500)
  t.comment(`and taken back in ${Math.round(performance.now() - deletedMs)} ms`)
  const counted = await wire.stop()
  t.comment(`on the wire: ${JSON.stringify(counted)}`)
  t.ok(counted.update > 0, 'the capture has the UPDATEs')
  t.same({ open: counted.open, notification: counted.notification }, { open: 0, notification: 0 })
  await world.hasRoute(`${IPV4}/32`, NODES_ALL)
})

/** BGP messages by type that pass the router, as tshark reads them. */
async function startWireCount() {
  const file = `${cluster.stateDir}/bgp.pcap`
  const [program = '', ...args] = [...cluster.router.enter, 'tcpdump', '-i', 'eth0', '-U', '-B', '16384', '-w', file, 'tcp port 179']
  const capture = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  await once(capture.stderr, 'data')
  return {
    async stop() {
      await delay(500)
      capture.kill('SIGTERM')
      await once(capture, 'exit')
      const text = await must('tshark', ['tshark', '-r', file, '-Y', 'bgp', '-T', 'fields', '-e', 'bgp.type'])
      const types = text.split(/[\s,]+/)
      const count = (type: string) => types.filter((one) => one === type).length
      return { open: count('1'), update: count('2'), notification: count('3'), keepalive: count('4') }
    },
  }
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values()
  const lane = async () => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}
