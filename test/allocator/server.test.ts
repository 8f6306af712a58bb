/** The allocator around its terms: what it does when it is told to end in the middle of something. */
import t from 'tap'
import { readConfig } from '../../src/allocator/config.ts'
import { createAllocator } from '../../src/allocator/server.ts'
import type { LeaseObject } from '../../src/api/core-objects.ts'
import { type ApiClient, ApiError, type ApiRequest } from '../../src/kube/client.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { eip, NOW, service } from '../support/allocator-objects.ts'
import { createManualClock, settle } from '../support/manual-clock.ts'
import { watchedMap } from '../support/watched-map.ts'

/** An API server that keeps a Lease, and answers nothing else. `told` is who held the Lease, and which request was cut off, in order. */
function createStuckServer() {
  const told: string[] = []
  let lease: LeaseObject | undefined
  function keepLease({ method, body }: ApiRequest): LeaseObject {
    if (method === 'GET' && lease === undefined) throw new ApiError('no Lease', { status: 404, reason: 'NotFound' })
    if (method !== 'GET') {
      const { spec = {} } = body as LeaseObject
      told.push(`Lease of ${spec.holderIdentity || 'nobody'}`)
      const metadata = {
        namespace: 'openelb-system',
        name: 'openelb-controller',
        uid: 'l',
        resourceVersion: String(told.length),
        creationTimestamp: NOW,
      }
      lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }
    }
    if (lease === undefined) throw new Error('there is a Lease by now')
    return lease
  }
  const client: ApiClient = {
    request<T>(request: ApiRequest): Promise<T> {
      if (request.path.includes('/leases')) return Promise.resolve().then(() => keepLease(request) as T)
      told.push(`${request.method} ${request.path.split('/').at(-1)}`)
      return new Promise((_resolve, reject) => {
        request.signal?.addEventListener('abort', () => {
          told.push('cut off')
          reject(new ApiError('aborted', { status: 0, reason: 'Aborted' }))
        })
      })
    },
    watch: () => Promise.reject(new Error('not asked for here')),
    close: () => undefined,
  }
  return { client, told }
}

const synced = <T>(entries: readonly (readonly [string, T])[] = []) => ({ ...watchedMap(entries), whenSynced: () => Promise.resolve() })

t.test('the Lease is given back although a request hangs, and after that request was cut off', async (t) => {
  const command = readConfig([], { POD_NAME: 'pod' })
  if (!command.ok || command.value.verb !== 'run') throw new Error('the defaults can be read')
  const { client, told } = createStuckServer()
  const clock = createManualClock(Date.parse(NOW))
  const metrics = createMetrics({ processMetrics: false })
  const allocator = createAllocator({
    config: command.value.config,
    client,
    informers: {
      services: synced([['default/s', service('s', { eip: 'p' })]]),
      namespaces: synced(),
      nodes: synced(),
      eips: synced([['p', eip('p', '10.0.0.0/30')]]),
      claims: synced(),
      settings: synced(),
    },
    events: { record: () => undefined },
    logger: silentLogger,
    metrics,
    clock,
  })
  allocator.start()
  await clock.advance(1000)
  t.same(told, ['Lease of pod', 'POST addressclaims'])
  let isClosed = false
  const closed = allocator.close().then(() => {
    isClosed = true
  })
  await clock.advance(1999)
  t.notOk(told.includes('cut off'), 'what is in flight has two seconds')
  await clock.advance(1)
  await settle()
  t.same(told.slice(-2), ['cut off', 'Lease of nobody'])
  t.ok(isClosed)
  await closed
  await allocator.close()
  metrics.close()
})
