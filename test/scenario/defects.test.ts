/** Defects of OpenELB 0.6.0 that were seen in a cluster and must not be ours, each under its own name. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { EIP_NAME, IS_DEFAULT_EIP, OPT_IN, ORIGINAL_FINALIZER, REQUESTED_ADDRESS } from '../../src/api/service-annotations.ts'
import { createObject, deleteObject, findObject, getObject, listObjects, patchObject } from '../../src/kube/objects.ts'
import { BGP_CONFS, BGP_PEERS, EIPS, EVENTS, NODES, SERVICES } from '../../src/kube/resources.ts'
import { type AddressWitness, startAddressWitness } from '../support/address-witness.ts'
import { startAllocatorWorld } from '../support/allocator-world.ts'
import { conditionOf, createClusterActions, refOf, shownText } from '../support/cluster-actions.ts'
import { isLeading, leaderOf } from '../support/leaders.ts'
import { until } from '../support/until.ts'

t.setTimeout(540_000)
const world = await startAllocatorWorld()
const { api, proxy } = world
const witness: AddressWitness = await startAddressWitness(api)
const { makeEip, patchEip, removeEip, makeNamespace, makeService, annotate, removeService } = createClusterActions(api)
t.teardown(async () => {
  await witness.close()
  await world.close()
})
t.afterEach(async () => {
  for (const process of [...world.running]) await world.end(process, 'SIGKILL')
  proxy.reset()
})

/** Long against anything that would happen by itself. */
const QUIET_MS = 1500

const shows = (key: string, address: string) => until(`${key} shows "${address}"`, () => shownText(witness.service(key)) === address)
const addressOf = (key: string) => until(`${key} has an address`, () => shownText(witness.service(key)) || false)
const says = (key: string, reason: string) =>
  until(`${key} says ${reason}`, () => {
    const condition = conditionOf(witness.service(key))
    return condition?.reason === reason ? condition : false
  })
/** Every address that it ever showed, in order. */
const everShown = (key: string): readonly string[] => witness.history(key).filter((text) => text !== '')
const claimed = (prefix: string): readonly string[] =>
  witness
    .claims()
    .map(({ spec }) => spec.address)
    .filter((address) => address.startsWith(prefix))
    .toSorted()
const eventsOf = async (key: string): Promise<readonly string[]> => {
  const { namespace, name } = refOf(key)
  const events = await listObjects<{ involvedObject: { name: string }; reason: string; count: number }>(api, EVENTS, { namespace })
  return events.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason, count }) => `${reason} x${count}`)
}
/** What the allocator writes about Services and claims in a while in which nobody does anything. */
async function writesAtRest(): Promise<readonly string[]> {
  proxy.reset()
  await delay(QUIET_MS)
  return proxy.writes.filter(({ path }) => !path.includes('/eips/')).map(({ method, path }) => `${method} ${path}`)
}

const BGP_OBJECTS = [
  [BGP_CONFS, 'default'],
  [BGP_PEERS, 'marked'],
] as const
const NODE_STATUS = { type: 'merge', subresource: 'status' } as const
const nodeReady = (status: string) => ({ status: { conditions: [{ type: 'Ready', status }] } })

