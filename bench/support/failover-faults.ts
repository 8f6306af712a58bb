/** The faults of the bench of fail-overs: how each is made, for how long it is looked at, and how it is mended. */
import { setTimeout as delay } from 'node:timers/promises'
import { claimName } from '../../src/api/address-claim.ts'
import { MOVE } from '../../src/api/claim-annotations.ts'
import { patchObject } from '../../src/kube/objects.ts'
import { ADDRESS_CLAIMS } from '../../src/kube/resources.ts'
import { between } from '../../test/scenario/failover/links.ts'
import { type FailoverWorld, NODE_NAMES } from '../../test/scenario/failover/world.ts'
import { ipOf } from '../../test/speaker/support/objects.ts'
import type { Fleet } from './failover-fleet.ts'
import { inParallel } from './waiting.ts'

export const FAULTS = ['kill', 'power', 'sigterm', 'heal', 'move'] as const
export type FaultName = (typeof FAULTS)[number]

/** Who owns everything when a fault begins. */
export const OWNER = NODE_NAMES[0]
const OTHERS = NODE_NAMES.slice(1)

export interface Fault {
  /** What comes before the moment that counts, unseen. */
  readonly prepare?: () => Promise<void>
  /** Gives the moment that counts, as Date.now(). */
  readonly strike: () => Promise<number>
  /** For how long the wire is looked at after it. */
  readonly watchMs: number
  readonly mend: () => Promise<void>
}

export function createFaults(world: FailoverWorld, fleet: Fleet): Readonly<Record<FaultName, Fault>> {
  return { kill: kill(world), power: power(world), sigterm: sigterm(world), heal: heal(world), move: move(world, fleet) }
}

const kill = (world: FailoverWorld): Fault => ({
  async strike() {
    const atMs = Date.now()
    world.kill(OWNER)
    return atMs
  },
  watchMs: 1000,
  mend: () => world.restarted(OWNER),
})

const power = (world: FailoverWorld): Fault => ({
  strike: () => world.powerOff(OWNER),
  watchMs: 1500,
  mend: () => world.powerOn(OWNER),
})

/** As a kubelet does it: the Pod is being deleted, then comes the signal. */
function sigterm(world: FailoverWorld): Fault {
  let ended: Promise<number | null> | undefined
  return {
    async strike() {
      const leaving = await world.terminate(OWNER)
      ended = leaving.ended
      return leaving.atMs
    },
    watchMs: 1500,
    async mend() {
      await ended
      await world.replaced(OWNER)
    },
  }
}

/** The owner is cut off from everybody, the API server included, and another takes over; the moment that counts is that of the mending. */
const heal = (world: FailoverWorld): Fault => ({
  async prepare() {
    await world.links.api(OWNER, 'down')
    await world.links.drop(...between([OWNER], [...OTHERS, 'client', 'router']))
    await delay(2000)
  },
  async strike() {
    const atMs = Date.now()
    await world.links.mend()
    await world.links.api(OWNER, 'up')
    return atMs
  },
  watchMs: 2500,
  mend: async () => undefined,
})

/** All addresses are wished away, one after the other; each counts from the first wish. */
const move = (world: FailoverWorld, fleet: Fleet): Fault => ({
  async strike() {
    const claims = await fleet.claims()
    const atMs = Date.now()
    await inParallel(claims, ({ spec, status }) => {
      const metadata = { annotations: { [MOVE]: `${OTHERS[0]}@${status?.owner?.epoch}` } }
      return patchObject(world.api, ADDRESS_CLAIMS, { name: claimName(ipOf(spec.address)) }, { metadata }, { type: 'merge' })
    })
    return atMs
  },
  watchMs: 2000,
  mend: async () => undefined,
})
