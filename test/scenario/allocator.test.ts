/** The allocator's process against a real API server, with its own ServiceAccount and rights. */
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject, EipStatus } from '../../src/api/eip.ts'
import { EIP_NAME, IS_DEFAULT_EIP, LAYER2_NODE, OPT_IN, REQUESTED_ADDRESS } from '../../src/api/service-annotations.ts'
import { deleteObject, findObject, getObject, listObjects, patchObject } from '../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, EIPS, EVENTS, NAMESPACES, SERVICES } from '../../src/kube/resources.ts'
import { type AddressWitness, startAddressWitness } from '../support/address-witness.ts'
import type { AllocatorProcess } from '../support/allocator-process.ts'
import { OWN, startAllocatorWorld } from '../support/allocator-world.ts'
import type { Fate, PassingWrite } from '../support/api-proxy.ts'
import { conditionOf, createClusterActions, refOf, shownText } from '../support/cluster-actions.ts'
import { until } from '../support/until.ts'

/** A wake-up is aimed at below 1 s; the machine may be busy. */
const WAKE_MS = 10_000

t.setTimeout(600_000)
const world = await startAllocatorWorld()
const { api, proxy, allocator, end } = world
const witness: AddressWitness = await startAddressWitness(api)
const { makeService, patchService, annotate, removeService, makeEip, patchEip, removeEip, makeNamespace } = createClusterActions(api)
t.teardown(async () => {
  await witness.close()
  await world.close()
})
// A failed test must not leave a second writer for the next one, and its process says best what went wrong.
t.afterEach(async (t) => {
  proxy.reset()
  for (const process of [...world.running]) {
    if (!t.passing())
      t.comment(
        process.lines
          .slice(-30)
          .map((line) => JSON.stringify(line))
          .join('\n'),
      )
    await end(process, 'SIGKILL')
  }
})

const addressOf = (key: string, timeoutMs?: number) =>
  until(`${key} has an address`, () => shownText(witness.service(key)) || false, timeoutMs)
const shows = (key: string, address: string, timeoutMs?: number) =>
  until(`${key} shows "${address}"`, () => shownText(witness.service(key)) === address, timeoutMs)
const says = (key: string, reason: string) =>
  until(`${key} says ${reason}`, () => {
    const condition = conditionOf(witness.service(key))
    return condition?.reason === reason ? condition : false
  })
const holders = (prefix: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    witness
      .claims()
      .filter(({ spec }) => spec.address.startsWith(prefix))
      .map(({ spec }) => [spec.address, spec.holders.map(({ namespace, name }) => `${namespace}/${name}`).join(';')])
      .toSorted(),
  )
const eipStatus = async (name: string): Promise<EipStatus> => (await getObject<EipObject>(api, EIPS, { name })).status ?? {}
const eventsOf = async (key: string): Promise<readonly string[]> => {
  const { namespace, name } = refOf(key)
  const events = await listObjects<{ involvedObject: { name: string }; type: string; reason: string; message: string; count: number }>(
    api,
    EVENTS,
    { namespace },
  )
  return events
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ type, reason, message, count }) => `${type} ${reason} "${message}" x${count}`)
}

