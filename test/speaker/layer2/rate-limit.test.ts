import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { createRateLimit } from '../../../src/speaker/layer2/rate-limit.ts'

const mac = (number: number): Uint8Array => Uint8Array.of(2, 0, number >>> 24, number >>> 16, number >>> 8, number)
const admitted = (limit: ReturnType<typeof createRateLimit>, who: Uint8Array, times: number, nowMs: number): number => {
  let count = 0
  for (let at = 0; at < times; at++) if (limit.admits(who, 0, nowMs)) count++
  return count
}

t.test('a burst, then so many a second', async (t) => {
  const limit = createRateLimit(1000, 200)
  t.equal(admitted(limit, mac(1), 500, 0), 200)
  t.equal(admitted(limit, mac(1), 500, 50), 50)
  t.equal(admitted(limit, mac(1), 500, 50.5), 0, 'half a token is none')
  t.equal(admitted(limit, mac(1), 500, 51), 1)
  t.equal(admitted(limit, mac(1), 500, 99_999), 200, 'no more than a burst is saved up')
  t.equal(admitted(limit, mac(1), 500, 99_000), 0, 'a clock that steps back gives nothing')
})

t.test('one asker takes nothing from another', async (t) => {
  const limit = createRateLimit(1000, 100)
  admitted(limit, mac(1), 100_000, 0)
  for (let other = 2; other < 1000; other++) assert.equal(admitted(limit, mac(other), 1, 0), 1)
  t.equal(admitted(limit, mac(1), 1, 0), 0)
})

t.test('the MAC is read from where it stands', async (t) => {
  const limit = createRateLimit(1, 1)
  const frame = new Uint8Array(20)
  frame.set(mac(7), 6)
  t.ok(limit.admits(frame, 6, 0))
  t.notOk(limit.admits(mac(7), 0, 0))
})

t.test('who asks keeps its bucket while thousands of others come by now and then', async (t) => {
  const limit = createRateLimit(1, 10)
  let given = 0
  for (let round = 0; round < 2000; round++) {
    given += admitted(limit, mac(1), 1, round)
    limit.admits(mac(1000 + round), 0, round)
  }
  t.ok(given <= 12, `${given} answers in 2 s`)
})

t.test('whoever asks and whenever, nobody gets more than burst and rate allow', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(40)), { maxLength: 300 }), (asks) => {
      const limit = createRateLimit(100, 5)
      const counts = new Map<number, number>()
      let nowMs = 0
      for (const [who, passedMs] of asks) {
        nowMs += passedMs
        if (limit.admits(mac(who), 0, nowMs)) counts.set(who, (counts.get(who) ?? 0) + 1)
      }
      for (const count of counts.values()) assert.ok(count <= 5 + (nowMs * 100) / 1000 + 1e-6)
    }),
  )
  t.pass()
})
