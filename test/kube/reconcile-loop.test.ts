import t from 'tap'
import { ApiError } from '../../src/kube/client.ts'
import { createReconcileLoop } from '../../src/kube/reconcile-loop.ts'
import { createLogger, silentLogger } from '../../src/runtime/logger.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { createManualClock, settle } from '../support/manual-clock.ts'

interface Run {
  readonly key: string
  readonly atMs: number
  end(): void
  fail(error: Error): void
}

/** A loop whose reconciles end when the test says so. */
function setUp({ concurrency = 2, ...over } = {}) {
  const clock = createManualClock()
  const runs: Run[] = []
  const reconcile = (key: string) =>
    new Promise<void>((resolve, reject) => {
      runs.push({ key, atMs: clock.nowMs(), end: resolve, fail: reject })
    })
  const loop = createReconcileLoop({
    name: 'test',
    reconcile,
    concurrency,
    logger: silentLogger,
    clock,
    maxBackoffMs: 1000,
    baseBackoffMs: 100,
    random: () => 1,
    ...over,
  })
  const keys = () => runs.map(({ key }) => key)
  const endAll = async () => {
    for (let at = 0; at < runs.length; at++) {
      runs[at]?.end()
      await settle()
    }
  }
  return { clock, loop, runs, keys, endAll }
}

t.test('a key waits once, runs once at a time, and runs again when it changed meanwhile', async (t) => {
  const { loop, runs, keys, endAll } = setUp({ concurrency: 1 })
  for (const key of ['a', 'b', 'a', 'c', 'b']) loop.add(key)
  t.equal(loop.pending, 3)
  await settle()
  t.same(keys(), [], 'nothing runs before the start')
  loop.start()
  loop.start()
  await settle()
  t.same(keys(), ['a'])
  loop.add('a')
  loop.add('a')
  t.equal(loop.pending, 4)
  runs[0]?.end()
  await settle()
  t.same(keys(), ['a', 'b'], 'the others are not starved by a key that changes')
  await endAll()
  t.same(keys(), ['a', 'b', 'c', 'a'])
  t.equal(loop.pending, 0)
})

t.test('a reconcile that adds its own key does not run beside itself', async (t) => {
  let running = 0
  let most = 0
  let left = 5
  const clock = createManualClock()
  const loop = createReconcileLoop({
    name: 'self',
    concurrency: 4,
    logger: silentLogger,
    clock,
    maxBackoffMs: 1000,
    async reconcile(key) {
      most = Math.max(most, ++running)
      if (left-- > 0) loop.add(key)
      await settle()
      running--
    },
  })
  loop.start()
  loop.add('a')
  for (let turn = 0; turn < 20; turn++) await settle()
  t.same([most, left, loop.pending], [1, -1, 0])
})

t.test('no more than `concurrency` at once', async (t) => {
  const { loop, runs, endAll } = setUp({ concurrency: 3 })
  loop.start()
  for (let at = 0; at < 10; at++) loop.add(`k${at}`)
  await settle()
  t.equal(runs.length, 3)
  await endAll()
  t.equal(runs.length, 10)
})

t.test('failures back off per key, and a success forgets them', async (t) => {
  const { clock, loop, runs } = setUp()
  loop.start()
  loop.add('a')
  await settle()
  const failAfter = async (ms: number) => {
    runs.at(-1)?.fail(new Error('no'))
    await clock.advance(ms - 1)
    const before = runs.length
    await clock.advance(1)
    return runs.length - before
  }
  for (const ms of [100, 200, 400, 800, 1000, 1000]) t.equal(await failAfter(ms), 1, `retry after exactly ${ms} ms`)
  runs.at(-1)?.end()
  loop.add('a')
  await settle()
  t.equal(await failAfter(100), 1, 'starts anew after a success')
  runs.at(-1)?.fail(new Error('no'))
  await settle()
  const before = runs.length
  loop.add('a')
  await settle()
  t.equal(runs.length, before + 1, 'a change does not wait for the backoff')
  runs.at(-1)?.end()
  await clock.advance(5000)
  t.equal(runs.length, before + 1, 'and replaces the retry')
})

t.test('an overloaded API server is asked again when it wants to be', async (t) => {
  const { clock, loop, runs } = setUp()
  const busy = (retryAfterMs: number) => new ApiError('too many requests', { status: 429, reason: 'TooManyRequests', retryAfterMs })
  loop.start()
  loop.add('a')
  await settle()
  for (const [asked, waited] of [
    [700, 700],
    [1, 200],
    [9000, 1000],
  ] as const) {
    const before = runs.length
    runs.at(-1)?.fail(busy(asked))
    await clock.advance(waited - 1)
    t.equal(runs.length, before, `asked to wait ${asked} ms`)
    await clock.advance(1)
    t.equal(runs.length, before + 1)
  }
  runs.at(-1)?.end()
})

t.test('addAfter: the earliest time counts, an add replaces it', async (t) => {
  const { clock, loop, keys, endAll } = setUp()
  loop.start()
  loop.addAfter('a', 500)
  loop.addAfter('a', 100)
  loop.addAfter('a', 900)
  loop.addAfter('b', 50)
  t.equal(loop.pending, 0, 'what is due later is not pending')
  await clock.advance(60)
  t.same(keys(), ['b'])
  await clock.advance(40)
  t.same(keys(), ['b', 'a'])
  await endAll()
  await clock.advance(2000)
  t.same(keys(), ['b', 'a'])
})

t.test('close waits for what runs, but not for ever', async (t) => {
  const { clock, loop, runs } = setUp()
  loop.start()
  loop.add('a')
  loop.addAfter('b', 10)
  await settle()
  let closed = false
  const closing = loop.close().then(() => {
    closed = true
  })
  loop.add('c')
  loop.addAfter('d', 1)
  await clock.advance(1000)
  t.equal(closed, false)
  runs[0]?.end()
  await closing
  await loop.close()
  await clock.advance(1000)
  t.same([runs.length, loop.pending], [1, 0], 'no key after close')
  const stuck = setUp()
  stuck.loop.start()
  stuck.loop.add('a')
  await settle()
  const end = stuck.loop.close()
  await stuck.clock.advance(5000)
  await end
})

t.test('what is logged and counted', async (t) => {
  const lines: { level: string; key?: string; retryMs?: number }[] = []
  const metrics = createMetrics({ processMetrics: false })
  const logger = createLogger({ format: 'json', level: 'debug', write: (line) => lines.push(JSON.parse(line)) })
  const { clock, loop, runs } = setUp({ logger, metrics } as object)
  loop.start()
  loop.add('a')
  await settle()
  runs[0]?.fail(new ApiError('raced', { status: 409, reason: 'Conflict' }))
  await clock.advance(100)
  runs[1]?.fail(new ApiError('raced', { status: 409, reason: 'Conflict' }))
  await clock.advance(200)
  runs[2]?.end()
  await settle()
  t.match(lines, [
    { level: 'debug', key: 'a', attempt: 1, retryMs: 100 },
    { level: 'warn', key: 'a', attempt: 2, retryMs: 200 },
  ])
  const page = await metrics.registry.metrics()
  t.match(page, 'controller_runtime_reconcile_total{controller="test",result="error"} 2')
  t.match(page, 'controller_runtime_reconcile_total{controller="test",result="success"} 1')
  t.match(page, 'workqueue_retries_total{name="test"} 2')
  t.match(page, 'workqueue_depth{name="test"} 0')
})
