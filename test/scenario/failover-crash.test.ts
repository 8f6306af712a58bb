/** Owners that crash, leave, freeze, lose power or their cable: for how long nobody answers, and that never two do. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { play } from './failover/episode.ts'
import { HAND_OVER_LOST, HAND_OVER_TWO_MACS_MS, holds, WITHIN_MS } from './failover/expectations.ts'
import { buildFailoverWorld, KUBELET_RESTARTS_MS, NODE_NAMES } from './failover/world.ts'

t.setTimeout(600_000)
const world = await buildFailoverWorld()
t.teardown(() => world.close())
await world.start(NODE_NAMES)

/** One move to another node, and none back when the old owner returns. */
const ONCE = { during: { moves: 1, lost: 'any' }, after: { moves: 0 }, epoch: 2 } as const

await t.test('kill -9 of the owner: another answers; the kubelet starts it again, and nothing moves back', async (t) => {
  const outcome = await play(world, {
    fault: ({ owner }) => world.kill(owner),
    watchMs: KUBELET_RESTARTS_MS,
    mend: ({ owner }) => world.restarted(owner),
  })
  holds(t, outcome, { ...ONCE, takenWithinMs: WITHIN_MS.kill })
})

await t.test('kill -9 of a node that owns nothing: the wire does not notice', async (t) => {
  const outcome = await play(world, {
    fault: ({ others: [first = ''] }) => world.kill(first),
    watchMs: KUBELET_RESTARTS_MS,
    mend: ({ others: [first = ''] }) => world.restarted(first),
  })
  holds(t, outcome, { during: { moves: 0 }, after: { moves: 0 }, epoch: 1 })
})

await t.test('SIGTERM of the owner: it answers until another does', async (t) => {
  let ended: Promise<number | null> | undefined
  const outcome = await play(world, {
    fault: async ({ owner }) => {
      const leaving = await world.terminate(owner)
      ended = leaving.ended
      return leaving.atMs
    },
    watchMs: 1500,
    mend: async ({ owner }) => {
      t.equal(await ended, 0, 'it ends in time')
      await world.replaced(owner)
    },
  })
  const during = { moves: 1, lost: HAND_OVER_LOST, twoMacsMs: HAND_OVER_TWO_MACS_MS }
  holds(t, outcome, { during, after: { moves: 0 }, epoch: 2, takenWithinMs: WITHIN_MS.kill })
})

await t.test('SIGSTOP of the owner: another answers; the zombie that wakes up says nothing', async (t) => {
  const outcome = await play(world, {
    fault: ({ owner }) => world.pause(owner),
    watchMs: 2500,
    mend: async ({ owner }) => void world.resume(owner),
    afterMs: 2000,
  })
  holds(t, outcome, { ...ONCE, takenWithinMs: WITHIN_MS.silence })
})

await t.test('the main thread of the owner stalls for 2 s: nothing moves', async (t) => {
  const outcome = await play(world, { fault: ({ owner }) => world.stall(owner, 2000), watchMs: 3000 })
  holds(t, outcome, { during: { moves: 0 }, epoch: 1 })
})

await t.test(
  'the main thread of the owner does not come back, and its other threads live on: another answers, and it is silent',
  async (t) => {
    const outcome = await play(world, {
      fault: ({ owner }) => world.stall(owner, 9000),
      watchMs: 7500,
      mend: () => delay(2500),
    })
    const during = { moves: 1, lost: 'any', twoMacsMs: HAND_OVER_TWO_MACS_MS } as const
    holds(t, outcome, { takenWithinMs: 3000 + WITHIN_MS.kill, during, after: { moves: 0 }, epoch: 2 })
  },
)

await t.test('the owner loses its power: another answers; the node boots, and nothing moves back', async (t) => {
  const outcome = await play(world, {
    fault: ({ owner }) => world.powerOff(owner),
    watchMs: 2000,
    mend: ({ owner }) => world.powerOn(owner),
  })
  holds(t, outcome, { ...ONCE, takenWithinMs: WITHIN_MS.silence })
})

for (const [api, state] of [
  ['and still reaches the API server', 'up'],
  ['and the API server with it', 'down'],
] as const)
  await t.test(`the owner loses its cable ${api}: another answers; the cable is back, and nothing moves back`, async (t) => {
    const outcome = await play(world, {
      fault: async ({ owner }) => {
        await world.links.api(owner, state)
        await world.cluster.node(owner).setCable('down')
      },
      watchMs: 2000,
      mend: async ({ owner }) => {
        await world.links.api(owner, 'up')
        await world.cluster.node(owner).setCable('up')
      },
      afterMs: 2000,
    })
    holds(t, outcome, { ...ONCE, takenWithinMs: WITHIN_MS.silence })
  })

await t.test('all speakers are killed and start again at once: whoever owned an address owns it', async (t) => {
  const outcome = await play(world, {
    fault: () => {
      for (const node of NODE_NAMES) world.kill(node)
    },
    watchMs: 300,
    mend: async () => void (await Promise.all(NODE_NAMES.map((node) => world.restarted(node)))),
    afterMs: 4000,
  })
  holds(t, outcome, { during: { moves: 0, lost: 'any' }, after: { moves: 0, lost: 'any' }, epoch: 1 })
})

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
