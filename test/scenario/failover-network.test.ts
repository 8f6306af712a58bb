/** Networks that split, lose, delay and hear in one direction only: who answers on which side, and what happens at the heal. */
import t from 'tap'
import { play, type Scene } from './failover/episode.ts'
import { holds, WITHIN_MS } from './failover/expectations.ts'
import { between, oneWay, share } from './failover/links.ts'
import { buildFailoverWorld, NODE_NAMES } from './failover/world.ts'

t.setTimeout(600_000)
const world = await buildFailoverWorld()
t.teardown(() => world.close())
await world.start(NODE_NAMES)
const { links } = world

const cables = async (nodes: readonly string[], state: 'up' | 'down') =>
  void (await Promise.all(nodes.map((node) => links.api(node, state))))
const mend = async () => {
  await links.mend()
  await cables(NODE_NAMES, 'up')
}
/** The client stands on this side of the wall as well. */
const WITNESSES = ['client', 'router']

for (const { api, without } of [
  { api: 'on both sides', without: () => [] },
  { api: 'on the side of the two', without: ({ owner }: Scene) => [owner] },
  { api: 'on the side of the one', without: ({ others }: Scene) => others },
])
  await t.test(
    `partition 1|2, the owner alone, the client with the two, the API ${api}: they take over; one owner after the heal`,
    async (t) => {
      const outcome = await play(world, {
        fault: async (scene) => {
          await cables(without(scene), 'down')
          await links.drop(...between([scene.owner], [...scene.others, ...WITNESSES]))
        },
        watchMs: 2500,
        mend,
        afterMs: 2500,
      })
      const after = { moves: 0, twoMacsMs: WITHIN_MS.heal }
      holds(t, outcome, { takenWithinMs: WITHIN_MS.silence, during: { moves: 1, lost: 'any' }, after, epoch: 2 })
    },
  )

await t.test('partition 1|2, the owner alone with the client: it goes on, and yields at the heal', async (t) => {
  const outcome = await play(world, {
    fault: ({ owner, others }) => links.drop(...between([owner, ...WITNESSES], others)),
    watchMs: 2500,
    mend,
    afterMs: 3000,
  })
  const after = { moves: 1, twoMacsMs: WITHIN_MS.heal }
  holds(t, outcome, { during: { moves: 0 }, after, epoch: 2 })
})

await t.test('partition 2|1, the owner with another: nothing moves, on either side', async (t) => {
  const outcome = await play(world, {
    fault: ({ owner, others: [with_ = '', alone = ''] }) => links.drop(...between([alone], [owner, with_])),
    watchMs: 2500,
    mend,
    afterMs: 1500,
  })
  holds(t, outcome, { during: { moves: 0 }, after: { moves: 0 }, epoch: 1 })
})

await t.test('three nodes that hear nobody: the owner goes on, nobody takes over, nothing moves at the heal', async (t) => {
  const [a, b, c] = NODE_NAMES
  const outcome = await play(world, {
    fault: () => links.drop(...between([a], [b, c]), ...between([b], [c])),
    watchMs: 2500,
    mend,
    afterMs: 1500,
  })
  holds(t, outcome, { during: { moves: 0 }, after: { moves: 0 }, epoch: 1 })
})

await t.test('one-way loss from the owner to one node: the third is a witness, nothing moves', async (t) => {
  const outcome = await play(world, {
    fault: ({ owner, others: [one = ''] }) => links.drop(oneWay([owner], [one])),
    watchMs: 3000,
    mend,
  })
  holds(t, outcome, { during: { moves: 0 }, after: { moves: 0 }, epoch: 1 })
})

await t.test('an owner that nobody hears, and that hears everybody: another answers, and it yields', async (t) => {
  const outcome = await play(world, {
    fault: ({ owner, others }) => links.drop(oneWay([owner], [...others, ...WITNESSES])),
    watchMs: 2500,
    mend,
    afterMs: 2000,
  })
  holds(t, outcome, { takenWithinMs: WITHIN_MS.silence, during: { moves: 1, lost: 'any' }, after: { moves: 0 }, epoch: 2 })
})

await t.test('an owner that hears no other node, and is heard: nothing moves', async (t) => {
  const outcome = await play(world, {
    fault: ({ owner, others }) => links.drop(oneWay(others, [owner])),
    watchMs: 2500,
    mend,
    afterMs: 1500,
  })
  holds(t, outcome, { during: { moves: 0 }, after: { moves: 0 }, epoch: 1 })
})

await t.test('20 % of everything between the nodes is lost for 10 s: nothing moves; a crash in it is noticed', async (t) => {
  const lossy = () => links.drop(share(20, oneWay(NODE_NAMES, NODE_NAMES)))
  const calm = await play(world, { fault: lossy, watchMs: 10_000 })
  holds(t, calm, { during: { moves: 0 }, epoch: 1 })
  const crash = await play(world, {
    fault: async ({ owner }) => {
      await lossy()
      return world.kill(owner)
    },
    watchMs: 2500,
    mend: async ({ owner }) => {
      await links.mend()
      await world.restarted(owner)
    },
  })
  holds(t, crash, { takenWithinMs: WITHIN_MS.kill, during: { moves: 1, lost: 'any' }, after: { moves: 0 }, epoch: 2 })
})

await t.test('all that the owner says comes 200 ms late, from one moment to the next: nothing moves', async (t) => {
  const outcome = await play(world, {
    fault: ({ owner }) => links.delay(owner, 200),
    watchMs: 4000,
    graceMs: 600,
    mend: ({ owner }) => links.delay(owner, 0),
    afterMs: 1500,
  })
  // The cable is in the relay's hands for a moment at each end of it: a few questions are lost there.
  holds(t, outcome, { during: { moves: 0, lost: 40 }, after: { moves: 0, lost: 80 }, epoch: 1 })
})
