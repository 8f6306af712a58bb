import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { createDueQueue } from '../../../src/speaker/layer2/due-queue.ts'

t.test('gives what is due, the earliest first, so many at a time', async (t) => {
  const queue = createDueQueue<string>()
  t.equal(queue.waitMs(0), undefined)
  queue.set('late', 300)
  queue.set('early', 100)
  queue.set('middle', 200)
  t.equal(queue.waitMs(0), 100)
  t.same(queue.take(99, 9), [])
  t.same(queue.take(250, 1), ['early'])
  t.same(queue.take(250, 9), ['middle'])
  t.equal(queue.waitMs(250), 50)
  t.equal(queue.waitMs(999), 0)
  t.same(queue.take(300, 9), ['late'])
  t.equal(queue.waitMs(300), undefined)
})

t.test('a key has one time; what was deleted does not come', async (t) => {
  const queue = createDueQueue<string>()
  queue.set('a', 100)
  queue.set('a', 10)
  queue.set('b', 20)
  queue.set('b', 200)
  queue.set('c', 1)
  queue.delete('c')
  queue.delete('never there')
  t.equal(queue.waitMs(0), 10)
  t.same(queue.take(100, 9), ['a'])
  t.same(queue.take(200, 9), ['b'])
  t.equal(queue.waitMs(0), undefined)
})

t.test('does what a sorted list does', async (t) => {
  const step = fc.record({ key: fc.nat(9), dueMs: fc.nat(50), act: fc.constantFrom('set', 'set', 'set', 'delete', 'take') })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const queue = createDueQueue<number>()
      const model = new Map<number, number>()
      for (const { key, dueMs, act } of steps) {
        if (act === 'set') {
          queue.set(key, dueMs)
          model.set(key, dueMs)
        } else if (act === 'delete') {
          queue.delete(key)
          model.delete(key)
        } else {
          const taken = queue.take(dueMs, 3)
          const times = taken.map((one) => model.get(one))
          const expected = [...model.values()].filter((time) => time <= dueMs).sort((a, b) => a - b)
          assert.deepEqual(times, expected.slice(0, 3))
          for (const one of taken) model.delete(one)
        }
        const least = Math.min(...model.values())
        assert.equal(queue.waitMs(0), least === Infinity ? undefined : least)
      }
    }),
    { numRuns: 300 },
  )
  t.pass('300 runs')
})

t.test('ten thousand keys that are planned again and again cost little time and no memory', async (t) => {
  const queue = createDueQueue<number>()
  const beganMs = performance.now()
  for (let round = 0; round < 20; round++) for (let key = 0; key < 10_000; key++) queue.set(key, round * 1000 + key)
  for (let nowMs = 0; nowMs < 40_000; nowMs += 10) queue.take(nowMs, 8)
  t.ok(performance.now() - beganMs < 2000, `${Math.round(performance.now() - beganMs)} ms`)
})
