import t, { type Test } from 'tap'
import { type Cluster, startControlPlane } from '../../lab/cluster.ts'
import { Eip } from '../../src/api/eip.ts'
import { type ApiClient, ApiError, createApiClient } from '../../src/kube/client.ts'
import { createEventRecorder } from '../../src/kube/events.ts'
import { createInformer, type Informer, type InformerOptions, type RawObject } from '../../src/kube/informer.ts'
import { createLeaderElection } from '../../src/kube/lease.ts'
import { createObject, deleteObject, getObject, listObjects, patchObject, replaceObject } from '../../src/kube/objects.ts'
import { CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, EIPS, EVENTS, LEASES, NAMESPACES, SECRETS } from '../../src/kube/resources.ts'
import { systemClock as clock } from '../../src/runtime/clock.ts'
import { createLogger } from '../../src/runtime/logger.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'

const COUNT = 1200
const lines: string[] = []
const logger = createLogger({ format: 'text', level: 'debug', write: (line) => lines.push(line) })
const metrics = createMetrics({ processMetrics: false })
const scope = { namespace: 'crowd' }
const name = (at: number) => `c-${String(at).padStart(4, '0')}`
const configMap = (at: number, value = 'one') => ({ metadata: { ...scope, name: name(at) }, data: { value } })

