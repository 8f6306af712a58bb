/** kill -9 of the allocator at its writes, while users change everything; every version of everything is judged. */
import type { AllocatorProcess } from '../support/allocator-process.ts'
import { type AllocatorWorld, startAllocatorWorld } from '../support/allocator-world.ts'
import { type Fate, writeKind } from '../support/api-proxy.ts'
import { until } from '../support/until.ts'
import { calm, prepareChurn, startChurn } from './support/churn.ts'
import { recordHistory } from './support/history.ts'
import { createRandom, type Random } from './support/random.ts'
import { conclude, type Verdict } from './support/rest.ts'
import { count, createProgress, type Progress, readOptions, SEED } from './support/soak.ts'

export const describe = 'Kills the allocator at random writes while Services come, change and go: no double address, no leak, no move.'

export const flags = {
  kills: count(1000, 1, 'How often it is killed.'),
  clients: count(4, 1, 'How many clients change Services at once.'),
  seed: SEED,
}

export interface KillsOptions {
  readonly kills: number
  readonly clients: number
  readonly seed: number
  readonly progress: Progress
}

export interface KillsResult extends Verdict {
  readonly kills: number
  /** How often it was killed at which write, and how many of these came through. */
  readonly struck: Readonly<Record<string, number>>
  readonly cameThrough: number
  /** What the clients did. */
  readonly deeds: Readonly<Record<string, number>>
  readonly seed: number
}

/** Most lives are short, since the start is where half done things are finished; some are long enough for the writes that come late. */
const MOST_WRITES = [10, 10, 10, 40] as const
/** Nobody may change anything for a while, and then nothing is written. */
const PATIENCE_MS = 20_000
const REST_MS = 150

interface Strike {
  readonly kind: string
  readonly fate: Fate
}

/** Lets some writes pass, kills the process at the next one and gives what that was; undefined where no write came. */
async function strike({ proxy }: AllocatorWorld, process: AllocatorProcess, random: Random): Promise<Strike | undefined> {
  const last = 1 + random.below(random.pick(MOST_WRITES))
  const fate: Fate = random.pick(['lost', 'unanswered'])
  let struck: Strike | undefined
  proxy.reset((write) => {
    if (write.number !== last) return 'pass'
    struck = { kind: writeKind(write), fate }
    void process.stop('SIGKILL')
    return fate
  })
  return until('the write', () => struck, PATIENCE_MS).catch(() => undefined)
}

export async function killAtWrites({ kills, clients, seed, progress }: KillsOptions): Promise<KillsResult> {
  const world = await startAllocatorWorld()
  try {
    const random = createRandom(seed)
    const history = await recordHistory(world.api)
    await prepareChurn(world.api)
    const churn = startChurn(world.api, { random: random.fork(), clients, restMs: REST_MS })
    const strikes: Strike[] = []
    for (let life = 1; strikes.length < kills; life++) {
      const process = await world.allocator(`life-${life}`)
      const struck = await strike(world, process, random)
      await world.end(process, 'SIGKILL')
      if (struck === undefined) throw new Error(`the allocator wrote nothing for ${PATIENCE_MS} ms while Services changed`)
      strikes.push(struck)
      if (strikes.length % 20 === 0) progress(`${strikes.length} of ${kills} kills, ${history.seen.length} versions seen`)
    }
    await churn.stop()
    world.proxy.reset()
    await calm(world.api)
    await world.allocator('last')
    const verdict = await conclude(history)
    const struck = Object.fromEntries([...Map.groupBy(strikes, ({ kind }) => kind)].map(([kind, all]) => [kind, all.length]))
    const cameThrough = strikes.filter(({ fate }) => fate === 'unanswered').length
    return { ...verdict, kills, struck, cameThrough, deeds: churn.done, seed }
  } finally {
    await world.close()
  }
}

export async function run(argv: readonly string[]): Promise<object> {
  return killAtWrites({ ...readOptions(argv, flags), progress: createProgress('kills') })
}