t.test('D1: a Service of two bound pools does not flap between them', async (t) => {
  await makeNamespace('d1', { team: 'd1' })
  const process = await world.allocator('d1')
  const bound = (priority: number) => ({ priority, namespaceSelector: { team: 'd1' } })
  await makeEip('d1-best', '10.41.1.0', bound(1))
  await makeEip('d1-next', '10.41.2.0/29', bound(2))
  await makeService('d1/a')
  await shows('d1/a', '10.41.1.0')
  t.same(await writesAtRest(), [], 'although it fills its preferred pool')
  // Whatever made the original choose again.
  await makeEip('d1-better', '10.41.0.0/29', bound(0))
  await makeService('d1/b')
  await shows('d1/b', '10.41.0.0')
  await patchEip('d1-best', { spec: { priority: 9 } })
  await makeEip('d1-default', '10.41.3.0/29', {}, { annotations: { [IS_DEFAULT_EIP]: 'true' } })
  await makeEip('d1-equal', '10.41.4.0/29', bound(0))
  await annotate('d1/a', { 'example.com/touched': 'yes' })
  await createObject(api, NODES, { metadata: { name: 'd1' } })
  for (const status of ['True', 'False', 'True']) await patchObject(api, NODES, { name: 'd1' }, nodeReady(status), NODE_STATUS)
  t.same(await writesAtRest(), [], 'whatever becomes better, fuller or the default, or flips')
  await world.end(process)
  await world.allocator('d1-again')
  await makeService('d1/c')
  await addressOf('d1/c')
  t.same([everShown('d1/a'), everShown('d1/b')], [['10.41.1.0'], ['10.41.0.0']], 'nor after a restart')
  for (const name of ['d1-best', 'd1-next', 'd1-better', 'd1-default', 'd1-equal']) await removeEip(name)
})

t.test('D2: a disabled pool takes no address away', async (t) => {
  await makeNamespace('d2', { team: 'd2' })
  const process = await world.allocator('d2')
  await makeEip('d2', '10.42.1.0/29', { priority: 1, namespaceSelector: { team: 'd2' } })
  await makeEip('d2-other', '10.42.2.0/29', { priority: 2, namespaceSelector: { team: 'd2' } })
  for (const [key, wish] of [
    ['d2/auto', {}],
    ['d2/named', { eip: 'd2' }],
  ] as const) {
    await makeService(key, wish)
    await addressOf(key)
  }
  await patchEip('d2', { spec: { disable: true } })
  await until(
    'the pool says so',
    async () => (await getObject<EipObject>(api, EIPS, { name: 'd2' })).status?.conditions?.[0]?.reason === 'Disabled',
  )
  for (const name of ['auto', 'named']) await annotate(`d2/${name}`, { 'example.com/touched': 'yes' })
  await makeService('d2/new')
  await shows('d2/new', '10.42.2.0')
  t.same(await writesAtRest(), [])
  await world.end(process)
  await world.allocator('d2-again')
  await makeService('d2/later', { eip: 'd2-other' })
  await addressOf('d2/later')
  t.same([everShown('d2/auto'), everShown('d2/named')], [['10.42.1.0'], ['10.42.1.1']])
  t.match([conditionOf(witness.service('d2/auto'))?.status, conditionOf(witness.service('d2/named'))?.status], ['True', 'True'])
})

t.test('D4: a Service without any of its annotations is released, and its deletion does not hang', async (t) => {
  await makeNamespace('d4')
  await world.allocator('d4')
  await makeEip('d4', '10.44.0.0/30')
  for (const name of ['kept', 'deleted']) {
    await makeService(`d4/${name}`, { eip: 'd4' })
    await addressOf(`d4/${name}`)
  }
  await annotate('d4/kept', { [OPT_IN]: null, [EIP_NAME]: null })
  await annotate('d4/deleted', { [OPT_IN]: null, [EIP_NAME]: null })
  await removeService('d4/deleted')
  t.equal(await findObject(api, SERVICES, refOf('d4/deleted')), undefined, 'it is gone at once: no finalizer holds it')
  await until('nothing is claimed', () => claimed('10.44.').length === 0)
  await shows('d4/kept', '')
  const kept = await getObject<ServiceObject>(api, SERVICES, refOf('d4/kept'))
  t.same([kept.metadata.labels?.[EIP_NAME], kept.metadata.finalizers, kept.status?.conditions ?? []], [undefined, undefined, []])
  await until('the pool counts nothing', async () => (await getObject<EipObject>(api, EIPS, { name: 'd4' })).status?.used === undefined)
  await makeService('d4/heir', { eip: 'd4' })
  await shows('d4/heir', '10.44.0.0')
})