/** Does `work` for each number, sixteen at a time: a request's time limit counts the wait for a connection too. */
async function many(from: number, to: number, work: (at: number) => Promise<unknown>): Promise<void> {
  let next = from
  const worker = async () => {
    while (next < to) await work(next++)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

/** Waits for what must come true, at most `limitMs`; gives how long it took. */
async function until(what: string, test: () => boolean | Promise<boolean>, limitMs = 30_000): Promise<number> {
  const startedMs = clock.monotonicMs()
  while (!(await test())) {
    if (clock.monotonicMs() - startedMs > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`)
    await clock.sleep(20)
  }
  return clock.monotonicMs() - startedMs
}

const currentValue = (informer: Informer<RawObject>, at: number) =>
  (informer.get(`crowd/${name(at)}`)?.['data'] as { value: string } | undefined)?.value

/** The objects as the API server has them now, and as the informer has them: the same, or the informer is wrong. */
async function sameAsServer(t: Test, client: ApiClient, informer: Informer<RawObject>) {
  const truth = await listObjects<RawObject>(client, CONFIG_MAPS, scope)
  const versions = (objects: Iterable<RawObject>) => new Map([...objects].map(({ metadata }) => [metadata.name, metadata.resourceVersion]))
  await until('the informer has what the API server has', () => informer.size === truth.length)
  const known = versions(informer.values())
  t.same(known.size, truth.length)
  t.ok([...versions(truth)].every(([key, version]) => known.get(key) === version))
}

async function setUp(t: Test) {
  const cluster = await startControlPlane()
  t.teardown(() => cluster.down())
  const client = createApiClient({ kubeconfigPath: cluster.kubeconfig, userAgent: 'openelb-test/1', logger, metrics })
  t.teardown(() => client.close())
  await createObject(client, NAMESPACES, { metadata: { name: 'crowd' } })
  const startedMs = clock.monotonicMs()
  await many(0, COUNT, (at) => createObject(client, CONFIG_MAPS, configMap(at)))
  t.comment(`${COUNT} ConfigMaps created in ${Math.round(clock.monotonicMs() - startedMs)} ms`)
  return { cluster, client }
}

function follow(t: Test, client: ApiClient, over: Partial<InformerOptions<RawObject>> = {}) {
  const informer = createInformer({ client, resource: CONFIG_MAPS, ...scope, logger, metrics, ...over })
  t.teardown(() => informer.close())
  informer.start()
  return informer
}

/** A real client whose watches can be cut and kept from opening: a partition that leaves the test's own connection alone. */
function partitionable(client: ApiClient) {
  const open = new Set<AbortController>()
  let up = true
  const watch: ApiClient['watch'] = async (request) => {
    if (!up) throw new ApiError('cut off', { status: 0, reason: 'Unreachable' })
    const here = new AbortController()
    open.add(here)
    await client.watch({ ...request, signal: AbortSignal.any([request.signal, here.signal]) }).finally(() => open.delete(here))
  }
  const set = (next: boolean) => {
    up = next
    if (!up) for (const controller of open) controller.abort()
  }
  return { client: { ...client, watch }, set }
}

/** Throws all history away, so that no watch can go on from before. */
async function forgetHistory({ cluster, client }: World) {
  const { metadata } = await client.request<{ metadata: { resourceVersion: string } }>({
    method: 'GET',
    path: '/api/v1/namespaces/crowd/configmaps',
    query: { limit: '1' },
  })
  const answer = await fetch(`${cluster.etcdUrl}/v3/kv/compaction`, {
    method: 'POST',
    body: JSON.stringify({ revision: metadata.resourceVersion, physical: true }),
  })
  if (!answer.ok) throw new Error(`compaction: ${answer.status} ${await answer.text()}`)
  await restart(cluster, 'kube-apiserver')
}

async function restart(cluster: Cluster, ...names: readonly string[]) {
  for (const component of names) await cluster.component(component).stop('SIGKILL')
  for (const component of names.toReversed()) await cluster.component(component).start()
  await cluster.apiServerReady()
}

type World = Awaited<ReturnType<typeof setUp>>

t.setTimeout(240_000)

t.test('src/kube against a real API server', async (t) => {
  t.setTimeout(240_000)
  const world = await setUp(t)
  await t.test('an informer', { timeout: 120_000 }, (t) => informers(t, world))
  await t.test('a kind that is installed later', (t) => laterKind(t, world))
  await t.test('a Lease', (t) => leases(t, world))
  await t.test('writes', (t) => writes(t, world))
  await t.test('Events', (t) => events(t, world))
  await t.test('a ServiceAccount with few rights', (t) => fewRights(t, world))
})

async function informers(t: Test, world: World) {
  const { cluster, client } = world
  const link = partitionable(client)
  const informer = follow(t, link.client)
  const small = follow(t, client, { pageSize: 100 })
  await Promise.all([informer.whenSynced(), small.whenSynced()])
  t.ok((await requestCount()) >= 3 + 12, 'read in pages of 500 and of 100')
  await sameAsServer(t, client, informer)
  await sameAsServer(t, client, small)
  const deletions: string[] = []
  informer.subscribe(({ key, after }) => after === undefined && deletions.push(key))

  await many(0, 100, (at) => patchObject(client, CONFIG_MAPS, { ...scope, name: name(at) }, { data: { value: 'two' } }, { type: 'merge' }))
  await until('the change arrives', () => currentValue(informer, 99) === 'two' && currentValue(small, 0) === 'two')

  const startedMs = clock.monotonicMs()
  await restart(cluster, 'kube-apiserver', 'etcd')
  t.ok(informer.synced, 'what is known stays known')
  await patchObject(client, CONFIG_MAPS, { ...scope, name: name(0) }, { data: { value: 'three' } }, { type: 'merge' })
  await until('both follow again', () => currentValue(informer, 0) === 'three' && currentValue(small, 0) === 'three')
  t.comment(`killed etcd and API server: up and followed again after ${Math.round(clock.monotonicMs() - startedMs)} ms`)
  t.equal(informer.size, COUNT)

  link.set(false)
  await until('the cut is seen', () => !informer.connected)
  await many(0, 50, (at) => deleteObject(client, CONFIG_MAPS, { ...scope, name: name(at) }))
  await deleteObject(client, CONFIG_MAPS, { ...scope, name: name(50) })
  await createObject(client, CONFIG_MAPS, configMap(50, 'anew'))
  await createObject(client, CONFIG_MAPS, configMap(COUNT))
  await forgetHistory(world)
  const before = await listsDueTo('expired')
  link.set(true)
  await until('it lists again', async () => (await listsDueTo('expired')) > before)
  await sameAsServer(t, client, informer)
  t.same([deletions.length, deletions.includes(`crowd/${name(50)}`), currentValue(informer, 50)], [51, true, 'anew'])
  await sameAsServer(t, client, small)

  const closedMs = clock.monotonicMs()
  await Promise.all([informer.close(), small.close()])
  t.ok(clock.monotonicMs() - closedMs < 1000, 'close is quick')
}

const metricValue = async (metric: string, labels: object): Promise<number> => {
  const { values } = (await metrics.registry.getSingleMetric(metric)?.get()) ?? { values: [] }
  const fits = (own: object) => Object.entries(labels).every(([label, value]) => (own as Record<string, unknown>)[label] === value)
  return values.filter(({ labels: own }) => fits(own)).reduce((sum, { value }) => sum + value, 0)
}
const requestCount = () => metricValue('rest_client_requests_total', { method: 'GET' })
const listsDueTo = (reason: string) => metricValue('openelb_informer_lists_total', { reason })

async function laterKind(t: Test, { client }: World) {
  const informer = createInformer({ client, resource: EIPS, logger })
  t.teardown(() => informer.close())
  informer.start()
  const said = () => lines.filter((line) => /knows no eips.network.kubesphere.io: the CustomResourceDefinition is not installed/.test(line))
  await until('it says what is missing', () => said().length > 0)
  await clock.sleep(1000)
  t.same([informer.synced, said().length], [false, 1], 'once, and never synced')
  await createObject(client, CUSTOM_RESOURCE_DEFINITIONS, Eip.crd() as { metadata: { name: string } })
  await until('it is found', () => informer.synced)
  await createObject(client, EIPS, { metadata: { name: 'pool' }, spec: { address: '192.0.2.0/24', protocol: 'bgp' } })
  await until('its objects arrive', () => informer.size === 1)
  await deleteObject(client, CUSTOM_RESOURCE_DEFINITIONS, { name: Eip.crdName })
  await until('and go with it', () => informer.size === 0)
}

async function leases(t: Test, { cluster, client }: World) {
  const leaders = new Set<string>()
  let most = 0
  const candidate = (identity: string, own: ApiClient, times = {}) => {
    const gained = (signal: AbortSignal) => {
      leaders.add(identity)
      most = Math.max(most, leaders.size)
      signal.addEventListener('abort', () => leaders.delete(identity))
    }
    const election = createLeaderElection({
      ...{ client: own, namespace: 'crowd', name: 'lead', identity, clock, logger, metrics, ...times },
      onGained: gained,
      onLost: () => undefined,
    })
    t.teardown(() => election.close())
    election.start()
    return election
  }
  const a = candidate('a', client)
  await until('a leads', () => a.leading)
  const b = candidate('b', client)
  await until('b sees it', () => b.holder === 'a')
  await a.close()
  const handOverMs = await until('b leads', () => b.leading)
  t.ok(handOverMs < 3000, `handed over in ${Math.round(handOverMs)} ms`)
  t.match(await getObject(client, LEASES, { namespace: 'crowd', name: 'lead' }), { spec: { holderIdentity: 'b', leaseTransitions: 1 } })
  await b.close()

  const short = { leaseDurationMs: 3000, renewDeadlineMs: 2000, retryPeriodMs: 400 }
  const doomedClient = createApiClient({ kubeconfigPath: cluster.kubeconfig, userAgent: 'openelb-test/1', logger })
  const doomed = candidate('doomed', doomedClient, short)
  await until('the doomed one leads', () => doomed.leading)
  const heirs = ['x', 'y', 'z'].map((identity) => candidate(identity, client, short))
  await until('the heirs have seen it', () => heirs.every((heir) => heir.holder === 'doomed'))
  doomedClient.close()
  const lostMs = await until('the doomed one stops', () => !doomed.leading)
  const foundMs = lostMs + (await until('an heir leads', () => heirs.some((heir) => heir.leading)))
  t.ok(lostMs < foundMs && foundMs < 10 * 3400, `cut off: stopped after ${Math.round(lostMs)} ms, replaced after ${Math.round(foundMs)} ms`)
  await Promise.all(heirs.map((heir) => heir.close()))
  await doomed.close()
  t.equal(most, 1, 'never two at once')
}

async function writes(t: Test, { client }: World) {
  const ref = { ...scope, name: 'contested' }
  const first = await createObject<RawObject>(client, CONFIG_MAPS, { metadata: ref, data: { value: 'one' } } as unknown as RawObject)
  const refusal = (write: Promise<unknown>) => write.then(String, ({ status, reason }: ApiError) => `${status} ${reason}`)
  t.equal(await refusal(createObject(client, CONFIG_MAPS, { metadata: ref })), '409 AlreadyExists')
  await patchObject(client, CONFIG_MAPS, ref, { data: { value: 'two' } }, { type: 'merge' })
  const stale = { metadata: { resourceVersion: first.metadata.resourceVersion }, data: { value: 'three' } }
  t.equal(await refusal(replaceObject(client, CONFIG_MAPS, { ...first, data: { value: 'three' } })), '409 Conflict')
  t.equal(await refusal(patchObject(client, CONFIG_MAPS, ref, stale, { type: 'merge' })), '409 Conflict')
  t.equal(await refusal(deleteObject(client, CONFIG_MAPS, ref, { uid: 'another' })), '409 Conflict')
  t.equal(await refusal(deleteObject(client, CONFIG_MAPS, ref, { resourceVersion: first.metadata.resourceVersion })), '409 Conflict')
  const test = [{ op: 'test', path: '/data/value', value: 'one' }]
  t.equal(await refusal(patchObject(client, CONFIG_MAPS, ref, test, { type: 'json' })), '422 Invalid')
  const applied = { apiVersion: 'v1', kind: 'ConfigMap', data: { value: 'four' } }
  t.equal(
    await refusal(patchObject(client, CONFIG_MAPS, ref, applied, { type: 'apply', fieldManager: 'me' })),
    '409 Conflict',
    'another manager has the field',
  )
  t.match(await patchObject(client, CONFIG_MAPS, ref, applied, { type: 'apply', fieldManager: 'me', force: true }), {
    data: { value: 'four' },
  })
  t.equal(await deleteObject(client, CONFIG_MAPS, ref), 'deleted')
  t.equal(await deleteObject(client, CONFIG_MAPS, ref), 'not-found')
}

async function events(t: Test, { client }: World) {
  const recorder = createEventRecorder({ client, component: 'openelb-controller', logger, clock, instance: 'pod-1' })
  const about = await getObject<RawObject>(client, CONFIG_MAPS, { ...scope, name: name(100) })
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', uid: 'u1' } }
  for (let at = 0; at < 3; at++) recorder.record(about, { type: 'Normal', reason: 'AssignIP', message: 'success to assign ip: 192.0.2.1' })
  recorder.record(node, { type: 'Warning', reason: 'Odd', message: 'x'.repeat(5000) })
  await recorder.close()
  const written = await listObjects<RawObject>(client, EVENTS, { fieldSelector: 'source=openelb-controller' })
  t.match(
    written.sort((a, b) => (a.metadata.namespace ?? '').localeCompare(b.metadata.namespace ?? '')),
    [
      { count: 3, reason: 'AssignIP', metadata: { namespace: 'crowd' }, involvedObject: { name: name(100), uid: about.metadata.uid } },
      { count: 1, reason: 'Odd', metadata: { namespace: 'default' }, type: 'Warning' },
    ],
  )
  t.equal(written.length, 2)
}

async function fewRights(t: Test, { cluster, client }: World) {
  await createObject(
    client,
    { group: '', version: 'v1', plural: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true },
    { metadata: { ...scope, name: 'poor' } },
  )
  const kubeconfigPath = await cluster.serviceAccountKubeconfig('crowd', 'poor')
  const poor = createApiClient({ kubeconfigPath, userAgent: 'openelb-test/1', logger })
  t.teardown(() => poor.close())
  const informer = createInformer({ client: poor, resource: SECRETS, ...scope, logger })
  t.teardown(() => informer.close())
  informer.start()
  await until('it says so', () => lines.some((line) => /forbids reading secrets/.test(line)))
  const group = 'rbac.authorization.k8s.io'
  const role = { group, version: 'v1', plural: 'roles', kind: 'Role', namespaced: true }
  const binding = { ...role, plural: 'rolebindings', kind: 'RoleBinding' }
  const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['list', 'watch'] }]
  await createObject(client, role, { metadata: { ...scope, name: 'r' }, ...{ rules } })
  const subjects = [{ kind: 'ServiceAccount', name: 'poor', ...scope }]
  await createObject(client, binding, {
    metadata: { ...scope, name: 'r' },
    ...{ subjects, roleRef: { apiGroup: group, kind: 'Role', name: 'r' } },
  })
  await until('a right given later is enough, without a restart', () => informer.synced)
}
