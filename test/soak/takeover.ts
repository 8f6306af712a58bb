/** A leader that is paused past its Lease in the middle of a write, and goes on after another took over; and leaders that end properly. */
import { setTimeout as delay } from 'node:timers/promises'
import type { AllocatorProcess } from '../support/allocator-process.ts'
import { type AllocatorWorld, startAllocatorWorld } from '../support/allocator-world.ts'
import { type PassingWrite, writeKind } from '../support/api-proxy.ts'
import { holdWrite } from '../support/fail-late.ts'
import { leaderOf, SHORT_LEASE, standsBy } from '../support/leaders.ts'
import { calm, prepareChurn, startChurn } from './support/churn.ts'
import { recordHistory } from './support/history.ts'
import { createRandom, type Random } from './support/random.ts'
import { conclude, type Verdict } from './support/rest.ts'
import { count, createProgress, type Progress, readOptions, SEED } from './support/soak.ts'

export const describe =
  'Stops the leading allocator past its Lease in the middle of a write, and lets it go on: no double address, no flap.'

export const flags = {
  rounds: count(100, 1, 'How often the leader changes.'),
  clients: count(4, 1, 'How many clients change Services at once.'),
  seed: SEED,
}

export interface TakeoverOptions {
  readonly rounds: number
  readonly clients: number
  readonly seed: number
  readonly progress: Progress
}

export interface TakeoverResult extends Verdict {
  readonly rounds: number
  /** How often a leader was stopped at which write. */
  readonly stoppedAt: Readonly<Record<string, number>>
  /** Writes that reached the API server only after another led. */
  readonly late: number
  /** From SIGTERM of the leader to the moment the next one leads, longest first. */
  readonly handoverMs: readonly number[]
  readonly deeds: Readonly<Record<string, number>>
  readonly seed: number
}

const MOST_WRITES = 12
const REST_MS = 150
/** Every third leader ends properly instead. */
const TERM_EVERY = 3

interface Round {
  readonly world: AllocatorWorld
  readonly random: Random
  readonly leader: AllocatorProcess
  readonly follower: AllocatorProcess
}

interface Stopped {
  readonly write: PassingWrite
  readonly arrivedLate: boolean
}

/** Stops the leader at a write, waits for the follower to lead, and lets both the write and the old leader go on, in either order. */
async function stopLeader({ world, random, leader, follower }: Round): Promise<Stopped> {
  const last = 1 + random.below(MOST_WRITES)
  const late = holdWrite(world.proxy, leader, ({ number }) => number === last)
  const write = await late.held()
  await leaderOf([follower])
  // The new leader has work of its own by now.
  await delay(random.below(500))
  const arrivedLate = random.below(3) > 0
  if (arrivedLate) late.release('pass')
  if (arrivedLate) await delay(random.below(200))
  late.resume()
  if (!arrivedLate) late.release('lost')
  await standsBy(leader)
  return { write, arrivedLate }
}

/** Ends the leader by SIGTERM; gives the milliseconds until the follower leads. */
async function endLeader({ world, leader, follower }: Round): Promise<number> {
  const startedMs = performance.now()
  const ended = world.end(leader)
  await leaderOf([follower])
  const tookMs = Math.round(performance.now() - startedMs)
  await ended
  return tookMs
}

export async function takeOver({ rounds, clients, seed, progress }: TakeoverOptions): Promise<TakeoverResult> {
  const world = await startAllocatorWorld()
  try {
    const random = createRandom(seed)
    const history = await recordHistory(world.api)
    await prepareChurn(world.api)
    const churn = startChurn(world.api, { random: random.fork(), clients, restMs: REST_MS })
    const start = (name: string) => world.allocator(name, SHORT_LEASE)
    const stopped: Stopped[] = []
    const handoverMs: number[] = []
    let pair = await Promise.all([start('first'), start('second')])
    for (let round = 1; round <= rounds; round++) {
      const leader = await leaderOf(pair)
      const [follower = leader] = pair.filter((each) => each !== leader)
      await follower.said('allocator started')
      if (round % TERM_EVERY === 0) {
        handoverMs.push(await endLeader({ world, random, leader, follower }))
        pair = [follower, await start(`round-${round}`)]
      } else stopped.push(await stopLeader({ world, random, leader, follower }))
      if (round % 10 === 0) progress(`${round} of ${rounds} rounds, ${history.seen.length} versions seen`)
    }
    await churn.stop()
    world.proxy.reset()
    await calm(world.api)
    const verdict = await conclude(history)
    const kinds = Map.groupBy(stopped, ({ write }) => writeKind(write))
    const stoppedAt = Object.fromEntries([...kinds].map(([kind, all]) => [kind, all.length]))
    const late = stopped.filter(({ arrivedLate }) => arrivedLate).length
    return { ...verdict, rounds, stoppedAt, late, handoverMs: handoverMs.toSorted((a, b) => b - a), deeds: churn.done, seed }
  } finally {
    await world.close()
  }
}

export async function run(argv: readonly string[]): Promise<object> {
  return takeOver({ ...readOptions(argv, flags), progress: createProgress('takeover') })
}