t.test('what people see: status, label, condition, events', async (t) => {
  await makeNamespace('seen')
  const process = await allocator('seen')
  await makeEip('e-range', '10.1.0.60-10.1.0.69')
  await makeEip('e-single', '10.1.0.50')
  await makeEip('e-v6', 'fd00:252::/64')
  await makeEip('e-host-bits', '10.1.0.81/29')
  const condition = { type: 'Ready', status: 'True', reason: 'Active' }
  const unused = { ready: true, firstIP: '10.1.0.60', lastIP: '10.1.0.69', poolSize: 10, capacity: '10', v4: true, observedGeneration: 1 }
  await until('all have a status', async () => (await listObjects<EipObject>(api, EIPS)).every(({ status }) => status?.ready === true))
  const { conditions, ...status } = await eipStatus('e-range')
  t.same(status, unused, 'an unused pool has neither usage nor used nor occupied')
  t.match(conditions, [condition])
  t.match(await eipStatus('e-host-bits'), { firstIP: '10.1.0.80', lastIP: '10.1.0.87', poolSize: 8 })
  const wide = await eipStatus('e-v6')
  t.match(wide, {
    firstIP: 'fd00:252::',
    lastIP: 'fd00:252::ffff:ffff:ffff:ffff',
    poolSize: Number.MAX_SAFE_INTEGER,
    capacity: '18446744073709551616',
  })
  t.notOk('v4' in wide || 'occupied' in wide)

  await makeService('seen/a', { eip: 'e-range' })
  t.equal(await addressOf('seen/a'), '10.1.0.60')
  const a = await getObject<ServiceObject>(api, SERVICES, refOf('seen/a'))
  t.same(a.metadata.labels, { [EIP_NAME]: 'e-range' })
  t.same(a.metadata.annotations, { [OPT_IN]: 'openelb', [EIP_NAME]: 'e-range' }, 'annotations stay as written')
  t.notOk(a.metadata.finalizers)
  t.same(a.status?.loadBalancer, { ingress: [{ ip: '10.1.0.60', ipMode: 'VIP' }] })
  t.match(conditionOf(a), { status: 'True', reason: 'Allocated', message: '10.1.0.60 of Eip e-range' })
  await makeService('seen/single', { eip: 'e-single' })
  await until('the pool says so', async () => (await eipStatus('e-range')).usage === 1)
  const { conditions: _, ...used } = await eipStatus('e-range')
  t.same(used, { ...unused, usage: 1, used: { '10.1.0.60': 'seen/a' } })
  await until('occupied', async () => (await eipStatus('e-single')).occupied === true)
  const claim = await getObject<AddressClaimObject>(api, ADDRESS_CLAIMS, { name: '10.1.0.60' })
  t.match(claim.spec, {
    address: '10.1.0.60',
    eip: 'e-range',
    protocol: 'bgp',
    holders: [{ namespace: 'seen', name: 'a', ports: [{ port: 80, protocol: 'TCP' }] }],
  })
  await makeService('seen/six', { eip: 'e-v6', spec: { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'] } })
  t.equal(await addressOf('seen/six'), 'fd00:252::')
  t.ok(await findObject(api, ADDRESS_CLAIMS, { name: 'fd00-0252-0000-0000-0000-0000-0000-0000' }))

  // The layer 2 owner is what a speaker wrote on the claim.
  await patchEip('e-range', { spec: { protocol: 'layer2', interface: 'eth0' } })
  await until(
    'the claim follows the Eip',
    async () => (await getObject<AddressClaimObject>(api, ADDRESS_CLAIMS, { name: '10.1.0.60' })).spec.interface === 'eth0',
  )
  const owner = { node: 'n1', interface: 'eth0', epoch: 1, since: '2026-11-21T00:00:00Z' }
  await patchObject(api, ADDRESS_CLAIMS, { name: '10.1.0.60' }, { status: { owner } }, { type: 'merge', subresource: 'status' })
  await until('the owner is shown', () => witness.service('seen/a')?.metadata.annotations?.[LAYER2_NODE] === 'n1')

  for (const name of ['a', 'single', 'six']) await removeService(`seen/${name}`)
  await until('all claims are gone', () => witness.claims().length === 0)
  await until('exactly the unused form again', async () => {
    const { conditions: _, ...status } = await eipStatus('e-range')
    return isDeepStrictEqual(status, { ...unused, observedGeneration: 2 })
  })
  await until('events are written', async () => (await eventsOf('seen/a')).length >= 2)
  t.same(await eventsOf('seen/a'), [
    'Normal AssignIP "success to assign ip: 10.1.0.60" x1',
    'Normal ReleaseIP "success to release ip: 10.1.0.60" x1',
  ])
  t.equal((await process.page('/readyz')).status, 200)
  const { text } = await process.page('/metrics')
  t.match(text, 'addresses_total{eipName="e-range"} 10')
  t.match(text, 'addresses_in_use_total{eipName="e-range"} 0')
  t.equal(await end(process), 0)
  for (const name of ['e-range', 'e-single', 'e-v6', 'e-host-bits']) await removeEip(name)
})

t.test('refusals say why, sleep, and wake when what they name changes', async (t) => {
  await makeNamespace('wake')
  const process = await allocator('wake')
  await makeEip('w1', '10.2.0.0-10.2.0.1')
  for (const name of ['a', 'b', 'c', 'd']) {
    await makeService(`wake/${name}`, { eip: 'w1' })
    if (name < 'c') await addressOf(`wake/${name}`)
    else await says(`wake/${name}`, 'PoolExhausted')
  }
  t.match(conditionOf(witness.service('wake/c'))?.message, /^no avliable eip, err:no suitable ip to allocate: /)
  await makeService('wake/absent', { eip: 'w2' })
  await makeService('wake/nowhere', { address: '10.2.9.9' })
  await makeService('wake/taken', { address: '10.2.0.1' })
  await makeService('wake/bad', { eip: 'w1', address: 'not-an-ip' })
  await makeService('wake/outside', { eip: 'w1', address: '10.2.0.200' })
  const table: readonly [string, string, RegExp][] = [
    ['wake/absent', 'PoolNotFound', /^Eip\.network\.kubesphere\.io "w2" not found: /],
    [
      'wake/nowhere',
      'AddressInNoPool',
      /^failed to construct allocate request: no available eip was found containing the ip:\[10\.2\.9\.9\]: /,
    ],
    ['wake/taken', 'PortClash', /10\.2\.0\.1 is held by wake\/b, which uses the port TCP\/80 too: /],
    ['wake/bad', 'AddressInvalid', /not-an-ip/],
    ['wake/outside', 'AddressOutsidePool', /the specified ip:10\.2\.0\.200 is beyond the range of eip\[w1:10\.2\.0\.0-10\.2\.0\.1\]/],
  ]
  for (const [key, reason, message] of table) t.match((await says(key, reason)).message, message, key)

  await until('the pool says how full it is', async () => (await eipStatus('w1')).usage === 2)
  proxy.reset()
  await delay(1500)
  t.same(proxy.writes, [], 'nobody is asked again while nothing changes')

  await removeService('wake/a')
  await shows('wake/c', '10.2.0.0', WAKE_MS)
  t.equal(shownText(witness.service('wake/d')), '', 'one address wakes one Service')
  await removeService('wake/b')
  await until(
    'both who wait for it may have it',
    () => shownText(witness.service('wake/d')) === '10.2.0.1' || shownText(witness.service('wake/taken')) === '10.2.0.1',
    WAKE_MS,
  )
  await makeEip('w2', '10.2.9.0/28', { disable: true })
  await says('wake/absent', 'PoolDisabled')
  await patchEip('w2', { spec: { disable: false } })
  await shows('wake/absent', '10.2.9.0', WAKE_MS)
  await shows('wake/nowhere', '10.2.9.9', WAKE_MS)
  await annotate('wake/bad', { [REQUESTED_ADDRESS]: null, [EIP_NAME]: 'w2' })
  await shows('wake/bad', '10.2.9.1', WAKE_MS)
  t.equal((await eventsOf('wake/c')).filter((line) => line.includes('AssignIPFailed')).length, 1, 'one Event per transition')
  await end(process)
})

t.test('whoever turns away is released', async (t) => {
  await makeNamespace('change')
  const process = await allocator('change')
  await makeEip('c1', '10.3.1.0/30')
  await makeService('change/b', { eip: 'c1' })
  await makeService('change/c', { eip: 'c1' })
  await makeService('change/d', { eip: 'c1' })
  for (const name of ['b', 'c', 'd']) await addressOf(`change/${name}`)
  await patchService('change/b', { spec: { type: 'ClusterIP' } })
  await annotate('change/c', { [OPT_IN]: 'none' })
  await annotate('change/d', { [OPT_IN]: null, [EIP_NAME]: null })
  await until('all three are released', () => Object.keys(holders('10.3.1.')).length === 0)
  for (const name of ['b', 'c', 'd']) {
    const service = await getObject<ServiceObject>(api, SERVICES, refOf(`change/${name}`))
    t.same([service.status?.loadBalancer, service.status?.conditions ?? [], service.metadata.labels?.[EIP_NAME]], [{}, [], undefined], name)
  }
  t.equal(
    (await getObject<ServiceObject>(api, SERVICES, refOf('change/d'))).metadata.annotations?.[OPT_IN],
    'none',
    'nothing adopts it again',
  )
  await end(process)
})

t.test('a deleted Eip takes nothing away; one of its range takes the claims back', async (t) => {
  await makeNamespace('gone')
  const process = await allocator('gone')
  await makeEip('g1', '10.4.0.0/30')
  await makeService('gone/a', { eip: 'g1' })
  await makeService('gone/b', { address: '10.4.0.2' })
  for (const name of ['a', 'b']) await addressOf(`gone/${name}`)
  await removeEip('g1')
  for (const name of ['a', 'b']) t.match(await says(`gone/${name}`, 'PoolDeleted'), { status: 'True', message: /keeps 10\.4\.0\./ })
  await makeService('gone/c', { eip: 'g1' })
  await says('gone/c', 'PoolNotFound')
  await makeEip('g2', '10.4.0.0/29')
  await says('gone/b', 'Allocated')
  await until('the claim follows', () => witness.claims().find(({ spec }) => spec.address === '10.4.0.2')?.spec.eip === 'g2')
  t.equal(witness.service('gone/b')?.metadata.labels?.[EIP_NAME], 'g2')
  await removeEip('g2')
  await makeEip('g1', '10.4.0.0/30')
  await says('gone/a', 'Allocated')
  await shows('gone/c', '10.4.0.1', WAKE_MS)
  t.same(
    [witness.history('gone/a'), witness.history('gone/b')],
    [
      ['', '10.4.0.0'],
      ['', '10.4.0.2'],
    ],
    'no address ever moved',
  )

  await makeEip('young', '10.4.0.3-10.4.0.9')
  await until('the younger one of two overlapping Eips stands aside', async () => {
    const { ready, conditions } = await eipStatus('young')
    return ready === false && conditions?.[0]?.reason === 'Overlap'
  })
  await makeEip('bad', '1.2.3.4-')
  await until('an unreadable Eip says so', async () => (await eipStatus('bad')).conditions?.[0]?.reason === 'Invalid')
  for (const name of ['young', 'bad', 'g1']) await removeEip(name)
  await end(process)
})

t.test("a bare Service is adopted, also when the default Eip comes later; OpenELB's objects are taken over", async (t) => {
  await makeNamespace('adopt')
  const process = await allocator('adopt')
  await makeService('adopt/bare', { bare: true })
  await makeService('adopt/foreign', { bare: true, spec: { loadBalancerClass: 'example.com/other' } })
  await makeEip('dflt', '10.5.0.0/28', {}, { annotations: { [IS_DEFAULT_EIP]: 'true' } })
  t.equal(await addressOf('adopt/bare', WAKE_MS), '10.5.0.0')
  const bare = await getObject<ServiceObject>(api, SERVICES, refOf('adopt/bare'))
  t.match(bare.metadata.annotations, { [OPT_IN]: 'openelb', [EIP_NAME]: 'dflt', 'protocol.openelb.kubesphere.io/v1alpha1': 'bgp' })
  await end(process)

  const finalizers = ['finalizer.lb.kubesphere.io/v1alpha1']
  await makeService('adopt/old', { eip: 'dflt', labels: { [EIP_NAME]: 'dflt' }, finalizers })
  await patchObject(
    api,
    SERVICES,
    refOf('adopt/old'),
    { status: { loadBalancer: { ingress: [{ ip: '10.5.0.7' }] } } },
    { type: 'merge', subresource: 'status' },
  )
  await makeService('adopt/noted', { eip: 'dflt', finalizers })
  await makeService('adopt/leaving', { labels: { [EIP_NAME]: 'dflt' }, finalizers })
  await removeService('adopt/leaving')
  await patchEip('dflt', { metadata: { finalizers: ['finalizer.ipam.kubesphere.io/v1alpha1'] } })
  await patchObject(
    api,
    EIPS,
    { name: 'dflt' },
    // OpenELB knows no capacity: its notes are told from our own projection by that.
    { status: { capacity: null, used: { '10.5.0.7': 'adopt/old', '10.5.0.9': 'adopt/noted' } } },
    { type: 'merge', subresource: 'status' },
  )
  const next = await allocator('adopt-2')
  await until('the old address has its claim', () => holders('10.5.')['10.5.0.7'] === 'adopt/old')
  await shows('adopt/noted', '10.5.0.9')
  t.equal(shownText(witness.service('adopt/old')), '10.5.0.7')
  await until('the deletion that hung is through', () => witness.service('adopt/leaving') === undefined)
  for (const name of ['old', 'noted'])
    t.notOk((await getObject<ServiceObject>(api, SERVICES, refOf(`adopt/${name}`))).metadata.finalizers, name)
  await until(
    "the Eip's finalizer is gone",
    async () => (await getObject<EipObject>(api, EIPS, { name: 'dflt' })).metadata.finalizers === undefined,
  )
  t.equal(shownText(witness.service('adopt/foreign')), '')
  await removeEip('dflt')
  for (const name of ['bare', 'foreign', 'old', 'noted']) await removeService(`adopt/${name}`)
  await until('nothing is left', () => Object.keys(holders('10.5.')).length === 0)
  await end(next)
})

/** One life of a few Services with every kind of write in it. Rejects unless it ends as it must, wherever it was disturbed. */
async function story(id: number): Promise<void> {
  const namespace = `story-${id}`
  const prefix = `10.${100 + id}.`
  const [p, q] = [`p-${id}`, `q-${id}`]
  await makeNamespace(namespace)
  await makeEip(p, `${prefix}1.0/29`)
  await makeEip(q, `${prefix}2.0/29`)
  await makeService(`${namespace}/stays`, { eip: p })
  await shows(`${namespace}/stays`, `${prefix}1.0`)
  await makeService(`${namespace}/moves`, { eip: p, address: `${prefix}1.5` })
  await shows(`${namespace}/moves`, `${prefix}1.5`)
  await annotate(`${namespace}/moves`, { [EIP_NAME]: q, [REQUESTED_ADDRESS]: null })
  await shows(`${namespace}/moves`, `${prefix}2.0`)
  await makeService(`${namespace}/goes`, { eip: p })
  await shows(`${namespace}/goes`, `${prefix}1.1`)
  await removeService(`${namespace}/goes`)
  await makeService(`${namespace}/turns`, { address: `${prefix}2.4` })
  await shows(`${namespace}/turns`, `${prefix}2.4`)
  await patchService(`${namespace}/turns`, { spec: { type: 'ClusterIP' } })
  const expected = { [`${prefix}1.0`]: `${namespace}/stays`, [`${prefix}2.0`]: `${namespace}/moves` }
  await until('the ledger is as expected', () => JSON.stringify(holders(prefix)) === JSON.stringify(expected))
  await until('the pools say the same', async () => {
    const used = { ...(await eipStatus(p)).used, ...(await eipStatus(q)).used }
    return JSON.stringify(used) === JSON.stringify(expected)
  })
  await until('the Service that turned away has nothing of ours', () => conditionOf(witness.service(`${namespace}/turns`)) === undefined)
  for (const name of [p, q]) await removeEip(name)
  for (const name of ['stays', 'moves', 'turns']) await removeService(`${namespace}/${name}`)
  await until('nothing is left', () => Object.keys(holders(prefix)).length === 0)
}

/** Keeps an allocator running: whenever it dies, the next one starts. */
function immortal() {
  let process: Promise<AllocatorProcess> = allocator('immortal-0')
  let lives = 0
  return {
    started: () => process.then(() => undefined),
    /** Now, at once, without any chance to finish. */
    kill(): void {
      lives++
      process = process.then(async (old) => {
        await end(old, 'SIGKILL')
        return allocator(`immortal-${lives}`)
      })
    },
    end: async () => {
      await end(await process, 'SIGKILL')
    },
  }
}

t.test('kill -9 at each write: no double address, no leak, no address moved', async (t) => {
  // What a dead process leaves is told by the writes that came through: none, or one more each time, until a whole story has no more.
  const life = immortal()
  await life.started()
  let struck = true
  for (let number = 0; struck; number++) {
    struck = false
    proxy.reset((write: PassingWrite): Fate => {
      if (struck || write.number !== Math.max(1, number)) return 'pass'
      struck = true
      life.kill()
      return number === 0 ? 'lost' : 'unanswered'
    })
    await story(number)
    const seen = witness.history(`story-${number}/stays`).filter((text) => text !== '')
    t.same(seen, [`10.${100 + number}.1.0`], `killed after ${number} writes: the address did not move`)
    if (!struck) t.ok(number > 15, `a whole story has ${number - 1} writes`)
  }
  await life.end()
  t.same(witness.doubles, [])
})

t.test('409 on the first try of every write', async (t) => {
  const process = await allocator('conflicts')
  const seen = new Set<string>()
  proxy.reset(({ method, path }) => {
    const what = `${method} ${path}`
    if (seen.has(what)) return 'pass'
    seen.add(what)
    return 'conflict'
  })
  await story(80)
  proxy.reset()
  t.ok(seen.size > 10, `${seen.size} different writes were refused once`)
  t.same(witness.doubles, [])
  await end(process)
})

t.test('two allocators at once: each address has one holder', async (t) => {
  await makeNamespace('twins')
  const twins = await Promise.all([allocator('twin-1'), allocator('twin-2')])
  await makeEip('twins', '10.7.0.0/26')
  const keys = Array.from({ length: 70 }, (_, at) => `twins/s${at}`)
  await Promise.all(keys.map((key) => makeService(key, { eip: 'twins' })))
  await until('the pool is full', () => Object.keys(holders('10.7.')).length === 64, 60_000)
  await until('all that have a claim show it', () => keys.filter((key) => shownText(witness.service(key)) !== '').length === 64, 60_000)
  const given = keys.map((key) => shownText(witness.service(key))).filter((address) => address !== '')
  t.equal(new Set(given).size, 64, 'all different')
  await Promise.all(keys.slice(0, 40).map(removeService))
  await until('those that waited have one now', () => keys.slice(40).every((key) => shownText(witness.service(key)) !== ''), 60_000)
  await until('one claim each', () => Object.keys(holders('10.7.')).length === 30, 60_000)
  t.same(witness.doubles, [])
  await Promise.all(twins.map((twin) => end(twin)))
  await Promise.all(keys.slice(40).map(removeService))
  const last = await allocator('after-twins')
  await until('claims of Services that were deleted while nobody watched', () => Object.keys(holders('10.7.')).length === 0)
  await removeEip('twins')
  await end(last)
})

t.test('the Lease: a leader that ends properly is followed at once', async (t) => {
  await makeNamespace('lease')
  const lease = ['--retry-period=300ms', '--renew-deadline=2s', '--lease-duration=3s']
  const first = await allocator('lease-1', lease)
  await first.said('leading')
  const second = await allocator('lease-2', lease)
  await makeEip('lease', '10.8.0.0/28')
  await makeService('lease/a', { eip: 'lease' })
  await addressOf('lease/a')
  await until('a follower is ready', async () => (await second.page('/readyz')).status === 200)
  t.notOk(second.lines.some(({ msg }) => msg === 'leading'))
  t.equal(await end(first), 0)
  await second.said('leading', WAKE_MS)
  await makeService('lease/b', { eip: 'lease' })
  t.equal(await addressOf('lease/b'), '10.8.0.1')
  const third = await allocator('lease-3', lease)
  await end(second, 'SIGKILL')
  await third.said('leading')
  await makeService('lease/c', { eip: 'lease' })
  t.equal(await addressOf('lease/c'), '10.8.0.2')
  t.same(witness.history('lease/a'), ['', '10.8.0.0'])

  await deleteObject(api, NAMESPACES, { name: OWN })
  await third.said('uninstall: took our marks off all Services')
  for (const name of ['a', 'b', 'c']) {
    const service = await getObject<ServiceObject>(api, SERVICES, refOf(`lease/${name}`))
    t.same([service.metadata.labels?.[EIP_NAME], service.status?.conditions ?? []], [undefined, []], 'no mark of ours')
    t.ok(shownText(service), 'and the address stays')
  }
  await end(third)
})
