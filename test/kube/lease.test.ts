import fc from 'fast-check'
import t from 'tap'
import type { LeaseObject } from '../../src/api/core-objects.ts'
import { type ApiClient, ApiError, type ApiRequest } from '../../src/kube/client.ts'
import { createLeaderElection } from '../../src/kube/lease.ts'
import { chanceOf, heldSpec, microTime, observe, releasedSpec } from '../../src/kube/lease-record.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'

const TERMS = { identity: 'me', leaseDurationMs: 15_000 }

t.test('who may take a Lease', async (t) => {
  const spec = { holderIdentity: 'other', leaseDurationSeconds: 15, renewTime: microTime(0) }
  const seen = observe(undefined, spec, 1000)
  t.same(chanceOf(seen, TERMS, 1000), { kind: 'held', by: 'other', untilMs: 16_000 })
  t.match(chanceOf(seen, TERMS, 15_999), { kind: 'held' })
  t.same(chanceOf(seen, TERMS, 16_000), { kind: 'take' }, 'after as long as the holder said')
  t.same(observe(seen, { ...spec }, 9000), seen, 'an unchanged Lease keeps the time of its first look')
  t.equal(observe(seen, { ...spec, renewTime: microTime(1) }, 9000).sinceMs, 9000)
  t.match(chanceOf({ spec: { ...spec, holderIdentity: 'me' }, sinceMs: 0 }, TERMS, 0), { kind: 'renew' })
  for (const holderIdentity of ['', null]) t.match(chanceOf({ spec: { ...spec, holderIdentity }, sinceMs: 0 }, TERMS, 0), { kind: 'take' })
  t.match(chanceOf({ spec: {}, sinceMs: 0 }, TERMS, 0), { kind: 'take' })
  t.match(chanceOf({ spec: { holderIdentity: 'x' }, sinceMs: 0 }, TERMS, 0), { kind: 'held', untilMs: 15_000 }, 'no duration said: ours')
})

t.test('what is written', async (t) => {
  t.equal(microTime(1234), '1970-01-01T00:00:01.234000Z')
  const first = heldSpec(undefined, TERMS, 1000)
  t.same(first, {
    holderIdentity: 'me',
    leaseDurationSeconds: 15,
    acquireTime: microTime(1000),
    renewTime: microTime(1000),
    leaseTransitions: 0,
  })
  t.same(heldSpec(first, TERMS, 2000), { ...first, renewTime: microTime(2000) }, 'a renewal keeps acquireTime')
  t.match(heldSpec(first, { ...TERMS, identity: 'you' }, 3000), {
    holderIdentity: 'you',
    acquireTime: microTime(3000),
    leaseTransitions: 1,
  })
  t.match(releasedSpec(first, 4000), { holderIdentity: '', leaseDurationSeconds: 1 })
  t.equal(heldSpec(undefined, { ...TERMS, leaseDurationMs: 1500 }, 0).leaseDurationSeconds, 2, 'never shorter than meant')
})

/** One Lease in memory with the API server's rules: create once, replace by compare-and-swap. `delay` decides the fate of each request. */
function createLeaseServer(clock: ManualClock, delay: (request: ApiRequest) => { beforeMs: number; afterMs: number } | 'lost') {
  let lease: (LeaseObject & { metadata: { resourceVersion: string } }) | undefined
  let version = 0
  const apply = (request: ApiRequest): unknown => {
    if (request.method === 'GET') {
      if (lease === undefined) throw new ApiError('none', { status: 404, reason: 'NotFound' })
      return structuredClone(lease)
    }
    const body = structuredClone(request.body) as NonNullable<typeof lease>
    if (request.method === 'POST' && lease !== undefined) throw new ApiError('there', { status: 409, reason: 'AlreadyExists' })
    if (request.method === 'PUT' && body.metadata.resourceVersion !== lease?.metadata.resourceVersion) {
      throw new ApiError('changed', { status: 409, reason: 'Conflict' })
    }
    lease = { ...body, metadata: { ...body.metadata, resourceVersion: String(++version) } }
    return structuredClone(lease)
  }
  const client: ApiClient = {
    async request<T>(request: ApiRequest): Promise<T> {
      const timeout = new Promise<never>((_resolve, reject) => {
        const error = new ApiError('late', { status: 0, reason: 'Timeout' })
        clock.setTimer(request.timeoutMs ?? 10_000, () => reject(error))
        request.signal?.addEventListener('abort', () => reject(error))
      })
      const fate = delay(request)
      if (fate === 'lost') return timeout
      const answer = (async () => {
        await clock.sleep(fate.beforeMs)
        const result = apply(request)
        await clock.sleep(fate.afterMs)
        return result as T
      })()
      answer.catch(() => undefined)
      return Promise.race([answer, timeout])
    },
    watch: () => Promise.reject(new Error('no watch')),
    close: () => undefined,
  }
  return { client, holder: () => lease?.spec?.holderIdentity }
}

