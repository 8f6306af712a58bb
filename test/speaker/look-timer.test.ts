import t from 'tap'
import { createLookTimer } from '../../src/speaker/look-timer.ts'
import { createManualClock } from '../support/manual-clock.ts'

function timing(takesMs = 0, againMs?: number) {
  const manual = createManualClock()
  let tookMs = 0
  const clock = { ...manual, monotonicMs: () => manual.monotonicMs() + tookMs }
  const looks: number[] = []
  const timer = createLookTimer(clock, () => {
    looks.push(clock.monotonicMs())
    tookMs += takesMs
    return againMs
  })
  return { timer, looks, pass: clock.advance }
}

t.test('nothing before the start; then changes that come together are looked at together', async (t) => {
  const { timer, looks, pass } = timing()
  timer.soon()
  timer.run()
  await pass(100)
  t.same(looks, [])
  timer.start()
  t.equal(looks.length, 1)
  timer.soon()
  timer.soon()
  await pass(4)
  t.equal(looks.length, 1)
  await pass(1)
  t.equal(looks.length, 2)
  timer.run()
  t.equal(looks.length, 3, 'at once')
  await pass(9000)
  t.equal(looks.length, 3)
  await pass(1001)
  t.equal(looks.length, 4, 'a lost wake-up does not last')
  timer.close()
  timer.run()
  timer.soon()
  await pass(20_000)
  t.equal(looks.length, 4)
})

t.test('the earliest reason to look counts', async (t) => {
  const { timer, looks, pass } = timing(0, 2000)
  timer.start()
  timer.within(3000)
  timer.within(500)
  await pass(500)
  t.equal(looks.length, 2)
  await pass(1999)
  t.equal(looks.length, 2)
  await pass(1)
  t.equal(looks.length, 3)
})

t.test('a look that takes long rests longer', async (t) => {
  const { timer, looks, pass } = timing(20)
  timer.start()
  timer.soon()
  await pass(79)
  t.equal(looks.length, 1)
  await pass(1)
  t.equal(looks.length, 2)
})

t.test('what time alone will change is not forgotten for a look that comes before', async (t) => {
  const { timer, looks, pass } = timing()
  timer.start()
  await pass(1000)
  timer.run()
  timer.within(300)
  await pass(100)
  timer.soon()
  await pass(4000)
  t.same(looks, [0, 1000, 1105, 1300])
})

t.test('what the next look says anew is not asked for twice', async (t) => {
  const { timer, looks, pass } = timing()
  timer.start()
  for (let ms = 100; ms < 1000; ms += 10) timer.by(ms)
  await pass(50)
  timer.run()
  await pass(5000)
  t.same(looks, [0, 50])
  timer.by(20)
  await pass(20)
  t.same(looks, [0, 50, 5070])
})

t.test('a look that nothing asked for is the rarer the longer looks take', async (t) => {
  for (const [takesMs, everyMs] of [
    [1, 10_000],
    [100, 40_000],
    [1000, 60_000],
  ] as const) {
    const { timer, looks, pass } = timing(takesMs)
    timer.start()
    await pass(everyMs - 1)
    t.equal(looks.length, 1, `${takesMs} ms`)
    await pass(2)
    t.equal(looks.length, 2, `${takesMs} ms`)
  }
})
