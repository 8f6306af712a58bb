/** The API server or etcd is away: nothing changes on the wire by that alone, and an owner that dies meanwhile is replaced all the same. */
import t from 'tap'
import { play } from './failover/episode.ts'
import { holds } from './failover/expectations.ts'
import { apiFaults } from './failover/faults-api.ts'
import { buildFailoverWorld, NODE_NAMES } from './failover/world.ts'

/** `npm run soak -- failover` lets it be away for a minute, or for ten. */
const AWAY_MS = 15_000

t.setTimeout(600_000)
const world = await buildFailoverWorld()
t.teardown(() => world.close())
await world.start(NODE_NAMES)

for (const { name, episode, want } of apiFaults(world, AWAY_MS)) await t.test(name, async (t) => holds(t, await play(world, episode), want))
