import t from 'tap'
import { createMembershipCounters, DIRECTIONS, PACKET_KINDS } from '../../../src/speaker/membership/counters.ts'
import { REJECTIONS } from '../../../src/speaker/membership/effect.ts'

t.test('each counter has a place of its own, in memory that another thread sees', async (t) => {
  const counters = createMembershipCounters()
  const other = createMembershipCounters(counters.memory)
  let times = 0
  for (const direction of DIRECTIONS) {
    for (const kind of PACKET_KINDS) {
      times += 1
      for (let count = 0; count < times; count++) counters.count(direction, kind, 10)
    }
  }
  for (const reason of REJECTIONS) {
    times += 1
    for (let count = 0; count < times; count++) counters.reject(reason)
  }
  counters.turn()
  const packets = DIRECTIONS.flatMap((direction) => PACKET_KINDS.map((kind) => other.packets(direction, kind)))
  const rejected = REJECTIONS.map((reason) => other.rejected(reason))
  t.same(
    [...packets, ...rejected],
    Array.from({ length: times }, (_, index) => index + 1),
  )
  t.equal(other.bytes('sent'), 10 * (1 + 2 + 3 + 4 + 5 + 6))
  t.equal(other.bytes('received'), 10 * (7 + 8 + 9 + 10 + 11 + 12))
  t.equal(other.turns(), 1)
})
