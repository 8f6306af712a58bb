/** Networks that split, lose, delay and hear in one direction only. */
import type { Scene } from './episode.ts'
import { type Fault, WITHIN_MS } from './expectations.ts'
import { between, oneWay, share } from './links.ts'
import { type FailoverWorld, NODE_NAMES } from './world.ts'

/** The client stands on this side of the wall as well. */
const WITNESSES = ['client', 'router']
const STILL = { during: { moves: 0 }, after: { moves: 0 }, epoch: 1 } as const
/** The time with two owners after a heal is the only one that is allowed. */
const HEALED = { moves: 0, twoMacsMs: WITHIN_MS.heal } as const

const cables = async ({ links }: FailoverWorld, nodes: readonly string[], state: 'up' | 'down') =>
  void (await Promise.all(nodes.map((node) => links.api(node, state))))

const mending = (world: FailoverWorld) => async () => {
  await world.links.mend()
  await cables(world, NODE_NAMES, 'up')
}

/** Where the API server is, and whose cable to it is cut for that. */
const SIDES = [
  { api: 'on both sides', without: () => [] },
  { api: 'on the side of the two', without: ({ owner }: Scene) => [owner] },
  { api: 'on the side of the one', without: ({ others }: Scene) => others },
] as const

export const networkFaults = (world: FailoverWorld): readonly Fault[] => [...partitions(world), ...directions(world), ...losses(world)]

function partitions(world: FailoverWorld): readonly Fault[] {
  const { links } = world
  const [a, b, c] = NODE_NAMES
  const mend = mending(world)
  return [
    ...SIDES.map(({ api, without }) => ({
      name: `partition 1|2, the owner alone, the client with the two, the API ${api}: they take over; one owner after the heal`,
      episode: {
        fault: async (scene: Scene) => {
          await cables(world, without(scene), 'down')
          await links.drop(...between([scene.owner], [...scene.others, ...WITNESSES]))
        },
        watchMs: 2500,
        mend,
        afterMs: 2500,
      },
      want: { takenWithinMs: WITHIN_MS.silence, during: { moves: 1, lost: 'any' as const }, after: HEALED, epoch: 2 },
    })),
    {
      name: 'partition 1|2, the owner alone with the client and the API: it goes on, and one of the two sides yields at the heal',
      episode: {
        fault: async ({ owner, others }) => {
          await cables(world, others, 'down')
          await links.drop(...between([owner, ...WITNESSES], others))
        },
        watchMs: 2500,
        mend,
        afterMs: 3000,
      },
      want: { during: { moves: 0 }, after: { ...HEALED, moves: 1 }, epoch: 2 },
    },
    {
      name: 'partition 2|1, the owner with another: nothing moves, on either side',
      episode: {
        fault: ({ owner, others: [beside = '', alone = ''] }) => links.drop(...between([alone], [owner, beside])),
        watchMs: 2500,
        mend,
        afterMs: 1500,
      },
      want: STILL,
    },
    {
      name: 'three nodes that hear nobody: the owner goes on, nobody takes over, nothing moves at the heal',
      episode: { fault: () => links.drop(...between([a], [b, c]), ...between([b], [c])), watchMs: 2500, mend, afterMs: 1500 },
      want: STILL,
    },
  ]
}

const directions = (world: FailoverWorld): readonly Fault[] => [
  {
    name: 'one-way loss from the owner to one node: the third is a witness, nothing moves',
    episode: {
      fault: ({ owner, others: [one = ''] }) => world.links.drop(oneWay([owner], [one])),
      watchMs: 3000,
      mend: mending(world),
    },
    want: STILL,
  },
  {
    name: 'an owner that nobody hears, and that hears everybody: another answers, and it yields',
    episode: {
      fault: ({ owner, others }) => world.links.drop(oneWay([owner], [...others, ...WITNESSES])),
      watchMs: 2500,
      mend: mending(world),
      afterMs: 2000,
    },
    want: { takenWithinMs: WITHIN_MS.silence, during: { moves: 1, lost: 'any' }, after: { moves: 0 }, epoch: 2 },
  },
  {
    name: 'an owner that hears no other node, and is heard: nothing moves',
    episode: {
      fault: ({ owner, others }) => world.links.drop(oneWay(others, [owner])),
      watchMs: 2500,
      mend: mending(world),
      afterMs: 1500,
    },
    want: STILL,
  },
]

function losses(world: FailoverWorld): readonly Fault[] {
  const lossy = () => world.links.drop(share(20, oneWay(NODE_NAMES, NODE_NAMES)))
  return [
    {
      name: '20 % of everything between the nodes is lost for 10 s: nothing moves',
      episode: { fault: lossy, watchMs: 10_000 },
      want: { during: { moves: 0 }, epoch: 1 },
    },
    {
      name: '20 % of everything between the nodes is lost and the owner is killed: another answers',
      episode: {
        fault: async ({ owner }) => {
          await lossy()
          return world.kill(owner)
        },
        watchMs: 2500,
        mend: async ({ owner }) => {
          await world.links.mend()
          await world.restarted(owner)
        },
      },
      want: { takenWithinMs: WITHIN_MS.silence, during: { moves: 1, lost: 'any' }, after: { moves: 0 }, epoch: 2 },
    },
    {
      name: 'all that the owner says comes 200 ms late, from one moment to the next: nothing moves',
      episode: {
        prepare: () => world.links.relay('n1'),
        fault: ({ owner }) => world.links.delay(owner, 200),
        watchMs: 4000,
        graceMs: 600,
        mend: async ({ owner }) => world.links.delay(owner, 0),
        afterMs: 1500,
      },
      want: STILL,
    },
  ]
}
