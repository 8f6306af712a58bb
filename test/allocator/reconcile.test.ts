/** What one look at a Service leaves behind when the API server lets somebody else write first. The store is made of values. */
import t from 'tap'
import { createKnowledge, type Sources } from '../../src/allocator/knowledge.ts'
import { createServiceReconcile } from '../../src/allocator/reconcile.ts'
import type { Store } from '../../src/allocator/store.ts'
import { createWaiters } from '../../src/allocator/waiters.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { ApiError } from '../../src/kube/client.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { claim, eip, service } from '../support/allocator-objects.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { watchedMap } from '../support/watched-map.ts'

const unused = (): never => {
  throw new Error('not asked for here')
}

t.test('a refusal whose write lost a race does not wait once the address is there', async (t) => {
  const first = service('s', { eip: 'p' })
  const second = { ...first, metadata: { ...first.metadata, resourceVersion: '2' } }
  const eips = watchedMap<EipObject>()
  const sources: Sources = {
    services: watchedMap([['default/s', first]]),
    namespaces: watchedMap(),
    eips,
    claims: watchedMap(),
    settings: watchedMap(),
  }
  const knowledge = createKnowledge(sources, 'openelb-system')
  const waiters = createWaiters()
  const patches: unknown[] = []
  const store: Store = {
    createClaim: async (name) => claim(name, 'p', 's'),
    findClaim: unused,
    amendClaim: unused,
    deleteClaim: unused,
    findService: async () => second,
    async patchService(_ref, patch) {
      patches.push(patch.status?.conditions?.[0])
      if (patches.length > 1) return { ...second, metadata: { ...second.metadata, resourceVersion: '3' } }
      t.equal(waiters.size, 1, 'it is in the line while its refusal is being written')
      eips.set('p', eip('p', '10.0.0.0/30'))
      throw new ApiError('somebody else was faster', { status: 409, reason: 'Conflict' })
    },
    patchEipStatus: unused,
    setEipFinalizers: unused,
  }
  const events: string[] = []
  const reconcile = createServiceReconcile({
    knowledge,
    store,
    waiters,
    events: { record: (_about, { reason }) => void events.push(reason) },
    clock: createManualClock(),
    logger: silentLogger,
    remembered: new Map(),
    onLeft: unused,
    onUnclaimed: unused,
    onRefused: unused,
  })
  await reconcile('default/s')
  t.match(patches, [{ reason: 'PoolNotFound' }, { reason: 'Allocated' }])
  t.same(events, ['AssignIP'])
  t.equal(waiters.size, 0, 'nothing is waited for any more')
  knowledge.close()
})
