/** The API server or etcd is away, alone or while something else happens. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Fault, HAND_OVER_LOST, HAND_OVER_TWO_MACS_MS, WITHIN_MS } from './expectations.ts'
import { type FailoverWorld, NODE_NAMES } from './world.ts'

const STILL = { during: { moves: 0 }, after: { moves: 0 }, epoch: 1 } as const

/** `awayMs`: how long the long outages last. */
export const apiFaults = (world: FailoverWorld, awayMs: number): readonly Fault[] => [
  {
    name: `the API server does not answer for ${awayMs / 1000} s: nothing moves`,
    episode: {
      fault: () => world.outages.freeze('kube-apiserver'),
      watchMs: awayMs,
      mend: async () => world.outages.thaw('kube-apiserver'),
      afterMs: 3000,
    },
    want: STILL,
  },
  {
    name: `the API server is gone for ${awayMs / 1000} s and the owner is killed: another answers, and is recorded at its return`,
    episode: {
      fault: async ({ owner }) => {
        await world.outages.kill('kube-apiserver')
        await delay(1000)
        return world.kill(owner)
      },
      watchMs: awayMs - 2000,
      mend: async ({ owner }) => {
        await world.outages.start('kube-apiserver')
        await world.restarted(owner)
      },
      afterMs: 3000,
    },
    want: { takenWithinMs: WITHIN_MS.kill, during: { moves: 1, lost: 'any' }, after: { moves: 0 }, epoch: 2 },
  },
  ...beside(world),
  {
    name: 'etcd stalls again and again: nothing moves',
    episode: {
      fault: async () => {
        for (let turn = 0; turn < 3; turn++) {
          world.outages.freeze('etcd')
          await delay(3000)
          world.outages.thaw('etcd')
          await delay(500)
        }
      },
      watchMs: 2000,
    },
    want: { during: { moves: 0 }, epoch: 1 },
  },
]

const beside = (world: FailoverWorld): readonly Fault[] => [
  {
    name: 'the API server is gone and the owner gets SIGTERM: it hands over without it',
    episode: {
      fault: async ({ owner }) => {
        await world.outages.kill('kube-apiserver')
        await delay(500)
        world.speaker(owner).child.kill('SIGTERM')
        return Date.now()
      },
      watchMs: 3000,
      mend: async ({ owner }) => {
        await world.outages.start('kube-apiserver')
        await world.restarted(owner)
      },
      afterMs: 2000,
    },
    want: {
      takenWithinMs: WITHIN_MS.silence,
      during: { moves: 1, lost: HAND_OVER_LOST, twoMacsMs: HAND_OVER_TWO_MACS_MS },
      after: { moves: 0 },
      epoch: 2,
    },
  },
  {
    name: 'the API server is gone and a node without the address loses its power: nothing moves',
    episode: {
      fault: async ({ others: [first = ''] }) => {
        await world.outages.kill('kube-apiserver')
        await world.powerOff(first)
      },
      watchMs: 3000,
      mend: async ({ others: [first = ''] }) => {
        await world.outages.start('kube-apiserver')
        await world.powerOn(first)
      },
    },
    want: STILL,
  },
  {
    name: 'the API server is gone and all speakers start again: whoever is recorded answers at its return',
    episode: {
      fault: async () => {
        await world.outages.kill('kube-apiserver')
        for (const node of NODE_NAMES) world.kill(node)
      },
      watchMs: 300,
      mend: async () => {
        const launched = Promise.all(NODE_NAMES.map((node) => world.relaunch(node)))
        await delay(3000)
        await world.outages.start('kube-apiserver')
        await launched
      },
      afterMs: 3000,
    },
    want: { during: { moves: 0, lost: 'any' }, after: { moves: 0, lost: 'any', answered: true }, epoch: 1 },
  },
  {
    name: 'two of three nodes lose their power, the owner is one of them: the third takes nothing until it is not alone',
    episode: {
      fault: ({ owner, others: [first = ''] }) => world.powerOff(owner, first),
      watchMs: 2500,
      mend: ({ others: [first = ''] }) => world.powerOn(first),
      afterMs: 6500,
    },
    want: { during: { moves: 0, lost: 'any' }, after: { moves: 0, lost: 'any', answered: true }, epoch: 2 },
  },
]
