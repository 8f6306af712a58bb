import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { createGratuitousSchedule, gratuitousFrames, PAIR_DELAYS_MS, RETRY_DELAY_MS } from '../../../src/speaker/layer2/gratuitous.ts'

const vector = (name: string): string =>
  (JSON.parse(readFileSync(new URL(`../../vectors/arp/${name}.json`, import.meta.url), 'utf8')) as { frame: string }).frame.replaceAll(
    ' ',
    '',
  )

t.test('the two frames are those of the original, byte for byte', async (t) => {
  const frames = gratuitousFrames(Uint8Array.from(Buffer.from('b60f75bc0cdd', 'hex')), Uint8Array.of(10, 251, 0, 241))
  t.same(
    frames.map((frame) => Buffer.from(frame).toString('hex')),
    [vector('gratuitous-request'), vector('gratuitous-reply')],
  )
})

t.test('one take-over sends its pairs at the planned times and then nothing', async (t) => {
  const schedule = createGratuitousSchedule()
  t.equal(schedule.waitMs(0), undefined)
  schedule.start(7, 100)
  const sentAt: number[] = []
  for (let nowMs = 100; nowMs < 10_000; nowMs += 10) {
    for (const address of schedule.due(nowMs, 8)) {
      sentAt.push(nowMs - 100)
      schedule.sent(address, nowMs)
    }
  }
  t.same(sentAt, [...PAIR_DELAYS_MS])
  t.equal(schedule.waitMs(10_000), undefined)
})

t.test('a pair that could not leave is tried again, and none is skipped', async (t) => {
  const schedule = createGratuitousSchedule()
  schedule.start(7, 0)
  schedule.failed(7, 0)
  t.same(schedule.due(RETRY_DELAY_MS - 1, 8), [])
  t.equal(schedule.waitMs(0), RETRY_DELAY_MS)
  t.same(schedule.due(RETRY_DELAY_MS, 8), [7])
  schedule.sent(7, 5000)
  t.equal(schedule.waitMs(5000), PAIR_DELAYS_MS[1], 'the others count from the first that left')
})

t.test('another take-over begins anew; a stop ends it; a batch is bounded', async (t) => {
  const schedule = createGratuitousSchedule()
  schedule.start(1, 0)
  schedule.sent(1, 0)
  schedule.start(1, 10)
  t.same(schedule.due(10, 8), [1])
  schedule.stop(1)
  t.same(schedule.due(99_999, 8), [])
  schedule.sent(1, 20)
  schedule.failed(1, 20)
  t.equal(schedule.waitMs(20), undefined, 'what is forgotten stays forgotten')
  for (let address = 0; address < 100; address++) schedule.start(address, 0)
  t.equal(schedule.due(0, 32).length, 32)
})

t.test('whatever fails in between, the number of pairs that leave is the planned one', async (t) => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.boolean()), fc.integer({ min: 1, max: 500 }), (luck, stepMs) => {
      const schedule = createGratuitousSchedule()
      schedule.start(1, 0)
      let sent = 0
      for (let nowMs = 0; nowMs < 60_000; nowMs += stepMs) {
        if (schedule.due(nowMs, 1).length === 0) continue
        if (luck.next().value === true) {
          schedule.sent(1, nowMs)
          sent++
        } else schedule.failed(1, nowMs)
      }
      assert.equal(sent, PAIR_DELAYS_MS.length)
    }),
    { numRuns: 50 },
  )
  t.pass('50 runs')
})
