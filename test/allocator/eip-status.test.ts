/** The status of an Eip: its conditions, what counts for it, and how often it is written. */
import fc from 'fast-check'
import t from 'tap'
import { createEipReconcile } from '../../src/allocator/eip/reconcile.ts'
import { type EipFacts, eipStatus } from '../../src/allocator/eip-status.ts'
import { createTally, TALLIED_LOWEST } from '../../src/allocator/knowledge/tally.ts'
import { byAddress, createLedger, type Holding } from '../../src/allocator/ledger.ts'
import { lowest } from '../../src/allocator/lowest.ts'
import { createAllocatorMetrics } from '../../src/allocator/metrics.ts'
import { createPoolBook } from '../../src/allocator/pools.ts'
import type { StatusPatch } from '../../src/allocator/status-patch.ts'
import type { Store } from '../../src/allocator/store.ts'
import { createWaiters } from '../../src/allocator/waiters.ts'
import { type EipObject, USED_ENTRIES_MAX } from '../../src/api/eip.ts'
import { ORIGINAL_FINALIZER } from '../../src/api/service-annotations.ts'
import { ApiError } from '../../src/kube/client.ts'
import { poolGives } from '../../src/policy/pool-ranges.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { at, knowledgeOf } from '../support/allocator-knowledge.ts'
import { claim, eip, NOW } from '../support/allocator-objects.ts'
import { createManualClock } from '../support/manual-clock.ts'

const LATER = '2026-12-01T00:00:00Z'

function holdingsOf(...addresses: readonly string[]): readonly Holding[] {
  const ledger = createLedger()
  for (const address of addresses) ledger.upsert(claim(address, 'p', `s${address}`))
  return [...ledger.all()]
}

interface Situation extends Partial<Omit<EipFacts, 'state' | 'tally'>> {
  readonly held?: readonly Holding[]
}

function statusOf(of: EipObject, { held = [], ...facts }: Situation = {}, others: readonly EipObject[] = [], now = NOW) {
  const state = createPoolBook([of, ...others]).get(of.metadata.name)
  if (state === undefined) throw new Error('the pool is not in the book')
  const tally = createTally(
    () => held,
    ({ ip: at }) => state.kind !== 'invalid' && !poolGives(state.pool, at),
  )
  return eipStatus(of, { state, tally, waiting: 0, full: [], history: { released: [], setAside: [] }, ...facts }, now)
}

const words = (status: ReturnType<typeof statusOf>): string[] =>
  (status.conditions ?? []).map(({ type, status: is, reason }) => `${type} ${is} ${reason}`)
const saying = (status: ReturnType<typeof statusOf>, type: string): string | undefined =>
  status.conditions?.find((condition) => condition.type === type)?.message

