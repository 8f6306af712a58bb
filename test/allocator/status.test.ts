import t from 'tap'
import { type EipFacts, eipStatus } from '../../src/allocator/eip-status.ts'
import { createTally } from '../../src/allocator/knowledge/tally.ts'
import { createLedger, type Holding } from '../../src/allocator/ledger.ts'
import { createPoolBook, poolCapacity, poolFingerprint } from '../../src/allocator/pools.ts'
import { type DesiredService, farewellPatch, servicePatch } from '../../src/allocator/service-status.ts'
import { statusPatch } from '../../src/allocator/status-patch.ts'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { EipObject, EipStatus } from '../../src/api/eip.ts'
import { ALLOCATED_CONDITION, EIP_NAME, LAYER2_NODE, OPT_IN } from '../../src/api/service-annotations.ts'
import { claim, eip, ip, NOW, service } from '../support/allocator-objects.ts'

const tallyOf = (held: Iterable<Holding>) =>
  createTally(
    () => held,
    () => false,
  )
const EMPTY: Omit<EipFacts, 'state'> = { tally: tallyOf([]), waiting: 0, full: [], history: { released: [], setAside: [] } }

function statusOf(
  of: EipObject,
  claims: readonly AddressClaimObject[] = [],
  others: readonly EipObject[] = [],
): Omit<EipStatus, 'conditions'> {
  const ledger = createLedger()
  for (const each of claims) ledger.upsert(each)
  const state = createPoolBook([of, ...others]).get(of.metadata.name)
  if (state === undefined) throw new Error('the pool is not in the book')
  const { conditions: _, ...status } = eipStatus(of, { ...EMPTY, state, tally: tallyOf(ledger.inPool(of.metadata.name)) }, NOW)
  return status
}

/** Forms and sizes as OpenELB prints them; for prefixes too wide for it, what is right. */
const FORMS: readonly [address: string, first: string, last: string, size: number, capacity?: string][] = [
  ['10.251.0.50', '10.251.0.50', '10.251.0.50', 1],
  ['10.251.0.99/32', '10.251.0.99', '10.251.0.99', 1],
  ['10.251.0.60-10.251.0.69', '10.251.0.60', '10.251.0.69', 10],
  ['10.251.0.72/30', '10.251.0.72', '10.251.0.75', 4],
  ['10.251.0.81/29', '10.251.0.80', '10.251.0.87', 8],
  ['0.0.0.0/0', '0.0.0.0', '255.255.255.255', 2 ** 32],
  ['fd00:251::50', 'fd00:251::50', 'fd00:251::50', 1],
  ['fd00:251::60-fd00:251::6f', 'fd00:251::60', 'fd00:251::6f', 16],
  ['fd00:251::100/120', 'fd00:251::100', 'fd00:251::1ff', 256],
  ['fd00:252::/64', 'fd00:252::', 'fd00:252::ffff:ffff:ffff:ffff', Number.MAX_SAFE_INTEGER, '18446744073709551616'],
  ['fd00:254::/63', 'fd00:254::', 'fd00:254:0:1:ffff:ffff:ffff:ffff', Number.MAX_SAFE_INTEGER, '36893488147419103232'],
]

t.test('forms of an unused Eip', async (t) => {
  for (const [address, firstIP, lastIP, poolSize, capacity = String(poolSize)] of FORMS) {
    const family = address.includes(':') ? {} : { v4: true }
    const want = { ready: true, firstIP, lastIP, poolSize, capacity, observedGeneration: 1, ...family }
    t.same(statusOf(eip('p', address)), want, address)
  }
})