t.test('D5: a request that cannot be read is refused once, and is never taken for "any address"', async (t) => {
  await makeNamespace('d5')
  await world.allocator('d5')
  await makeEip('d5', '10.45.0.0/29')
  await makeService('d5/bad', { eip: 'd5', address: 'not-an-ip' })
  await makeService('d5/held', { eip: 'd5' })
  await addressOf('d5/held')
  await annotate('d5/held', { [REQUESTED_ADDRESS]: '10.45.0.300' })
  t.match((await says('d5/bad', 'AddressInvalid')).message, /not-an-ip/)
  t.match((await says('d5/held', 'AddressInvalid')).message, /until then the Service keeps 10\.45\.0\.0$/)
  t.same(await writesAtRest(), [], 'no endless release and assignment')
  await until('the event is there', async () => (await eventsOf('d5/bad')).length > 0)
  t.equal((await eventsOf('d5/bad')).length, 1)
  t.match((await eventsOf('d5/bad'))[0], / x1$/)
  t.same([everShown('d5/bad'), everShown('d5/held')], [[], ['10.45.0.0']])
  await annotate('d5/bad', { [REQUESTED_ADDRESS]: '10.45.0.3' })
  await shows('d5/bad', '10.45.0.3')
})

t.test('D6: a new Service gets one address, once, however many come together', async (t) => {
  await makeNamespace('d6')
  await world.allocator('d6')
  await makeEip('d6', '10.46.0.0/25')
  const keys = Array.from({ length: 60 }, (_, at) => `d6/s${at}`)
  await Promise.all(keys.map((key) => makeService(key, { eip: 'd6' })))
  await until('all have one', () => keys.every((key) => shownText(witness.service(key)) !== ''), 60_000)
  // The race of the original was within one Service as well: one at a time.
  for (let at = 0; at < 12; at++) {
    const key = `d6/single-${at}`
    await makeService(key, { eip: 'd6' })
    await addressOf(key)
    keys.push(key)
  }
  t.same(await writesAtRest(), [])
  t.equal(claimed('10.46.').length, keys.length, 'one claim each')
  t.same(
    keys.filter((key) => everShown(key).length !== 1),
    [],
    'nobody was moved',
  )
  t.same(witness.doubles, [])
  await until('the events are written', async () => (await eventsOf('d6/single-11')).length > 0)
  for (const key of keys.slice(-12)) t.same(await eventsOf(key), ['AssignIP x1'])
})

t.test('D10: a pool that is deleted and created again gives every Service the same address', async (t) => {
  await makeNamespace('d10')
  const process = await world.allocator('d10')
  await makeEip('d10', '10.47.0.0/28')
  const names = ['c', 'a', 'd', 'b']
  for (const name of names) {
    await makeService(`d10/${name}`, { eip: 'd10' })
    await addressOf(`d10/${name}`)
  }
  await removeEip('d10')
  for (const name of names) await says(`d10/${name}`, 'PoolDeleted')
  await makeEip('d10', '10.47.0.0/28')
  for (const name of names) await says(`d10/${name}`, 'Allocated')
  // And once more, with nobody there who remembers.
  await world.end(process)
  await removeEip('d10')
  await makeEip('d10', '10.47.0.0/28')
  await makeService('d10/new', { eip: 'd10' })
  await world.allocator('d10-again')
  await shows('d10/new', '10.47.0.4')
  t.same(
    names.map((name) => everShown(`d10/${name}`)),
    [['10.47.0.0'], ['10.47.0.1'], ['10.47.0.2'], ['10.47.0.3']],
  )
})

