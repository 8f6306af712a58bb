/** The API server or etcd is away: nothing changes on the wire by that alone, and an owner that dies meanwhile is replaced all the same. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { play } from './failover/episode.ts'
import { HAND_OVER_LOST, HAND_OVER_TWO_MACS_MS, holds, WITHIN_MS } from './failover/expectations.ts'
import { buildFailoverWorld, NODE_NAMES } from './failover/world.ts'

/** `npm run soak -- failover` lets it be away for a minute and for ten. */
const AWAY_MS = 15_000

t.setTimeout(600_000)
const world = await buildFailoverWorld()
t.teardown(() => world.close())
await world.start(NODE_NAMES)
const { outages } = world

await t.test('the API server does not answer for 15 s: nothing moves', async (t) => {
  const outcome = await play(world, {
    fault: () => outages.freeze('kube-apiserver'),
    watchMs: AWAY_MS,
    mend: async () => outages.thaw('kube-apiserver'),
    afterMs: 3000,
  })
  holds(t, outcome, { during: { moves: 0 }, after: { moves: 0 }, epoch: 1 })
})

await t.test(
  'the API server is gone for 15 s and the owner is killed meanwhile: another answers, and is recorded at its return',
  async (t) => {
    const outcome = await play(world, {
      fault: async ({ owner }) => {
        await outages.kill('kube-apiserver')
        await delay(1000)
        return world.kill(owner)
      },
      watchMs: AWAY_MS - 2000,
      mend: async ({ owner }) => {
        await outages.start('kube-apiserver')
        await world.restarted(owner)
      },
      afterMs: 3000,
    })
    holds(t, outcome, { takenWithinMs: WITHIN_MS.kill, during: { moves: 1, lost: 'any' }, after: { moves: 0 }, epoch: 2 })
  },
)

await t.test('the API server is gone and the owner gets SIGTERM: it hands over without it', async (t) => {
  const outcome = await play(world, {
    fault: async ({ owner }) => {
      await outages.kill('kube-apiserver')
      await delay(500)
      world.speaker(owner).child.kill('SIGTERM')
    },
    watchMs: 3000,
    mend: async ({ owner }) => {
      await outages.start('kube-apiserver')
      await world.restarted(owner)
    },
    afterMs: 2000,
  })
  const during = { moves: 1, lost: HAND_OVER_LOST, twoMacsMs: HAND_OVER_TWO_MACS_MS }
  holds(t, outcome, { takenWithinMs: WITHIN_MS.silence, during, after: { moves: 0 }, epoch: 2 })
})

await t.test('the API server is gone and a node without the address loses its power: nothing moves', async (t) => {
  const outcome = await play(world, {
    fault: async ({ others: [first = ''] }) => {
      await outages.kill('kube-apiserver')
      await world.powerOff(first)
    },
    watchMs: 3000,
    mend: async ({ others: [first = ''] }) => {
      await outages.start('kube-apiserver')
      await world.powerOn(first)
    },
  })
  holds(t, outcome, { during: { moves: 0 }, after: { moves: 0 }, epoch: 1 })
})

await t.test('etcd stalls again and again: nothing moves', async (t) => {
  const outcome = await play(world, {
    fault: async () => {
      for (let turn = 0; turn < 3; turn++) {
        outages.freeze('etcd')
        await delay(3000)
        outages.thaw('etcd')
        await delay(500)
      }
    },
    watchMs: 2000,
  })
  holds(t, outcome, { during: { moves: 0 }, epoch: 1 })
})

await t.test('the API server is gone and all speakers start again: whoever is recorded answers at its return', async (t) => {
  const outcome = await play(world, {
    fault: async () => {
      await outages.kill('kube-apiserver')
      for (const node of NODE_NAMES) world.kill(node)
    },
    watchMs: 300,
    mend: async () => {
      const launched = Promise.all(NODE_NAMES.map((node) => world.relaunch(node)))
      await delay(3000)
      await outages.start('kube-apiserver')
      await launched
    },
    afterMs: 3000,
  })
  holds(t, outcome, { during: { moves: 0, lost: 'any' }, after: { moves: 0, lost: 'any' }, epoch: 1 })
})

await t.test('two of three nodes lose their power, the owner is one of them: the third takes nothing until it is not alone', async (t) => {
  const outcome = await play(world, {
    fault: ({ owner, others: [first = ''] }) => world.powerOff(owner, first),
    watchMs: 2500,
    mend: ({ others: [first = ''] }) => world.powerOn(first),
    afterMs: 3000,
  })
  holds(t, outcome, { during: { moves: 0, lost: 'any' }, after: { moves: 0, lost: 'any' }, epoch: 2 })
  for (const { after } of [outcome.IPv4, outcome.IPv6]) t.equal(after?.tenures.length, 1, 'then one answers')
})
