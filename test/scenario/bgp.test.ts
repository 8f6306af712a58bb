/** BGP from the objects of the API server to the table of a router: three speakers, FRR, and what the claims, BgpConf and BgpPeer say meanwhile. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { BgpConfObject } from '../../src/api/bgp-conf.ts'
import type { BgpPeerObject } from '../../src/api/bgp-peer.ts'
import { createInformer } from '../../src/kube/informer.ts'
import { createObject, deleteObject, patchObject } from '../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, BGP_CONFS, BGP_PEERS, CONFIG_MAPS, EIPS, ENDPOINT_SLICES, NODES, SERVICES } from '../../src/kube/resources.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { buildBgpWorld, PEER } from '../speaker/support/bgp-world.ts'
import { OWN, serviceName, serviceObject } from '../speaker/support/layer2-world.ts'
import { until } from '../support/until.ts'

const NODES_ALL = ['n1', 'n2', 'n3']
const ADDRESS = '192.0.2.1'
const ROUTE = `${ADDRESS}/32`

t.setTimeout(300_000)
const world = await buildBgpWorld()
t.teardown(world.close)
const { api } = world

const announced = ({ status }: AddressClaimObject) => status?.conditions?.find(({ type }) => type === 'Announced')
const says = (address: string, status: string, reason: string) =>
  world.until(`${address} says ${status} ${reason}`, address, (claim) => {
    const condition = announced(claim)
    return condition?.status === status && condition.reason === reason
  })
const announcers = ({ status }: AddressClaimObject): readonly string[] => (status?.announcers ?? []).map(({ node }) => node).sort()
const opens = async (): Promise<number> => {
  const sessions = await Promise.all(NODES_ALL.map((node) => world.session(node)))
  return sessions.reduce((sum, { opensReceived }) => sum + (opensReceived ?? 0), 0)
}
const slice = (address: string, nodes: readonly string[]) => ({
  metadata: { name: serviceName(address), namespace: 'default', labels: { 'kubernetes.io/service-name': serviceName(address) } },
  addressType: 'IPv4',
  endpoints: nodes.map((nodeName, at) => ({ addresses: [`10.244.0.${at + 1}`], nodeName, conditions: { ready: true, serving: true } })),
  ports: [],
})
const setEndpoints = (address: string, nodes: readonly string[]) =>
  patchObject(
    api,
    ENDPOINT_SLICES,
    { namespace: 'default', name: serviceName(address) },
    { endpoints: slice(address, nodes).endpoints },
    { type: 'merge' },
  )

const policyText = (med: number): string => `
[global.apply-policy.config]
export-policy-list = ["all"]
default-export-policy = "accept-route"
[[policy-definitions]]
name = "all"
  [[policy-definitions.statements]]
  name = "med"
    [policy-definitions.statements.actions.bgp-actions]
    set-med = "${med}"
    [policy-definitions.statements.actions]
    route-disposition = "accept-route"
`

await t.test('without a BgpConf the claim says so', async () => {
  await createObject(api, BGP_PEERS, { metadata: { name: PEER }, spec: { conf: { peerAs: 1 } } })
  const old = { nodesPeerStatus: { n1: { peerState: { authPassword: 'what OpenELB left', sessionState: 'IDLE' } } } }
  await patchObject(api, BGP_PEERS, { name: PEER }, { status: old }, { type: 'merge', subresource: 'status' })
  await Promise.all(NODES_ALL.map((node) => world.start(node)))
  await world.claim(ADDRESS, { protocol: 'bgp' })
  await says(ADDRESS, 'False', 'NoBgpConf')
})

await t.test('BgpConf and BgpPeer: the router has every node as next hop, and everybody says so', async (t) => {
  await world.configure()
  await world.hasRoute(ROUTE, NODES_ALL)
  const claim = await world.until('all announce', ADDRESS, (one) => announcers(one).length === 3 && announced(one)?.status === 'True')
  t.same(announcers(claim), NODES_ALL)
  t.equal(claim.status?.owner, undefined, 'nobody owns it')
  const conf = await until('nodesConfStatus of all', async () => {
    const object = await world.conf()
    return Object.keys(object.status?.nodesConfStatus ?? {}).length === 3 && object
  })
  for (const { name, ip } of world.cluster.nodes) t.match(conf.status?.nodesConfStatus?.[name], { as: 65_001, routerId: ip })
  const peer = await until('nodesPeerStatus of all', async () => {
    const object = await world.peer()
    const states = Object.values(object.status?.nodesPeerStatus ?? {}).map(({ peerState }) => peerState?.sessionState)
    return states.length === 3 && states.every((state) => state === 'ESTABLISHED') && object
  })
  const own = peer.status?.nodesPeerStatus?.['n1']
  t.equal(own?.peerState?.authPassword, undefined, 'no password stays')
  t.match(own, { peerState: { neighborAddress: world.router.spec.routerId, peerAs: 65_000, peerType: 1, queues: {} } })
  t.match(own?.peerState?.messages, { received: { open: '1' }, sent: { open: '1' } }, 'counters are text')
  t.match(own?.timersState, { negotiatedHoldTime: '9', keepaliveInterval: '3', uptime: /^\d{4}-\d\d-\d\dT[\d:]{8}Z$/ })
  await until('an Event', async () => (await world.events(serviceName(ADDRESS))).includes('SetBalancer success to add nexthops [n1 n2 n3]'))
})

await t.test('D20: BgpConf and its policy are changed 100 times; no session drops and no route goes', async (t) => {
  const before = await opens()
  const data = (med: number) => ({ 'gobgp.conf': policyText(med) })
  await createObject(api, CONFIG_MAPS, { metadata: { name: 'policy', namespace: OWN }, data: data(0) })
  const ref = { namespace: OWN, name: 'policy' }
  for (let change = 1; change <= 50; change++) {
    await world.configure({ policy: 'policy', useMultiplePaths: change % 2 === 0 })
    await patchObject(api, CONFIG_MAPS, ref, { data: data(change) }, { type: 'merge' })
    if (change % 10 === 0) t.equal((await world.paths(ROUTE)).length, 3, `the routes are there after ${2 * change} changes`)
  }
  await until('the last policy is at work', async () => (await world.paths(ROUTE)).every(({ med }) => med === 50))
  t.equal(await opens(), before, 'no session was opened anew')
  await world.hasRoute(ROUTE, NODES_ALL)
})

await t.test('policy Local: a route goes within a moment of its endpoint, and comes back with it', async (t) => {
  const address = '192.0.2.2'
  await createObject(api, SERVICES, serviceObject(address, 'Local'))
  await createObject(api, ENDPOINT_SLICES, slice(address, ['n2', 'n3']))
  await world.claim(address, { protocol: 'bgp' })
  await world.hasRoute(`${address}/32`, ['n2', 'n3'])
  const beganMs = performance.now()
  await setEndpoints(address, ['n3'])
  await world.hasRoute(`${address}/32`, ['n3'])
  t.comment(`withdrawn at the router ${Math.round(performance.now() - beganMs)} ms after the request, looked at every 100 ms`)
  t.ok(performance.now() - beganMs < 5000)
  await setEndpoints(address, [])
  await world.hasRoute(`${address}/32`, [])
  t.match(announced(await says(address, 'False', 'NoNextHop'))?.message, /n1: externalTrafficPolicy is Local and no ready endpoint/)
  await setEndpoints(address, ['n1'])
  await world.hasRoute(`${address}/32`, ['n1'])
  await patchObject(
    api,
    SERVICES,
    { namespace: 'default', name: serviceName(address) },
    { spec: { externalTrafficPolicy: 'Cluster' } },
    { type: 'merge' },
  )
  await world.hasRoute(`${address}/32`, NODES_ALL)
  await deleteObject(api, ADDRESS_CLAIMS, { name: address })
  await world.hasRoute(`${address}/32`, [])
  await until('an Event', async () =>
    (await world.events(serviceName(address))).includes('DelBalancer success to withdraw announcement for service'),
  )
})

await t.test('attributes: of the Eip, and of the Service before it; several addresses in one prefix', async (t) => {
  const bgp = { communities: ['65000:1'], med: 10, aggregationLength: 24 }
  await createObject(api, EIPS, { metadata: { name: 'wide' }, spec: { address: '198.51.100.0/24', protocol: 'bgp', bgp } })
  const [first, second] = ['198.51.100.5', '198.51.100.9']
  const service = serviceObject(first, 'Cluster')
  const annotations = {
    'openelb.io/bgp-communities': 'large:1:2:3,no-export',
    'openelb.io/bgp-med': '7',
    'openelb.io/bgp-local-pref': 'high',
  }
  await createObject(api, SERVICES, { ...service, metadata: { ...service.metadata, annotations } })
  for (const address of [first, second]) await world.claim(address, { protocol: 'bgp', eip: 'wide' })
  const path = await until('the attributes', async () =>
    (await world.paths('198.51.100.0/24')).find(({ communities }) => communities.length === 2),
  )
  t.equal(path.med, 50, 'the policy has the last word')
  t.same([...path.communities].sort(), ['65000:1', '65535:65281'])
  t.same(path.largeCommunities, ['1:2:3'])
  t.same(await world.paths(`${first}/32`), [], 'the address alone is not told')
  const complained = (events: readonly string[]) =>
    events.some((event) => /^AnnotationIgnored ignored: .*bgp-local-pref: "high"/.test(event))
  await until('a word about the annotation', async () => complained(await world.events(serviceName(first))))
  await deleteObject(api, ADDRESS_CLAIMS, { name: first })
  await until('its communities go with it', async () => (await world.paths('198.51.100.0/24'))[0]?.largeCommunities.length === 0)
  await deleteObject(api, ADDRESS_CLAIMS, { name: second })
  await world.hasRoute('198.51.100.0/24', [])
})

await t.test('a node that is taken out of load balancing announces no more', async () => {
  const label = (value: string | null) => ({ metadata: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': value } } })
  await patchObject(api, NODES, { name: 'n2' }, label(''), { type: 'merge' })
  await world.hasRoute(ROUTE, ['n1', 'n3'])
  await world.until('its entry goes', ADDRESS, (claim) => announcers(claim).join() === 'n1,n3')
  await patchObject(api, NODES, { name: 'n2' }, label(null), { type: 'merge' })
  await world.hasRoute(ROUTE, NODES_ALL)
})

await t.test('a node selector takes the session of a node, and its entry in the status', async (t) => {
  await world.configure({ policy: 'policy' }, { nodeSelector: { matchExpressions: [{ key: 'rack', operator: 'DoesNotExist' }] } })
  await patchObject(api, NODES, { name: 'n3' }, { metadata: { labels: { rack: 'b' } } }, { type: 'merge' })
  await world.hasRoute(ROUTE, ['n1', 'n2'])
  const left = await until('its entry goes', async () => {
    const nodes = Object.keys((await world.peer()).status?.nodesPeerStatus ?? {}).sort()
    return nodes.length === 2 && nodes
  })
  t.same(left, ['n1', 'n2'])
  await patchObject(api, NODES, { name: 'n3' }, { metadata: { labels: { rack: null } } }, { type: 'merge' })
  await world.hasRoute(ROUTE, NODES_ALL)
})

await t.test('D22: a BgpPeer without conf stops nobody, and says what it lacks', async (t) => {
  await createObject(api, BGP_PEERS, { metadata: { name: 'empty' }, spec: {} })
  const errors = await until('every node says it', async () => {
    const peers = await Promise.all(NODES_ALL.map(async (node) => (await world.speaker(node).page('/report')).text))
    return peers.every((text) => text.includes('"empty"')) && peers
  })
  t.equal(errors.length, 3)
  for (const node of NODES_ALL) t.equal(world.speaker(node).child.exitCode, null, `the speaker of ${node} runs`)
  await world.hasRoute(ROUTE, NODES_ALL)
  await deleteObject(api, BGP_PEERS, { name: 'empty' })
})

await t.test('switching the protocol: the address is never let go of before somebody else has it', async (t) => {
  const address = '10.251.0.240'
  const spec = (protocol: string) => patchObject(api, ADDRESS_CLAIMS, { name: address }, { spec: { protocol } }, { type: 'merge' })
  await world.claim(address, { protocol: 'bgp' })
  await world.hasRoute(`${address}/32`, NODES_ALL)
  await world.until('it is recorded', address, (claim) => announcers(claim).length === 3)
  await spec('layer2')
  await world.until('an owner', address, ({ status }) => status?.owner !== undefined)
  await world.hasRoute(`${address}/32`, [])
  await world.until('no announcers', address, (claim) => announcers(claim).length === 0)
  await spec('bgp')
  await world.hasRoute(`${address}/32`, NODES_ALL)
  const ended = await world.until('no owner', address, ({ status }) => status?.owner === undefined)
  t.match(ended.status?.history?.at(-1)?.reason, /^OtherProtocol: /)
  await says(address, 'True', 'Announced')
  await world.configure({}, { conf: { neighborAddress: world.cluster.router.ip, peerAs: 65_000, adminDown: true } })
  await world.hasRoute(`${address}/32`, [])
  await deleteObject(api, ADDRESS_CLAIMS, { name: address })
  await world.configure()
  await world.hasRoute(ROUTE, NODES_ALL)
})

await t.test(
  'the API server goes away and comes back: no session drops, no route goes, and what was asked meanwhile is done',
  async (t) => {
    const before = await opens()
    const server = world.cluster.component('kube-apiserver')
    await server.stop('SIGKILL')
    await delay(3000)
    t.equal((await world.paths(ROUTE)).length, 3)
    await server.start()
    await world.cluster.apiServerReady()
    await world.claim('192.0.2.7', { protocol: 'bgp' })
    await world.hasRoute('192.0.2.7/32', NODES_ALL, 60_000)
    await says('192.0.2.7', 'True', 'Announced')
    t.equal(await opens(), before, 'no session was opened anew')
    await deleteObject(api, ADDRESS_CLAIMS, { name: '192.0.2.7' })
  },
)

await t.test('D21: without its BgpPeer, or without BgpConf, every node ends its session at once; and starts again', async () => {
  await deleteObject(api, BGP_PEERS, { name: PEER })
  await world.hasRoute(ROUTE, [])
  await says(ADDRESS, 'False', 'NoBgpPeer')
  await world.configure()
  await world.hasRoute(ROUTE, NODES_ALL)
  await deleteObject(api, BGP_CONFS, { name: 'default' })
  await world.hasRoute(ROUTE, [])
  await says(ADDRESS, 'False', 'NoBgpConf')
  await deleteObject(api, BGP_PEERS, { name: PEER })
  await createObject(api, BGP_CONFS, { metadata: { name: 'default' }, spec: { as: 65001 } })
  await says(ADDRESS, 'False', 'NoBgpPeer')
  await world.configure()
  await world.hasRoute(ROUTE, NODES_ALL)
})

await t.test('a speaker that is started anew leaves what it wrote until it knows better', async (t) => {
  await until('all write', async () => Object.keys((await world.peer()).status?.nodesPeerStatus ?? {}).length === 3)
  await world.until('all announce', ADDRESS, (claim) => announcers(claim).length === 3)
  const missed: string[] = []
  const look = (what: string, nodes: readonly string[]) => nodes.includes('n2') || missed.push(what)
  const peers = createInformer<BgpPeerObject>({ client: api, resource: BGP_PEERS, logger: silentLogger })
  const confs = createInformer<BgpConfObject>({ client: api, resource: BGP_CONFS, logger: silentLogger })
  const claims = createInformer<AddressClaimObject>({ client: api, resource: ADDRESS_CLAIMS, logger: silentLogger })
  peers.subscribe(({ after }) => void look('the BgpPeer', Object.keys(after?.status?.nodesPeerStatus ?? {})))
  confs.subscribe(({ after }) => void look('BgpConf', Object.keys(after?.status?.nodesConfStatus ?? {})))
  claims.subscribe(({ after }) => after?.spec.address === ADDRESS && look('the claim', announcers(after)))
  const all = [peers, confs, claims]
  for (const informer of all) informer.start()
  await Promise.all(all.map((informer) => informer.whenSynced()))
  await world.speaker('n2').stop('SIGKILL')
  await world.start('n2')
  await world.established(NODES_ALL)
  await world.hasRoute(ROUTE, NODES_ALL)
  await Promise.all(all.map((informer) => informer.close()))
  t.same(missed, [])
})

await t.test('a node that leaves the cluster: nobody sends there, and what it wrote is taken away by others', async (t) => {
  await world.until('all announce', ADDRESS, (claim) => announcers(claim).length === 3)
  await until('all write', async () => Object.keys((await world.peer()).status?.nodesPeerStatus ?? {}).length === 3)
  await world.speaker('n3').stop('SIGKILL')
  await deleteObject(api, NODES, { name: 'n3' })
  await world.hasRoute(ROUTE, ['n1', 'n2'])
  const claim = await world.until('its entry of the claim goes', ADDRESS, (one) => announcers(one).length === 2)
  t.same(announcers(claim), ['n1', 'n2'])
  const left = await until('its entries of the statuses go', async () => {
    const peers = Object.keys((await world.peer()).status?.nodesPeerStatus ?? {})
    const confs = Object.keys((await world.conf()).status?.nodesConfStatus ?? {})
    return peers.length === 2 && confs.length === 2 && [...peers, ...confs].sort()
  })
  t.same(left, ['n1', 'n1', 'n2', 'n2'])
})