function createCandidates(clock: ManualClock, client: ApiClient, names: readonly string[], random: () => number) {
  const signals = new Map<string, AbortSignal>()
  let lost = 0
  const elections = names.map((identity) =>
    createLeaderElection({
      client,
      namespace: 'ns',
      name: 'lease',
      identity,
      clock,
      logger: silentLogger,
      random,
      onGained: (signal) => void signals.set(identity, signal),
      onLost: () => void lost++,
    }),
  )
  const leaders = () => names.filter((name) => signals.get(name)?.aborted === false)
  return { elections, leaders, lost: () => lost }
}

t.test('one leads; a close hands over in less than 3 s; an expiry in its time', async (t) => {
  const clock = createManualClock()
  let cut = false
  const server = createLeaseServer(clock, () => (cut ? 'lost' : { beforeMs: 1, afterMs: 1 }))
  const { elections, leaders, lost } = createCandidates(clock, server.client, ['a', 'b'], () => 0.999)
  const [a, b] = elections
  a?.start()
  await clock.advance(10)
  b?.start()
  b?.start()
  await clock.advance(60_000)
  t.same(leaders(), ['a'])
  t.same([a?.leading, b?.leading, b?.holder], [true, false, 'a'])
  const closing = a?.close()
  await clock.advance(2999)
  await closing
  await a?.close()
  t.same(leaders(), ['b'])
  t.equal(lost(), 1)
  cut = true
  await clock.advance(9000)
  t.equal(b?.leading, true, 'it leads on for a while')
  await clock.advance(3000)
  t.equal(b?.leading, false, 'and stops by itself before others may begin')
  cut = false
  await clock.advance(8000)
  t.same(leaders(), ['b'], 'a loss is no end: it tries again')
  const end = b?.close()
  await clock.advance(5000)
  await end
  t.equal(server.holder(), '')
})

t.test('close waits for onLost before the Lease is given back', async (t) => {
  const clock = createManualClock()
  const server = createLeaseServer(clock, () => ({ beforeMs: 0, afterMs: 0 }))
  let holderAtEnd: string | null | undefined
  const election = createLeaderElection({
    client: server.client,
    namespace: 'ns',
    name: 'lease',
    identity: 'a',
    clock,
    logger: silentLogger,
    onGained: () => undefined,
    async onLost() {
      await clock.sleep(1000)
      holderAtEnd = server.holder()
    },
  })
  election.start()
  await clock.advance(100)
  const closing = election.close()
  await clock.advance(2000)
  await closing
  t.same([holderAtEnd, server.holder()], ['a', ''])
})

t.test('times that give no margin are refused', async (t) => {
  const options = { client: {} as ApiClient, namespace: 'n', name: 'l', identity: 'a', clock: createManualClock(), logger: silentLogger }
  const make = (times: object) => () => createLeaderElection({ ...options, ...times, onGained: () => undefined, onLost: () => undefined })
  t.throws(make({ leaseDurationMs: 5000, renewDeadlineMs: 5000 }), RangeError)
  t.throws(make({ renewDeadlineMs: 1000, retryPeriodMs: 2000 }), RangeError)
})

t.test('never two leaders, whatever is slow or lost', async (t) => {
  const fate = fc.oneof(
    { weight: 6, arbitrary: fc.record({ beforeMs: fc.nat(50), afterMs: fc.nat(50) }) },
    { weight: 2, arbitrary: fc.record({ beforeMs: fc.nat(20_000), afterMs: fc.nat(20_000) }) },
    { weight: 1, arbitrary: fc.constant('lost' as const) },
  )
  let handOvers = 0
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fate), fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), async (fates, randoms) => {
      const clock = createManualClock()
      const server = createLeaseServer(clock, () => fates.next().value)
      const { elections, leaders } = createCandidates(clock, server.client, ['a', 'b', 'c'], () => randoms.next().value)
      for (const election of elections) election.start()
      let last: string | undefined
      for (let step = 0; step < 200; step++) {
        await clock.advance(500)
        const now = leaders()
        if (now.length > 1) return false
        if (now[0] !== undefined && last !== undefined && now[0] !== last) handOvers++
        last = now[0] ?? last
      }
      const closing = Promise.all(elections.map((election) => election.close()))
      await clock.advance(60_000)
      await closing
      return leaders().length === 0
    }),
    { numRuns: 60 },
  )
  t.ok(handOvers > 10, `the faults did make leaders change (${handOvers} times)`)
})
