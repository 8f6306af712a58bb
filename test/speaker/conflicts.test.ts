import t from 'tap'
import type { Condition } from '../../src/api/condition.ts'
import { CHALLENGED_MS, CONFLICT_LASTS_MS, createConflicts, inUse } from '../../src/speaker/conflicts.ts'
import { claimObject } from './support/objects.ts'

const ADDRESS = '10.0.0.1'
const mac = Uint8Array.of(2, 0, 0, 0, 0, 9)
const WALL_MS = Date.parse('2026-11-21T02:00:00Z')
const claim = (conditions?: readonly Condition[]) => claimObject(ADDRESS, {}, conditions === undefined ? undefined : { conditions })
const heardAt = (times: readonly number[], alone = true) => {
  const conflicts = createConflicts()
  for (const atMs of times) conflicts.heard(ADDRESS, { mac, atMs }, alone)
  return conflicts
}

t.test('a foreign claim challenges for ten seconds', async (t) => {
  const conflicts = heardAt([1000])
  t.equal(conflicts.challenged(ADDRESS, 1000), true)
  t.equal(conflicts.challenged(ADDRESS, 1000 + CHALLENGED_MS), false)
  t.equal(conflicts.challenged('10.0.0.2', 1000), false)
  conflicts.forget(ADDRESS)
  t.equal(conflicts.challenged(ADDRESS, 1000), false)
})

t.test('only one that goes on after our defence, with every speaker heard, is a conflict', async (t) => {
  const report = (times: readonly number[], alone = true) => heardAt(times, alone).report(claim(), 'n1', times.at(-1) ?? 0, WALL_MS)
  t.equal(report([0]), undefined, 'the last frame of the former owner, perhaps')
  t.equal(report([0, 900]), undefined)
  t.match(report([0, 1000]), {
    type: 'AddressConflict',
    status: 'True',
    reason: 'ForeignClaim',
    message: /02:00:00:00:00:09.*node n1 defends/,
  })
  t.equal(report([0, 1000, 2000], false), undefined, 'it may be a speaker on the other side')
  t.equal(report([0, 10_001]), undefined, 'two that have nothing to do with each other')
  const two = heardAt([0])
  two.heard(ADDRESS, { mac: Uint8Array.of(2, 0, 0, 0, 0, 8), atMs: 1500 }, true)
  t.equal(two.report(claim(), 'n1', 1500, WALL_MS), undefined, 'one frame each of two hosts')
  const healed = heardAt([0, 1000], false)
  healed.heard(ADDRESS, { mac, atMs: 1500 }, true)
  t.equal(healed.report(claim(), 'n1', 1500, WALL_MS), undefined)
  healed.heard(ADDRESS, { mac, atMs: 2600 }, true)
  t.match(healed.report(claim(), 'n1', 2600, WALL_MS), { status: 'True' }, 'all are heard again, and it goes on all the same')
})

t.test('a conflict is over after ten minutes, whoever saw it', async (t) => {
  const conflicts = heardAt([0, 1000])
  t.equal(conflicts.count(1000), 1)
  t.equal(conflicts.count(1000 + CONFLICT_LASTS_MS), 0)
  const said = (reason: string, lastTransitionTime: string): readonly Condition[] => [
    { type: 'AddressConflict', status: 'True', reason, message: 'x', lastTransitionTime },
  ]
  const over = (conditions: readonly Condition[]) => conflicts.report(claim(conditions), 'n1', 1000 + CONFLICT_LASTS_MS, WALL_MS)
  t.match(over(said('ForeignClaim', '2026-11-21T01:50:00Z')), { status: 'False', reason: 'NoForeignClaim', message: /10 minutes/ })
  t.equal(over(said('ForeignClaim', '2026-11-21T01:50:01Z')), undefined, 'another speaker may have seen it just now')
  t.equal(over(said('AddressInUse', '2026-11-21T01:50:00Z')), undefined, 'the probe says when it is over')
  t.equal(over([]), undefined)
})

t.test('what a probe finds names the MAC and what to do', async (t) => {
  t.match(inUse('n1', mac), { status: 'True', reason: 'AddressInUse', message: /02:00:00:00:00:09.*exclude/ })
})

t.test('with a speaker in repair for weeks a conflict is found all the same, later', async (t) => {
  const times = Array.from({ length: 13 }, (_, at) => at * 5000)
  t.equal(heardAt(times.slice(0, -1), false).report(claim(), 'n1', 55_000, WALL_MS), undefined)
  t.match(heardAt(times, false).report(claim(), 'n1', 60_000, WALL_MS), { status: 'True' })
})

t.test('whoever goes on after a challenge, and is challenged again, waits twice as long', async (t) => {
  const conflicts = heardAt([0, 500])
  t.equal(conflicts.challenged(ADDRESS, 10_499), true)
  t.equal(conflicts.challenged(ADDRESS, 10_500), false)
  conflicts.heard(ADDRESS, { mac, atMs: 11_000 }, false)
  t.equal(conflicts.challenged(ADDRESS, 30_999), true)
  t.equal(conflicts.challenged(ADDRESS, 31_000), false)
  conflicts.heard(ADDRESS, { mac, atMs: 32_000 }, false)
  t.equal(conflicts.challenged(ADDRESS, 71_999), true)
  conflicts.heard(ADDRESS, { mac, atMs: 10_000_000 }, false)
  t.equal(conflicts.challenged(ADDRESS, 10_010_000), false, 'long after, it begins anew')
})
