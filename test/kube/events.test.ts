import t from 'tap'
import { type ApiClient, ApiError, type ApiRequest } from '../../src/kube/client.ts'
import { createTokenBucket } from '../../src/kube/event-budget.ts'
import { createEventRecorder } from '../../src/kube/events.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { createManualClock, settle } from '../support/manual-clock.ts'

const service = { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'web', name: 'shop', uid: 'u1', resourceVersion: '7' } }
const eip = { apiVersion: 'network.kubesphere.io/v1alpha2', kind: 'Eip', metadata: { name: 'pool', uid: 'u2' } }
const assigned = { type: 'Normal', reason: 'AssignIP', message: 'success to assign ip: 192.0.2.1' } as const

function setUp(respond: (request: ApiRequest) => Promise<unknown> = async () => ({})) {
  const clock = createManualClock(Date.UTC(2026, 0, 2))
  const requests: ApiRequest[] = []
  const client: ApiClient = {
    request: <T>(request: ApiRequest) => {
      requests.push(request)
      return respond(request) as Promise<T>
    },
    watch: () => Promise.reject(new Error('no watch')),
    close: () => undefined,
  }
  const metrics = createMetrics({ processMetrics: false })
  const recorder = createEventRecorder({ client, component: 'openelb-controller', logger: silentLogger, clock, metrics, instance: 'pod-1' })
  return { clock, requests, recorder, metrics }
}

const bodyOf = (request: Pick<ApiRequest, 'body'> | undefined) => request?.body as { metadata: { name: string }; message: string }

t.test('an Event is written where its object is, and equal ones raise its count', async (t) => {
  const { clock, requests, recorder } = setUp()
  recorder.record(service, assigned)
  await settle()
  t.match(requests[0], {
    method: 'POST',
    path: '/api/v1/namespaces/web/events',
    body: {
      metadata: { namespace: 'web', name: /^shop\.[0-9a-f]+$/ },
      involvedObject: { apiVersion: 'v1', kind: 'Service', namespace: 'web', name: 'shop', uid: 'u1', resourceVersion: '7' },
      ...assigned,
      source: { component: 'openelb-controller', host: 'pod-1' },
      reportingComponent: 'openelb-controller',
      reportingInstance: 'pod-1',
      firstTimestamp: '2026-01-02T00:00:00Z',
      lastTimestamp: '2026-01-02T00:00:00Z',
      count: 1,
    },
  })
  const { name } = bodyOf(requests[0]).metadata
  await clock.advance(5000)
  for (let at = 0; at < 3; at++) recorder.record(service, assigned)
  await settle()
  t.same(
    requests.slice(1).map(({ method, path, body }) => [method, path, body]),
    [2, 3, 4].map((count) => ['PATCH', `/api/v1/namespaces/web/events/${name}`, { count, lastTimestamp: '2026-01-02T00:00:05Z' }]),
  )
  await clock.advance(600_000)
  recorder.record(service, assigned)
  recorder.record(service, { ...assigned, message: 'other' })
  recorder.record({ ...service, metadata: { ...service.metadata, uid: 'u9' } }, assigned)
  recorder.record(eip, assigned)
  await settle()
  t.same(
    requests.slice(4).map(({ method, path }) => `${method} ${path}`),
    [
      'POST /api/v1/namespaces/web/events',
      'POST /api/v1/namespaces/web/events',
      'POST /api/v1/namespaces/web/events',
      'POST /api/v1/namespaces/default/events',
    ],
  )
  const names = requests.flatMap(({ body, method }) => (method === 'POST' ? [bodyOf({ body }).metadata.name] : []))
  t.equal(new Set(names).size, 5)
  t.ok(names.every((text) => text.length <= 253))
})

t.test('an Event that expired meanwhile is written anew', async (t) => {
  const { requests, recorder } = setUp(async ({ method }) => {
    if (method === 'PATCH') throw new ApiError('gone', { status: 404, reason: 'NotFound' })
  })
  recorder.record(service, assigned)
  recorder.record(service, assigned)
  await settle()
  t.same(
    requests.map(({ method }) => method),
    ['POST', 'PATCH', 'POST'],
  )
})

t.test('what cannot be written is counted and disturbs nobody', async (t) => {
  const { requests, recorder, metrics, clock } = setUp(() => Promise.reject(new ApiError('no', { status: 403, reason: 'Forbidden' })))
  for (let at = 0; at < 3; at++) recorder.record(service, { ...assigned, message: 'x'.repeat(5000) })
  await settle()
  t.equal(requests.length, 3)
  const { message } = bodyOf(requests[0])
  t.same([message.length, message.endsWith('...')], [1024, true])
  t.match(await metrics.registry.metrics(), 'openelb_events_dropped_total{why="failed"} 3')
  await clock.advance(10_000)
  for (let at = 0; at < 2000; at++) recorder.record(service, { ...assigned, message: `m${at}` })
  await clock.advance(0)
  t.match(await metrics.registry.metrics(), /openelb_events_dropped_total\{why="queue-full"\} 9\d\d/, 'the queue is bounded')
  t.ok(requests.length < 110, 'and drained at a bounded rate')
  await clock.advance(10_000)
  t.ok(requests.length >= 300 && requests.length <= 310, `${requests.length} in all, 10 s later`)
})

t.test('close writes what waits, but not for ever', async (t) => {
  const { requests, recorder, clock } = setUp()
  for (let at = 0; at < 150; at++) recorder.record(service, { ...assigned, message: `m${at}` })
  await settle()
  const closing = recorder.close()
  for (let at = 0; at < 50; at++) await settle()
  await closing
  t.equal(requests.length, 150)
  recorder.record(service, assigned)
  await settle()
  t.equal(requests.length, 150, 'nothing is taken after the end')
  await recorder.close()
  const hanging = setUp(() => new Promise(() => undefined))
  hanging.recorder.record(service, assigned)
  await settle()
  const end = hanging.recorder.close()
  await hanging.clock.advance(1000)
  await end
  await clock.advance(0)
})

t.test('a token bucket', async (t) => {
  const bucket = createTokenBucket({ burst: 2, perSecond: 10 })
  t.same([bucket.take(0), bucket.take(0), bucket.take(0), bucket.waitMs(0)], [true, true, false, 100])
  t.same([bucket.take(99), bucket.waitMs(100), bucket.take(100)], [false, 0, true])
  t.same([bucket.take(10_000), bucket.take(10_000), bucket.take(10_000)], [true, true, false], 'never more than the burst')
})
