/** Owners that crash, leave, freeze, lose power or their cable: for how long nobody answers, and that never two do. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { play } from './failover/episode.ts'
import { HAND_OVER_LOST, HAND_OVER_TWO_MACS_MS, holds } from './failover/expectations.ts'
import { crashFaults } from './failover/faults-crash.ts'
import { buildFailoverWorld, NODE_NAMES } from './failover/world.ts'

t.setTimeout(600_000)
const world = await buildFailoverWorld()
t.teardown(() => world.close())
await world.start(NODE_NAMES)

for (const { name, episode, want } of crashFaults(world)) await t.test(name, async (t) => holds(t, await play(world, episode), want))

await t.test('a rolling update: one node after the other leaves and comes back', async (t) => {
  const outcome = await play(world, {
    fault: async () => {
      for (const node of NODE_NAMES) {
        const { ended } = await world.terminate(node)
        t.equal(await ended, 0, `${node} ends in time`)
        await world.replaced(node)
        await delay(300)
      }
    },
    watchMs: 500,
  })
  for (const family of ['IPv4', 'IPv6'] as const) {
    const { during, answeredBy, address } = outcome[family]
    const text = `${family} ${address}: ${answeredBy.join(', ')}; ${during.lost} lost, two MACs ${during.twoMacsMs.toFixed(1)} ms`
    t.comment(text)
    t.ok(during.moves >= 1 && during.moves <= 3, `${text}: a move for each owner that left`)
    t.ok(during.lost <= HAND_OVER_LOST * during.moves, text)
    t.ok(during.twoMacsMs <= HAND_OVER_TWO_MACS_MS * during.moves, text)
  }
})