t.test('four conditions, each with its reason', async (t) => {
  const p = eip('p', '10.0.0.0/30', { addresses: ['10.1.0.0/31'], exclude: ['10.0.0.2'] })
  const calm = ['Ready True Active', 'Overlap False NoOverlap', 'Exhausted False AddressesFree', 'Draining False NothingOutside']
  t.same(words(statusOf(p)), calm)
  const full = statusOf(p, { full: ['IPv4'], waiting: 3 })
  t.same(words(full)[2], 'Exhausted True NoAddressFree')
  t.equal(saying(full, 'Exhausted'), 'no address is free; 3 Services wait')
  t.equal(saying(statusOf(p, { full: ['IPv4'], waiting: 1 }), 'Exhausted'), 'no address is free; 1 Service waits')
  t.equal(saying(statusOf(p, { full: ['IPv4'] }), 'Exhausted'), 'no address is free; no Service waits')
  const draining = statusOf(p, { held: holdingsOf('10.0.0.1', '10.9.0.1', '10.0.0.2') })
  t.same(words(draining)[3], 'Draining True OutsideRanges')
  t.match(
    saying(draining, 'Draining'),
    /^2 held addresses are .* stay .*: 10\.0\.0\.2 \(default\/s10\.0\.0\.2\), 10\.9\.0\.1 \(default\/s10\.9\.0\.1\)$/,
  )
  const many = holdingsOf(...Array.from({ length: 15 }, (_, last) => `10.8.0.${last}`))
  const evicting = saying(statusOf({ ...p, spec: { ...p.spec, onShrink: 'evict' } }, { held: many }), 'Draining')
  t.match(evicting, /^15 held addresses .* being moved: 10\.8\.0\.0 .*, 10\.8\.0\.9 \(default\/s10\.8\.0\.9\), and 5 more$/)
  const young = eip('young', '10.0.0.1', { created: '2026-02-01T00:00:00Z' })
  t.same(words(statusOf(young, { full: ['IPv4'] }, [p])), [
    'Ready False Overlap',
    'Overlap True OlderEip',
    'Exhausted Unknown Overlap',
    'Draining False NothingOutside',
  ])
  t.same(words(statusOf(eip('bad', 'x'), { full: ['IPv4'] })), [
    'Ready False Invalid',
    'Overlap Unknown Invalid',
    'Exhausted Unknown Invalid',
    'Draining Unknown Invalid',
  ])
})

t.test('the time of a condition is that of its last change', async (t) => {
  const first = statusOf(eip('p', '10.0.0.0/30'))
  const before: EipObject = { ...eip('p', '10.0.0.0/30'), status: first }
  t.same(statusOf(before, {}, [], LATER), first, 'nothing to be written')
  const full = statusOf(before, { full: ['IPv4'], waiting: 1 }, [], LATER)
  t.same(
    full.conditions?.map(({ lastTransitionTime }) => lastTransitionTime),
    [NOW, NOW, LATER, NOW],
  )
  const more = statusOf({ ...before, status: full }, { full: ['IPv4'], waiting: 2 }, [], '2027-01-01T00:00:00Z')
  t.equal(more.conditions?.[2]?.lastTransitionTime, LATER, 'one more waits: the same trouble')
})

t.test('sizes over all ranges, and what nobody holds', async (t) => {
  const p = eip('p', '10.0.0.0/31', { addresses: ['10.1.0.0/30', 'fd00::/127'], exclude: ['10.1.0.3'] })
  const status = statusOf(p, { held: holdingsOf('fd00::1', '10.9.0.1', '10.1.0.0') })
  t.match(status, { firstIP: '10.0.0.0', lastIP: '10.0.0.1', v4: true, poolSize: 7, capacity: '7', usage: 3 })
  t.same(Object.keys(status.used ?? {}), ['10.1.0.0', '10.9.0.1', 'fd00::1'])
  const all = ['10.0.0.0', '10.0.0.1', '10.1.0.0', '10.1.0.1', '10.1.0.2', 'fd00::', 'fd00::1']
  t.equal(statusOf(p, { held: holdingsOf(...all) }).occupied, true)
  t.equal(statusOf(p, { held: holdingsOf(...all.slice(1), '10.1.0.3') }).occupied, undefined, 'what drains fills no place')
  const setAside = [{ address: '10.0.0.1', until: LATER, message: 'm' }]
  const released = [{ address: '10.0.0.0', at: NOW }]
  t.match(statusOf(p, { history: { released, setAside } }), { released, setAside })
  t.notOk('released' in status || 'setAside' in status, 'absent while empty')
})

