import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import type { AddressKey } from '../../../src/speaker/layer2/address-key.ts'
import {
  advertisementDelays,
  createGratuitousSchedule,
  gratuitousFrames,
  PAIR_DELAYS_MS,
  RETRY_DELAY_MS,
} from '../../../src/speaker/layer2/gratuitous.ts'

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

/** When each announcement of an address leaves, within `forMs`. */
function timesOf(schedule: ReturnType<typeof createGratuitousSchedule>, address: AddressKey, forMs: number): number[] {
  const sentAt: number[] = []
  schedule.start(address, 0)
  for (let nowMs = 0; nowMs < forMs; nowMs += 10) {
    for (const one of schedule.due(nowMs, 8)) {
      sentAt.push(nowMs)
      schedule.sent(one, nowMs)
    }
  }
  return sentAt
}

t.test('other delays and a repetition are followed; IPv6 keeps to the RFC, and is repeated too', async (t) => {
  const plan = { delaysMs: [0, 100, 200, 1500, 9000, 20_000], repeatMs: undefined }
  t.same(timesOf(createGratuitousSchedule(plan), 7, 60_000), plan.delaysMs)
  t.same(timesOf(createGratuitousSchedule(plan), 7n, 60_000), [0, 1500, 9000])
  const repeated = { delaysMs: [0, 1000], repeatMs: 20_000 }
  t.same(timesOf(createGratuitousSchedule(repeated), 7, 60_000), [0, 1000, 21_000, 41_000])
  t.same(timesOf(createGratuitousSchedule(repeated), 7n, 60_000), [0, 1000, 21_000, 41_000])
  t.same(timesOf(createGratuitousSchedule({ delaysMs: [50], repeatMs: undefined }), 7, 60_000), [50])
  t.same(advertisementDelays([]), [])
  t.throws(() => createGratuitousSchedule({ delaysMs: [], repeatMs: undefined }), RangeError)
})

t.test('ten thousand addresses at once: each is announced each time, and none before its time', async (t) => {
  const schedule = createGratuitousSchedule()
  for (let address = 0; address < 10_000; address++) schedule.start(address, 0)
  const counts = new Uint8Array(10_000)
  const beganMs = performance.now()
  for (let nowMs = 0; nowMs < 10_000; nowMs += schedule.waitMs(nowMs) === 0 ? 0.1 : 1) {
    for (const address of schedule.due(nowMs, 8)) {
      const at = Number(address)
      assert.ok(nowMs >= (PAIR_DELAYS_MS[counts[at] ?? 0] ?? Number.NaN))
      counts[at] = (counts[at] ?? 0) + 1
      schedule.sent(address, nowMs)
    }
  }
  t.ok(counts.every((count) => count === PAIR_DELAYS_MS.length))
  t.ok(performance.now() - beganMs < 5000, 'no walk over all of them for each')
})
