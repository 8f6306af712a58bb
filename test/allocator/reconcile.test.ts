/** What one look at a Service leaves behind: who waits for what, also when somebody else writes first. The store is made of values. */
import t from 'tap'
import { createKnowledge } from '../../src/allocator/knowledge.ts'
import { createServiceReconcile } from '../../src/allocator/reconcile.ts'
import type { Store } from '../../src/allocator/store.ts'
import { createWaiters } from '../../src/allocator/waiters.ts'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { ConfigMapObject, NamespaceObject, NodeObject, ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { DECIDED_ON, PROTOCOL } from '../../src/api/service-annotations.ts'
import { ApiError } from '../../src/kube/client.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { claim, eip, service } from '../support/allocator-objects.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { watchedMap } from '../support/watched-map.ts'

const unused = (): never => {
  throw new Error('not asked for here')
}

/** A cluster of one Service, and the reconcile over it; `store` answers what it is asked for, `events` and `left` are reasons. */
function worldOf(of: ServiceObject, store: Partial<Store>) {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { ...eip('default', '10.0.0.0').metadata, labels: {} } }
  const sources = {
    services: watchedMap([['default/s', of]]),
    namespaces: watchedMap<NamespaceObject>([['default', namespace]]),
    nodes: watchedMap<NodeObject>(),
    eips: watchedMap<EipObject>(),
    claims: watchedMap<AddressClaimObject>(),
    settings: watchedMap<ConfigMapObject>(),
  }
  const knowledge = createKnowledge(sources, 'openelb-system')
  const waiters = createWaiters()
  const events: string[] = []
  const left: string[] = []
  const reconcile = createServiceReconcile({
    knowledge,
    store: {
      createClaim: unused,
      findClaim: unused,
      amendClaim: unused,
      touchClaim: unused,
      deleteClaim: unused,
      findService: unused,
      patchService: unused,
      patchEipStatus: unused,
      setEipFinalizers: unused,
      ...store,
    },
    waiters,
    events: { record: (_about, { reason }) => void events.push(reason) },
    clock: createManualClock(),
    logger: silentLogger,
    remembered: new Map(),
    onLeft: (_key, reason) => void left.push(reason),
    onUnclaimed: unused,
    onRefused: () => undefined,
  })
  return { sources, knowledge, waiters, events, left, reconcile }
}

const version = (of: ServiceObject, resourceVersion: string): ServiceObject => ({ ...of, metadata: { ...of.metadata, resourceVersion } })

t.test('a refusal whose write lost a race does not wait once the address is there', async (t) => {
  const first = service('s', { eip: 'p' })
  const patches: unknown[] = []
  const { sources, knowledge, waiters, events, reconcile } = worldOf(first, {
    createClaim: async (name) => claim(name, 'p', 's'),
    findService: async () => version(first, '2'),
    async patchService(_ref, patch) {
      patches.push(patch.status?.conditions?.[0])
      if (patches.length > 1) return version(first, '3')
      t.equal(waiters.size, 1, 'it is in the line while its refusal is being written')
      sources.eips.set('p', eip('p', '10.0.0.0/30'))
      throw new ApiError('somebody else was faster', { status: 409, reason: 'Conflict' })
    },
  })
  await reconcile('default/s')
  t.match(patches, [{ reason: 'PoolNotFound' }, { reason: 'Allocated' }])
  t.same(events, ['AssignIP'])
  t.equal(waiters.size, 0, 'nothing is waited for any more')
  knowledge.close()
})

t.test('whatever is refused is looked at again when its namespace has other labels', async (t) => {
  const asksForLayer2 = service('s', { annotations: { [PROTOCOL]: 'layer2' } })
  const rows: readonly [reason: string, of: ServiceObject, eips: readonly EipObject[]][] = [
    ['NoDefaultPool', service('s'), []],
    ['ProtocolMismatch', asksForLayer2, [eip('p', '10.0.0.0/30', { isDefault: true })]],
    ['FamilyMismatch', service('s', { ipFamilies: ['IPv4'] }), [eip('p', 'fd00::/126', { isDefault: true })]],
  ]
  for (const [reason, of, eips] of rows) {
    const { sources, knowledge, waiters, reconcile } = worldOf(of, { patchService: async () => version(of, '2') })
    for (const each of eips) sources.eips.set(each.metadata.name, each)
    await reconcile('default/s')
    t.same([...waiters.countByCode().keys()], [reason])
    t.same(waiters.wake({ kind: 'namespace-changed', namespace: 'default' }), ['default/s'], reason)
    knowledge.close()
  }
})

t.test('a Service that is released says why it is left alone, so that the next default Eip finds it', async (t) => {
  const deleted: string[] = []
  const of = service('s', { optIn: false })
  const { sources, knowledge, left, events, reconcile } = worldOf(of, {
    async patchService(_ref, { metadata, status }) {
      t.same([metadata.annotations, status], [{ [DECIDED_ON]: '1' }, undefined], 'nothing else to say, and a new version all the same')
      t.same(deleted, [], 'before the claim is deleted')
      return version(of, '2')
    },
    async deleteClaim({ address }) {
      deleted.push(address)
      return 'deleted'
    },
  })
  sources.eips.set('p', eip('p', '10.0.0.0/30', { isDefault: true, disable: true }))
  sources.claims.set('10.0.0.1', claim('10.0.0.1', 'p', 's'))
  await reconcile('default/s')
  t.same(deleted, ['10.0.0.1'])
  t.same(events, ['ReleaseIP'])
  t.same(left, ['no-default-eip'])
  knowledge.close()
})

t.test('an address on show stays although the watch of claims is behind that of Services', async (t) => {
  const condition = { status: 'True', reason: 'Allocated', message: '10.0.0.1 of Eip p' } as const
  const of = service('s', { eip: 'p', label: 'p', ingress: ['10.0.0.1'], condition })
  const asked: string[] = []
  const patches: unknown[] = []
  const { knowledge, reconcile } = worldOf(of, {
    async findClaim(name) {
      asked.push(name)
      return claim(name, 'p', 's')
    },
    async patchService(_ref, { status }) {
      patches.push(status)
      return version(of, '2')
    },
  })
  await reconcile('default/s')
  t.same(asked, ['10.0.0.1'])
  t.match(patches, [{ loadBalancer: undefined, conditions: [{ status: 'True', reason: 'PoolDeleted' }] }])
  knowledge.close()
})