t.test('a change to a full pool does not lose the old address', async (t) => {
  await makeNamespace('full')
  await world.allocator('full')
  await makeEip('full-from', '10.48.1.0/30')
  await makeEip('full-to', '10.48.2.0')
  await makeService('full/a', { eip: 'full-from' })
  await shows('full/a', '10.48.1.0')
  await makeService('full/b', { eip: 'full-to' })
  await addressOf('full/b')
  await annotate('full/a', { [EIP_NAME]: 'full-to' })
  t.match(await says('full/a', 'PoolExhausted'), { status: 'False', message: /until then the Service keeps 10\.48\.1\.0$/ })
  t.equal(shownText(witness.service('full/a')), '10.48.1.0')
  await makeService('full/c', { eip: 'full-from' })
  t.equal(await addressOf('full/c'), '10.48.1.1', 'nor can another get it meanwhile')
  await removeService('full/b')
  await shows('full/a', '10.48.2.0')
  t.same(everShown('full/a'), ['10.48.1.0', '10.48.2.0'], 'at no moment without an address')
  await until('the old claim is gone', () => claimed('10.48.1.').join() === '10.48.1.1')
})

t.test('Services that wait for a disabled pool are retried when it is enabled', async (t) => {
  await makeNamespace('wait', { team: 'wait' })
  await world.allocator('wait')
  await makeEip('wait', '10.49.0.0/29', { disable: true, namespaceSelector: { team: 'wait' } })
  await makeService('wait/named', { eip: 'wait' })
  await makeService('wait/asking', { address: '10.49.0.5' })
  await makeService('wait/bound')
  for (const name of ['named', 'asking', 'bound'])
    await until(`${name} is told`, () => conditionOf(witness.service(`wait/${name}`))?.status === 'False')
  t.same(await writesAtRest(), [], 'nobody asks again while nothing changes')
  await patchEip('wait', { spec: { disable: false } })
  const given = await Promise.all(['named', 'asking', 'bound'].map((name) => addressOf(`wait/${name}`)))
  t.equal(given[1], '10.49.0.5')
  t.equal(new Set(given).size, 3)
})

t.test('18.7 s of nobody: a leader that ends gives the Lease back', async (t) => {
  await makeNamespace('term')
  // Nobody could take this Lease by waiting: the test would be over before.
  const lease = ['--lease-duration=600s', '--renew-deadline=500s', '--retry-period=300ms']
  const first = await world.allocator('term-1', lease)
  await leaderOf([first])
  const second = await world.allocator('term-2', lease)
  await makeEip('term', '10.50.0.0/29')
  await makeService('term/a', { eip: 'term' })
  await addressOf('term/a')
  t.notOk(isLeading(second))
  const startedMs = performance.now()
  t.equal(await world.end(first, 'SIGTERM'), 0)
  await leaderOf([second])
  await makeService('term/b', { eip: 'term' })
  await shows('term/b', '10.50.0.1')
  t.comment(`from SIGTERM to the next address: ${Math.round(performance.now() - startedMs)} ms`)
  t.same(everShown('term/a'), ['10.50.0.0'])
})

t.test('D21: a BgpConf or BgpPeer that OpenELB marked can be deleted, with no speaker anywhere', async (t) => {
  for (const [resource, name] of BGP_OBJECTS)
    await createObject(api, resource, { metadata: { name, finalizers: [ORIGINAL_FINALIZER.bgp, 'other/one'] }, spec: {} })
  await deleteObject(api, BGP_PEERS, { name: 'marked' })
  await world.allocator('d21')
  for (const [resource, name] of BGP_OBJECTS) {
    const left = await until(`${resource.kind} is unmarked`, async () => {
      const { metadata } = await getObject<{ metadata: { finalizers?: readonly string[] } }>(api, resource, { name })
      return metadata.finalizers?.length === 1 && metadata.finalizers
    })
    t.same(left, ['other/one'], 'the marks of others stay')
    await patchObject(api, resource, { name }, { metadata: { finalizers: [] } }, { type: 'merge' })
  }
  t.equal(await until('it is gone', async () => (await findObject(api, BGP_PEERS, { name: 'marked' })) === undefined), true)
  await deleteObject(api, BGP_CONFS, { name: 'default' })
})
