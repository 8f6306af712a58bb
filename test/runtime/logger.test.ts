import fc from 'fast-check'
import t from 'tap'
import { backoffDelayMs, jitteredMs } from '../../src/runtime/backoff.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { createLogger, describeError, type LogFormat, type LogLevel } from '../../src/runtime/logger.ts'

function capture(format: LogFormat, level: LogLevel = 'debug') {
  const lines: string[] = []
  const logger = createLogger({ format, level, write: (line) => lines.push(line), nowMs: () => Date.UTC(2026, 0, 2) })
  return { lines, logger }
}

t.test('json lines', async (t) => {
  const { lines, logger } = capture('json')
  const cause = new Error('socket closed')
  logger
    .child({ component: 'x' })
    .warn('it failed', { error: new Error('outer', { cause }), ts: 1, big: 2n ** 64n, set: new Set([1]), none: undefined })
  t.equal(lines.length, 1)
  t.ok(lines[0]?.endsWith('}\n'), 'one line')
  t.match(JSON.parse(lines[0] ?? ''), {
    ts: '2026-01-02T00:00:00.000Z',
    level: 'warn',
    msg: 'it failed',
    component: 'x',
    ts_: 1,
    big: '18446744073709551616',
    set: [1],
    error: { name: 'Error', message: 'outer', stack: /outer/, cause: { message: 'socket closed' } },
  })
})

t.test('what has no JSON form is logged as such, and never throws', async (t) => {
  const { lines, logger } = capture('json')
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  logger.info('cycle', { cycle })
  const loop = new Error('a')
  loop.cause = loop
  logger.info('looping cause', { loop })
  t.match(lines[0], /unloggable/)
  t.match(lines[1], /looping cause/)
})

t.test('text lines', async (t) => {
  const { lines, logger } = capture('text')
  logger.child({ component: 'speaker' }).info('took 192.0.2.1\nfaked', { node: 'n1', why: 'the owner left', n: 3, error: new Error('x') })
  t.equal(lines[0], '2026-01-02T00:00:00.000Z INFO  speaker: took 192.0.2.1\\nfaked node=n1 why="the owner left" n=3 error="x"\n')
})

t.test('levels', async (t) => {
  for (const [level, count] of [
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
  ] as const) {
    const { lines, logger } = capture('json', level)
    logger.debug('a')
    logger.info('a')
    logger.warn('a')
    logger.error('a')
    t.equal(lines.length, count, level)
  }
})

t.test('every message is one line in both formats', async (t) => {
  fc.assert(
    fc.property(fc.string(), fc.dictionary(fc.string(), fc.anything()), (message, fields) => {
      for (const format of ['json', 'text'] as const) {
        const { lines, logger } = capture(format)
        logger.info(message, { value: JSON.stringify(fields) })
        if (lines.length !== 1 || lines[0]?.indexOf('\n') !== (lines[0]?.length ?? 0) - 1) return false
      }
      return true
    }),
  )
  t.pass()
})

t.test('errors in one sentence', async (t) => {
  t.equal(describeError(new Error('a', { cause: new Error('b', { cause: 'c' }) })), 'a: b: c')
  t.equal(describeError(new Error('a: b', { cause: new Error('b') })), 'a: b', 'no repetition')
  t.equal(describeError('text'), 'text')
  t.equal(describeError(undefined), '')
})

t.test('backoff grows to its maximum and stays in bounds', async (t) => {
  const at = (attempt: number, random: number) => backoffDelayMs({ attempt, baseMs: 100, maxMs: 10_000, random: () => random })
  t.same(
    [1, 2, 3, 8, 1000].map((attempt) => at(attempt, 0)),
    [50, 100, 200, 5000, 5000],
  )
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
      const delayMs = at(attempt, random)
      return delayMs >= 50 && delayMs <= 10_000
    }),
  )
  t.same(
    [0, 0.5, 1].map((random) => jitteredMs(2000, 0.2, () => random)),
    [1600, 2000, 2400],
  )
})

t.test('the system clock', async (t) => {
  const abort = new AbortController()
  const slept = systemClock.sleep(60_000, abort.signal)
  abort.abort(new Error('enough'))
  await t.rejects(slept, { message: 'enough' })
  await t.rejects(systemClock.sleep(1, abort.signal), { message: 'enough' }, 'an old abort counts')
  const before = systemClock.monotonicMs()
  await systemClock.sleep(5)
  t.ok(systemClock.monotonicMs() > before)
  let fired = 0
  systemClock.setTimer(1, () => fired++).cancel()
  systemClock.setTimer(2, () => fired++)
  systemClock.setTimer(2 ** 40, () => (fired += 100)).cancel()
  await systemClock.sleep(20)
  t.equal(fired, 1)
})
