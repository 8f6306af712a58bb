/** Networks that split, lose, delay and hear in one direction only: who answers on which side, and what happens at the heal. */
import t from 'tap'
import { play } from './failover/episode.ts'
import { holds } from './failover/expectations.ts'
import { networkFaults } from './failover/faults-network.ts'
import { buildFailoverWorld, NODE_NAMES } from './failover/world.ts'

t.setTimeout(600_000)
const world = await buildFailoverWorld()
t.teardown(() => world.close())
await world.start(NODE_NAMES)

for (const { name, episode, want } of networkFaults(world)) await t.test(name, async (t) => holds(t, await play(world, episode), want))