t.test('forms of an Eip in use', async (t) => {
  const p = eip('p', '10.251.0.240/31')
  t.match(statusOf(p, [claim('10.251.0.241', 'p', 'layer2-svc2')]), { usage: 1, used: { '10.251.0.241': 'default/layer2-svc2' } })
  const holders = ['a', 'b'].map((name) => ({ namespace: 'default', name, uid: `uid-${name}`, ports: [] }))
  const full = statusOf(p, [claim('10.251.0.241', 'p', 'x', { holders }), claim('10.251.0.240', 'p', 'y')])
  t.match(full, { usage: 2, occupied: true, used: { '10.251.0.240': 'default/y', '10.251.0.241': 'default/a;default/b' } })
  t.same(Object.keys(full.used ?? {}), ['10.251.0.240', '10.251.0.241'], 'lowest first')
  t.match(statusOf(p, [claim('10.9.9.9', 'other', 'x')]), { usage: undefined }, 'claims of other Eips do not count')
  const many = Array.from({ length: 4100 }, (_, at) => claim(`10.1.${at >> 8}.${at & 255}`, 'wide', `s${at}`))
  const wide = statusOf(eip('wide', '10.1.0.0/16'), many)
  t.equal(Object.keys(wide.used ?? {}).length, 4096)
  t.match(wide, { usage: 4100, usedTruncated: true, poolSize: 65_536 })
})

t.test('why an Eip is not ready', async (t) => {
  const condition = (of: EipObject, ...others: EipObject[]) => {
    const state = createPoolBook([of, ...others]).get(of.metadata.name)
    if (state === undefined) throw new Error('the pool is not in the book')
    const status = eipStatus(of, { ...EMPTY, state }, NOW)
    const [ready] = status.conditions ?? []
    return { ready: status.ready, status: ready?.status, reason: ready?.reason, message: ready?.message }
  }
  const old = eip('old', '10.0.0.0/24')
  const young = eip('young', '10.0.0.9', { created: '2026-02-01T00:00:00Z' })
  t.match(condition(old, young), { ready: true, status: 'True', reason: 'Active' })
  t.match(condition(young, old), { ready: false, status: 'False', reason: 'Overlap', message: /^eip address overlap with old: / })
  t.match(condition(eip('bad', '256.1.1.1')), { ready: false, reason: 'Invalid', message: /^invalid eip address format: / })
  t.match(condition(eip('l2', '10.0.0.1', { protocol: 'layer2' })), { reason: 'Invalid', message: /interface should not be empty/ })
  t.match(condition(eip('off', '10.0.0.1', { disable: true })), { ready: true, status: 'True', reason: 'Disabled' })
  t.match(condition(eip('end', '10.0.0.1', { deleting: true })), { ready: false, reason: 'Deleting' })
})

t.test('the patch of an Eip has what differs, and nothing else', async (t) => {
  const before: EipStatus = { ready: true, usage: 2, occupied: true, used: { a: 'x/y', b: 'x/z' }, poolSize: 2 }
  const rows: readonly [string, EipStatus | undefined, EipStatus, object | undefined][] = [
    ['equal, in another order', before, { poolSize: 2, used: { b: 'x/z', a: 'x/y' }, occupied: true, usage: 2, ready: true }, undefined],
    ['the first one', undefined, { ready: true, poolSize: 2 }, { ready: true, poolSize: 2 }],
    ['one gone', before, { ready: true, usage: 1, used: { a: 'x/y' }, poolSize: 2 }, { usage: 1, occupied: null, used: { b: null } }],
    ['one changed', before, { ...before, used: { a: 'x/y', b: 'x/w' } }, { used: { b: 'x/w' } }],
    ['all gone', before, { ready: true, poolSize: 2 }, { usage: null, occupied: null, used: null }],
  ]
  for (const [name, current, wanted, patch] of rows) t.same(statusPatch(current, wanted), patch, name)
})

t.test('pools: what a change of an Eip means', async (t) => {
  const book = createPoolBook([eip('p', '10.0.0.0/30'), eip('q', '10.0.1.0/30'), eip('six', 'fd00::/120'), eip('bad', 'x')])
  const rows: readonly [string, string | undefined][] = [
    ['10.0.0.0', 'p'],
    ['10.0.0.3', 'p'],
    ['10.0.0.4', undefined],
    ['10.0.1.1', 'q'],
    ['9.255.255.255', undefined],
    ['fd00::ff', 'six'],
    ['fd00::100', undefined],
  ]
  for (const [address, name] of rows) t.equal(book.containing(ip(address))?.name, name, address)
  t.same(
    ['p', 'bad', 'none'].map((name) => book.get(name)?.kind),
    ['active', 'invalid', undefined],
  )
  t.same(
    ['six', 'bad'].map((name) => {
      const state = book.get(name)
      return state && poolCapacity(state)
    }),
    [256n, 0n],
  )
  const p = eip('p', '10.0.0.0/30')
  t.equal(poolFingerprint(p), poolFingerprint({ ...p, status: { ready: true } }), 'a status decides nothing')
  t.not(poolFingerprint(p), poolFingerprint(eip('p', '10.0.0.0/30', { disable: true })))
})

