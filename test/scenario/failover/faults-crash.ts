/** Owners that crash, leave, freeze, stall, lose power or their cable. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Fault, HAND_OVER_LOST, HAND_OVER_TWO_MACS_MS, STUCK_MS, WITHIN_MS } from './expectations.ts'
import { type FailoverWorld, KUBELET_RESTARTS_MS, NODE_NAMES } from './world.ts'

/** One move to another node, and none back when the old owner returns. */
const ONCE = { during: { moves: 1, lost: 'any' }, after: { moves: 0 }, epoch: 2 } as const

export const crashFaults = (world: FailoverWorld): readonly Fault[] => [
  {
    name: 'kill -9 of the owner: another answers; the kubelet starts it again, and nothing moves back',
    episode: {
      fault: ({ owner }) => world.kill(owner),
      watchMs: KUBELET_RESTARTS_MS,
      mend: ({ owner }) => world.restarted(owner),
    },
    want: { ...ONCE, takenWithinMs: WITHIN_MS.kill },
  },
  {
    name: 'kill -9 of a node that owns nothing: the wire does not notice',
    episode: {
      fault: ({ others: [first = ''] }) => world.kill(first),
      watchMs: KUBELET_RESTARTS_MS,
      mend: ({ others: [first = ''] }) => world.restarted(first),
    },
    want: { during: { moves: 0 }, after: { moves: 0 }, epoch: 1 },
  },
  sigterm(world),
  {
    name: 'SIGSTOP of the owner: another answers; the zombie that wakes up says nothing',
    episode: {
      fault: ({ owner }) => world.pause(owner),
      watchMs: 2500,
      mend: async ({ owner }) => void world.resume(owner),
      afterMs: 2000,
    },
    want: { ...ONCE, takenWithinMs: WITHIN_MS.silence },
  },
  {
    name: 'the main thread of the owner stalls for 2 s: nothing moves',
    episode: { fault: ({ owner }) => world.stall(owner, 2000), watchMs: 3000 },
    want: { during: { moves: 0 }, epoch: 1 },
  },
  {
    name: 'the main thread of the owner does not come back, and its other threads live on: another answers, and it is silent',
    episode: { fault: ({ owner }) => world.stall(owner, 9000), watchMs: 7500, mend: () => delay(2500) },
    want: {
      takenWithinMs: STUCK_MS + WITHIN_MS.kill,
      during: { moves: 1, lost: 'any', twoMacsMs: HAND_OVER_TWO_MACS_MS },
      after: { moves: 0 },
      epoch: 2,
    },
  },
  {
    name: 'the owner loses its power: another answers; the node boots, and nothing moves back',
    episode: { fault: ({ owner }) => world.powerOff(owner), watchMs: 2000, mend: ({ owner }) => world.powerOn(owner) },
    want: { ...ONCE, takenWithinMs: WITHIN_MS.silence },
  },
  cable(world, 'and still reaches the API server', 'up'),
  // Nobody can tell it that another has the address now: it learns that at the heal, as after any partition.
  cable(world, 'and the API server with it', 'down', WITHIN_MS.heal),
  {
    name: 'all speakers are killed and start again at once: whoever owned an address owns it',
    episode: {
      fault: () => {
        for (const node of NODE_NAMES) world.kill(node)
      },
      watchMs: 300,
      mend: async () => void (await Promise.all(NODE_NAMES.map((node) => world.restarted(node)))),
      afterMs: 4000,
    },
    want: { during: { moves: 0, lost: 'any' }, after: { moves: 0, lost: 'any', answered: true }, epoch: 1 },
  },
]

function sigterm(world: FailoverWorld): Fault {
  let ended: Promise<number | null> | undefined
  return {
    name: 'SIGTERM of the owner: it answers until another does',
    episode: {
      fault: async ({ owner }) => {
        const leaving = await world.terminate(owner)
        ended = leaving.ended
        return leaving.atMs
      },
      watchMs: 1500,
      mend: async ({ owner }) => {
        const code = await ended
        if (code !== 0) throw new Error(`it ended with ${code}`)
        await world.replaced(owner)
      },
    },
    want: {
      takenWithinMs: WITHIN_MS.kill,
      during: { moves: 1, lost: HAND_OVER_LOST, twoMacsMs: HAND_OVER_TWO_MACS_MS },
      after: { moves: 0 },
      epoch: 2,
    },
  }
}

const cable = (world: FailoverWorld, how: string, api: 'up' | 'down', twoMacsMs = 0): Fault => ({
  name: `the owner loses its cable ${how}: another answers; the cable is back, and nothing moves back`,
  episode: {
    fault: async ({ owner }) => {
      await world.links.api(owner, api)
      await world.cluster.node(owner).setCable('down')
    },
    watchMs: 2000,
    mend: async ({ owner }) => {
      await world.links.api(owner, 'up')
      await world.cluster.node(owner).setCable('up')
    },
    afterMs: 2000,
  },
  want: { ...ONCE, takenWithinMs: WITHIN_MS.silence, after: { moves: 0, twoMacsMs } },
})
