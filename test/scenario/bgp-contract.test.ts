/**
 * OpenELB's own BGP scenario (three nodes, a GoBGP router on another port, one router id for all), and Services that change the protocol or
 * have both, from Eips by way of a real allocator and real speakers.
 */
import t from 'tap'
import { ALLOCATOR_RIGHTS, rbacObjects } from '../../deploy/manifest/rbac.ts'
import { claimName } from '../../src/api/address-claim.ts'
import type { ServiceObject } from '../../src/api/core-objects.ts'
import { CONTROLLER_NAME } from '../../src/api/names.ts'
import { EIP_NAME, OPT_IN } from '../../src/api/service-annotations.ts'
import { createObject, deleteObject, getObject, patchObject } from '../../src/kube/objects.ts'
import { EIPS, SERVICES } from '../../src/kube/resources.ts'
import { buildBgpWorld, ROUTER_AS, routerSpec } from '../speaker/support/bgp-world.ts'
import { OWN } from '../speaker/support/layer2-world.ts'
import { ipOf } from '../speaker/support/objects.ts'
import { startAllocator } from '../support/allocator-process.ts'
import { until } from '../support/until.ts'

const NODES = ['n1', 'n2', 'n3'] as const
const ROUTER_PORT = 17_901

t.setTimeout(300_000)
const world = await buildBgpWorld({ kind: 'gobgp', dualStack: true, neighbour: { addPath: true } })
t.teardown(world.close)
const { api, cluster } = world
const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: CONTROLLER_NAME, namespace: OWN } }
const items = [account, ...rbacObjects({ namespace: OWN, image: 'none', version: '0.0.0' }, ALLOCATOR_RIGHTS)]
await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
const allocator = await startAllocator(await cluster.serviceAccountKubeconfig(OWN, CONTROLLER_NAME), 'allocator', ['--leader-elect=false'])
t.teardown(async () => void (await allocator.stop('SIGKILL')))
await Promise.all(NODES.map((node) => world.start(node)))

const makeEip = (name: string, address: string, protocol: string) =>
  createObject(api, EIPS, { metadata: { name }, spec: { address, protocol, ...(protocol === 'layer2' ? { interface: 'eth0' } : {}) } })

const makeService = (name: string, eip: string, spec: object = {}) =>
  createObject(api, SERVICES, {
    metadata: { name, namespace: 'default', annotations: { [OPT_IN]: 'openelb', [EIP_NAME]: eip } },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
  })

const addressesOf = (name: string, count = 1): Promise<readonly string[]> =>
  until(`${name} has ${count} addresses`, async () => {
    const { status } = await getObject<ServiceObject>(api, SERVICES, { namespace: 'default', name })
    const shown = (status?.loadBalancer?.ingress ?? []).map(({ ip = '' }) => ip)
    return shown.length === count && shown
  })

await t.test('[OpenELB:BGP] BgpConf: the router learns as many next hops for the address as there are nodes', async (t) => {
  await world.router.reconfigure({ ...routerSpec(world, true, { addPath: true }), port: ROUTER_PORT })
  await world.configure(
    { as: 65_001, listenPort: 17_900, routerId: '8.8.8.8' },
    {
      conf: { neighborAddress: cluster.router.ip, peerAs: ROUTER_AS },
      transport: { remotePort: ROUTER_PORT },
      afiSafis: ['AFI_IP', 'AFI_IP6'].map((afi) => ({
        config: { family: { afi, safi: 'SAFI_UNICAST' }, enabled: true },
        addPaths: { config: { sendMax: 10 } },
      })),
    },
  )
  await makeEip('bgp-eip', '192.168.99.10-192.168.99.11', 'bgp')
  await makeService('bgp-svc', 'bgp-eip')
  const [address = ''] = await addressesOf('bgp-svc')
  t.match(address, /^192\.168\.99\.1[01]$/)
  await world.hasRoute(`${address}/32`, NODES)
  await until(
    'each speaker tells every node, as OpenELB does',
    async () => (await world.paths(`${address}/32`)).length === NODES.length ** 2,
  )
  const { status } = await world.conf()
  for (const node of NODES) t.match(status?.nodesConfStatus?.[node], { as: 65_001, routerId: '8.8.8.8', listenPort: 17_900 })
  await deleteObject(api, SERVICES, { namespace: 'default', name: 'bgp-svc' })
  await world.hasRoute(`${address}/32`, [])
})

await t.test('an Eip goes from layer2 to bgp and back: its Service keeps the address', async (t) => {
  const address = `${cluster.subnet}.60`
  await makeEip('moving', address, 'layer2')
  await makeService('moving', 'moving')
  t.same(await addressesOf('moving'), [address])
  await world.until('an owner', address, ({ status }) => status?.owner !== undefined)
  const uid = (await world.read(address)).metadata.uid
  await patchObject(api, EIPS, { name: 'moving' }, { spec: { protocol: 'bgp' } }, { type: 'merge' })
  await world.hasRoute(`${address}/32`, NODES)
  await world.until('no owner', address, ({ spec, status }) => spec.protocol === 'bgp' && status?.owner === undefined)
  t.same(await addressesOf('moving'), [address])
  await patchObject(api, EIPS, { name: 'moving' }, { spec: { protocol: 'layer2', interface: 'eth0' } }, { type: 'merge' })
  await world.hasRoute(`${address}/32`, [])
  await world.until('an owner again', address, ({ spec, status }) => spec.protocol === 'layer2' && status?.owner !== undefined)
  t.same(await addressesOf('moving'), [address])
  t.equal((await world.read(address)).metadata.uid, uid, 'the claim is the same one all the time')
})

await t.test('a dual-stack Service has one family by layer 2 and the other by BGP', async (t) => {
  const [ipv4, ipv6] = [`${cluster.subnet}.70`, 'fd00:99::70']
  await makeEip('near', ipv4, 'layer2')
  await makeEip('routed', ipv6, 'bgp')
  await makeService('both', 'near,routed', { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] })
  t.same([...(await addressesOf('both', 2))].sort(), [ipv4, ipv6].sort())
  await world.until('an owner', ipv4, ({ spec, status }) => spec.protocol === 'layer2' && status?.owner !== undefined)
  await world.hasRoute(`${ipv6}/128`, NODES)
  t.same(await world.paths(`${ipv4}/32`), [], 'the one is not told to the router')
  t.equal((await world.read(ipv6)).status?.owner, undefined, 'and nobody owns the other')
  t.equal(claimName(ipOf(ipv6)), (await world.read(ipv6)).metadata.name)
})