const CONDITION = { status: 'True', reason: 'Allocated', message: '10.0.0.1 of Eip p' } as const
const ALLOCATED: DesiredService = { ingress: ['10.0.0.1'], eip: 'p', condition: CONDITION }
const settled = service('s', { label: 'p', ingress: ['10.0.0.1'], condition: CONDITION })

t.test('the one PATCH of a Service', async (t) => {
  const metadata = { resourceVersion: '1', uid: 'uid-s' }
  const condition = { type: ALLOCATED_CONDITION, ...CONDITION, lastTransitionTime: NOW }
  const later = '2027-01-01T00:00:00Z'
  t.same(servicePatch(service('s'), ALLOCATED, NOW), {
    metadata: { ...metadata, labels: { [EIP_NAME]: 'p' } },
    status: { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] }, conditions: [condition] },
  })
  t.equal(servicePatch(settled, ALLOCATED, later), undefined, 'ipMode, which the API server adds, is no difference')
  t.same(servicePatch(settled, { ...ALLOCATED, nodes: 'n1,n2' }, later), {
    metadata: { ...metadata, annotations: { [LAYER2_NODE]: 'n1,n2' } },
  })
  t.same(servicePatch(settled, { ...ALLOCATED, annotations: { [OPT_IN]: 'openelb' } }, later), undefined)
  const reworded = { ...CONDITION, message: 'other' }
  t.same(
    servicePatch(settled, { ...ALLOCATED, condition: reworded }, later)?.status,
    { conditions: [{ ...condition, message: 'other' }] },
    'same status, same time',
  )
  const refused = { status: 'False', reason: 'PoolExhausted', message: 'full' } as const
  t.match(servicePatch(settled, { ...ALLOCATED, condition: refused }, later)?.status?.conditions, [
    { status: 'False', lastTransitionTime: later },
  ])
  t.same(servicePatch(settled, { ingress: [] }, later), {
    metadata: { ...metadata, labels: { [EIP_NAME]: null } },
    status: { loadBalancer: { ingress: null }, conditions: [{ type: ALLOCATED_CONDITION, $patch: 'delete' }] },
  })
  t.same(servicePatch(settled, { eip: 'p', condition: CONDITION }, later), undefined, 'an ingress that is not ours to decide stays')
  t.same(servicePatch(service('s'), { eip: 'x'.repeat(64) }, NOW), undefined, 'a name that is too long for a label is left out')
  const host = { ...settled, status: { ...settled.status, loadBalancer: { ingress: [{ ip: '10.0.0.1', hostname: 'x' }] } } }
  t.ok(servicePatch(host, ALLOCATED, NOW))
})

t.test('finalizers that OpenELB left, and the end of an installation', async (t) => {
  const lb = 'finalizer.lb.kubesphere.io/v1alpha1'
  const proxy = 'node-proxy.openelb.kubesphere.io/finalizer'
  const of = (deleting: boolean) => service('s', { finalizers: [lb, proxy, 'example.com/keep'], deleting })
  const taken = (deleting: boolean) => servicePatch(of(deleting), {}, NOW)?.metadata['$deleteFromPrimitiveList/finalizers']
  t.same(taken(false), [lb])
  t.same(taken(true), [lb, proxy], 'a deletion must not hang')
  t.match(farewellPatch(settled, NOW), { metadata: { labels: { [EIP_NAME]: null } }, status: { conditions: [{ $patch: 'delete' }] } })
  t.notOk(farewellPatch(settled, NOW)?.status?.loadBalancer, 'the addresses stay')
  t.equal(farewellPatch(service('s', { ingress: ['10.0.0.1'] }), NOW), undefined)
})
