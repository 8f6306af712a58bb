import t from 'tap'
import { createConflicts, DEFEND_DELAY_MS, DEFEND_INTERVAL_MS } from '../../../src/speaker/layer2/conflict.ts'

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9)
const OTHER = Uint8Array.of(2, 0, 0, 0, 0, 8)

t.test('a claim is told at once, and then once a second with the count', async (t) => {
  const conflicts = createConflicts()
  t.same(conflicts.news(), [])
  conflicts.heard(7, MAC, 100)
  t.same(conflicts.news(), [{ address: 7, mac: MAC, atMs: 100, count: 1 }])
  for (let nowMs = 101; nowMs < 1100; nowMs++) conflicts.heard(7, MAC, nowMs)
  t.same(conflicts.news(), [])
  conflicts.heard(7, OTHER, 1100)
  t.same(conflicts.news(), [{ address: 7, mac: OTHER, atMs: 1100, count: 1001 }])
  t.same(conflicts.news(), [], 'once')
})

t.test('the MAC is a copy: the buffer that it came in is used again', async (t) => {
  const conflicts = createConflicts()
  const buffer = MAC.slice()
  conflicts.heard(7, buffer, 0)
  buffer.fill(0)
  t.same(conflicts.news()[0]?.mac, MAC)
})

t.test('a war of a minute: one defence soon, and one each DEFEND_INTERVAL', async (t) => {
  const conflicts = createConflicts()
  const defended: number[] = []
  for (let nowMs = 0; nowMs < 60_000; nowMs++) {
    conflicts.heard(7, MAC, nowMs)
    for (const address of conflicts.due(nowMs, 8)) {
      defended.push(nowMs)
      conflicts.defended(address, nowMs)
    }
  }
  t.same(
    defended,
    [0, 1, 2, 3, 4, 5].map((times) => DEFEND_DELAY_MS + times * DEFEND_INTERVAL_MS),
  )
})

t.test('a claim within the interval is answered at its end, so that the last word is ours; then there is peace', async (t) => {
  const conflicts = createConflicts()
  conflicts.heard(7, MAC, 0)
  t.equal(conflicts.waitMs(0), DEFEND_DELAY_MS)
  t.same(conflicts.due(DEFEND_DELAY_MS - 1, 8), [])
  t.same(conflicts.due(DEFEND_DELAY_MS, 8), [7])
  conflicts.defended(7, 0)
  t.equal(conflicts.waitMs(0), undefined)
  conflicts.heard(7, MAC, 50)
  t.equal(conflicts.waitMs(50), DEFEND_INTERVAL_MS - 50)
  t.same(conflicts.due(DEFEND_INTERVAL_MS, 8), [7])
  conflicts.defended(7, DEFEND_INTERVAL_MS)
  t.equal(conflicts.waitMs(DEFEND_INTERVAL_MS), undefined)
})

t.test('a defence that could not leave is tried again; one of an address that is ours no more is dropped', async (t) => {
  const conflicts = createConflicts()
  conflicts.heard(7, MAC, 0)
  conflicts.heard(8, MAC, 0)
  t.same(conflicts.due(DEFEND_DELAY_MS, 8), [7, 8])
  conflicts.failed(7, 0)
  conflicts.forget(8)
  conflicts.failed(8, 0)
  conflicts.defended(8, 0)
  t.same(conflicts.due(99, 8), [])
  t.same(conflicts.due(100, 8), [7])
  conflicts.forget(7)
  conflicts.heard(7, MAC, 200)
  t.equal(conflicts.news().at(-1)?.count, 1, 'ours anew: counted anew')
})

t.test('on a move the address goes before its defence is due: nothing is said', async (t) => {
  const conflicts = createConflicts()
  conflicts.heard(7, MAC, 0)
  conflicts.forget(7)
  t.equal(conflicts.waitMs(0), undefined)
  t.same(conflicts.due(DEFEND_INTERVAL_MS, 8), [])
})

t.test('claims of thousands of addresses at once are defended so many at a time', async (t) => {
  const conflicts = createConflicts()
  for (let address = 0; address < 10_000; address++) conflicts.heard(address, MAC, 0)
  t.equal(conflicts.news().length, 10_000)
  t.equal(conflicts.due(DEFEND_DELAY_MS, 8).length, 8)
  t.equal(conflicts.waitMs(DEFEND_DELAY_MS), 0)
})