t.test('the lowest of many', async (t) => {
  const holding = fc
    .record({ family: fc.constantFrom('IPv4' as const, 'IPv6' as const), value: fc.bigInt({ min: 0n, max: 200n }) })
    .map((of): Holding => ({ ip: of, address: '', claim: claim('10.0.0.1', 'p', 'a') }))
  fc.assert(
    fc.property(fc.array(holding, { maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (holdings, count) => {
      const values = (of: readonly Holding[]): string[] => of.map(({ ip: { family, value } }) => `${family}/${value}`)
      t.same(values(lowest(holdings, count)), values(holdings.toSorted(byAddress).slice(0, count)))
    }),
    { numRuns: 300 },
  )
})

t.test('a tally that is kept says what a new one says', async (t) => {
  t.ok(TALLIED_LOWEST >= USED_ENTRIES_MAX)
  const members = new Map<string, Holding>()
  const odd = ({ ip: at }: Holding): boolean => at.value % 2n === 1n
  const make = () => createTally(() => members.values(), odd)
  const kept = make()
  let seed = 7
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  const compare = (): void => {
    const fresh = make()
    const textOf = (tally: typeof kept) => [
      tally.count,
      tally.services,
      tally.draining.size,
      tally.lowest(4096).map(({ address }) => address),
    ]
    t.same(textOf(kept), textOf(fresh))
  }
  const model = claim('10.0.0.1', 'p', 'a')
  const toggle = (value: number): void => {
    const name = String(value)
    const known = members.get(name)
    if (known !== undefined) {
      members.delete(name)
      kept.remove(known)
      return
    }
    const holding: Holding = {
      ip: { family: 'IPv4', value: BigInt(value) },
      address: name,
      claim: { ...model, metadata: { ...model.metadata, name } },
    }
    members.set(name, holding)
    kept.add(holding, odd(holding))
  }
  compare()
  for (let round = 0; round < 20_000; round++) toggle(random(30_000))
  compare()
  for (let value = 0; value < 30_000; value++) if (!members.has(String(value))) toggle(value)
  compare()
  for (let value = 0; value < 12_000; value++) toggle(value)
  compare()
  for (let round = 0; round < 3000; round++) toggle(12_000 + random(18_000))
  compare()
})

/** The reconcile over an Eip p, with a store that takes its patches. */
function setUp(of = eip('p', '10.0.0.0/30')) {
  const clock = createManualClock(Date.parse(NOW))
  const { sources, knowledge } = knowledgeOf({ nowMs: clock.nowMs })
  const patches: StatusPatch[] = []
  const later: number[] = []
  const finalizers: (readonly string[])[] = []
  let failure: Error | undefined
  const waiters = createWaiters()
  sources.eips.set('p', of)
  const latest = (): EipObject => knowledge.eip('p') ?? of
  const unused = (): never => {
    throw new Error('not asked for here')
  }
  const store: Store = {
    createClaim: unused,
    findClaim: unused,
    amendClaim: unused,
    touchClaim: unused,
    deleteClaim: unused,
    findService: unused,
    patchService: unused,
    async setEipFinalizers({ metadata }, kept) {
      finalizers.push(kept)
      return { ...of, metadata: { ...metadata, resourceVersion: '2', finalizers: kept } }
    },
    async patchEipStatus(_name, patch) {
      if (failure !== undefined) throw failure
      patches.push(patch)
      const status = Object.fromEntries(Object.entries({ ...latest().status, ...patch }).filter(([, value]) => value !== null))
      return at({ ...latest(), status }, String(10 + patches.length))
    },
  }
  const looks: string[] = []
  const metrics = createMetrics({ processMetrics: false })
  const gauges = createAllocatorMetrics(metrics)
  const look = createEipReconcile({
    knowledge,
    store,
    waiters,
    clock,
    logger: silentLogger,
    onLook(name) {
      looks.push(name)
      gauges.eip(name, knowledge)
    },
    again: (_name, ms) => later.push(ms),
  })
  const fail = (error: Error | undefined): void => {
    failure = error
  }
  return { clock, sources, knowledge, waiters, patches, later, finalizers, looks, look, fail, metrics, gauges }
}

t.test('at most one look a second, and no write without a difference', async (t) => {
  const { clock, sources, waiters, patches, later, looks, look, knowledge } = setUp()
  await look('p')
  t.match(patches.splice(0), [{ ready: true, poolSize: 4 }])
  sources.claims.set('10.0.0.1', claim('10.0.0.1', 'p', 'a'))
  await look('p')
  await clock.advance(400)
  await look('p')
  t.same([patches, later, looks.length], [[], [1000, 600], 1])
  await clock.advance(600)
  await look('p')
  t.same(patches.splice(0), [{ usage: 1, used: { '10.0.0.1': 'default/a' } }])
  await clock.advance(5000)
  await look('p')
  t.same([patches, looks.length], [[], 3], 'nothing changed')
  for (const last of [0, 2, 3]) sources.claims.set(`10.0.0.${last}`, claim(`10.0.0.${last}`, 'p', `s${last}`))
  waiters.wait('default/w', 'PoolExhausted', [{ on: 'released-in', pool: 'p' }])
  await clock.advance(1000)
  await look('p')
  t.match(patches.splice(0), [{ usage: 4, occupied: true }])
  t.match(knowledge.eip('p')?.status?.conditions?.[2], { status: 'True', message: 'no address is free; 1 Service waits' })
  await look('none')
  t.equal(looks.at(-1), 'none', 'so that the metrics of an Eip that is gone go too')
  knowledge.close()
})

t.test('a failed write comes back by the backoff of the queue; an Eip that is gone needs nothing', async (t) => {
  const { look, fail, later, patches, knowledge } = setUp()
  fail(new Error('away'))
  await t.rejects(look('p'), { message: 'away' })
  fail(undefined)
  await look('p')
  t.same([later, patches.length], [[], 1])
  const gone = setUp()
  gone.fail(new ApiError('not found', { status: 404, reason: 'NotFound' }))
  await gone.look('p')
  knowledge.close()
  gone.knowledge.close()
})

t.test("OpenELB's finalizer is taken off first", async (t) => {
  const old = eip('p', '10.0.0.0/30')
  const { look, finalizers, knowledge } = setUp({
    ...old,
    metadata: { ...old.metadata, finalizers: [ORIGINAL_FINALIZER.eip, 'example.com/keep'] },
  })
  await look('p')
  t.same(finalizers, [['example.com/keep']])
  knowledge.close()
})

t.test('figures of Eips', async (t) => {
  const { look, sources, knowledge, metrics, gauges, waiters } = setUp(eip('p', '10.0.0.0/30', { exclude: ['10.0.0.3'] }))
  const holders = ['a', 'b'].map((name) => ({ namespace: 'default', name, uid: `uid-${name}`, ports: [] }))
  sources.claims.set('10.0.0.1', claim('10.0.0.1', 'p', 'x', { holders }))
  sources.claims.set('10.0.0.3', claim('10.0.0.3', 'p', 'a'))
  waiters.wait('default/w', 'PoolExhausted', [])
  await look('p')
  gauges.sizes(knowledge, waiters)
  gauges.wrote('eip-status')
  gauges.refused('PoolExhausted')
  const lines = (await metrics.registry.metrics()).split('\n')
  for (const line of [
    'addresses_total{eipName="p"} 3',
    'addresses_in_use_total{eipName="p"} 2',
    'services_allocated_total{eipName="p"} 2',
    'openelb_draining_addresses{eipName="p"} 1',
    'openelb_waiting_services{reason="PoolExhausted"} 1',
    'openelb_waiting_services{reason="PoolNotFound"} 0',
    'openelb_refusals_total{reason="PoolExhausted"} 1',
    'openelb_allocator_writes_total{kind="eip-status"} 1',
    'openelb_allocator_writes_total{kind="claim-create"} 0',
    'openelb_ledger_claims 2',
    'openelb_set_aside_addresses 0',
  ]) {
    t.ok(lines.includes(line), line)
  }
  sources.eips.set('p', undefined)
  await look('p')
  t.notMatch(await metrics.registry.metrics(), /eipName="p"/)
  gauges.forget()
  metrics.close()
  knowledge.close()
})
