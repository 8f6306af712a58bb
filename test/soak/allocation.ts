/** Random lives of small clusters against a model of what allocation promises. */
import { live, shrink } from './model/life.ts'
import { count, createProgress, readOptions, SEED } from './support/soak.ts'

export const describe = 'Random lives of small clusters with two allocators, every revision judged by a model of the rules.'

export const flags = {
  operations: count(1_000_000, 1, 'How many operations there are in all.'),
  worlds: count(0, 0, 'In how many clusters they happen, one after the other; 0 for one per 400 operations.'),
  seed: SEED,
} as const

const PER_WORLD = 400
const LOG_LINES = 60
const REPORT_MS = 15_000

/** Lives until all operations are done or a law breaks; then the story is made short and told. */
export async function run(argv: readonly string[]): Promise<object> {
  const { operations, worlds: asked, seed } = readOptions(argv, flags)
  const progress = createProgress('allocation')
  const worlds = asked === 0 ? Math.ceil(operations / PER_WORLD) : asked
  const perWorld = Math.ceil(operations / worlds)
  const sum = { operations: 0, revisions: 0, rests: 0 }
  const startedMs = performance.now()
  let toldMs = startedMs
  for (let world = 0; world < worlds; world++) {
    const worldSeed = seed + world
    const life = await live({ seed: worldSeed, operations: perWorld })
    sum.operations += life.operations
    sum.revisions += life.revisions
    sum.rests += life.rests
    if (life.failure !== undefined) {
      await tell(worldSeed, life.failure, progress)
      return { passed: false, ...sum, seed: worldSeed, broken: life.failure.broken.slice(0, 10) }
    }
    if (performance.now() - toldMs > REPORT_MS) {
      toldMs = performance.now()
      progress(`${world + 1} of ${worlds} clusters, ${sum.operations} operations, ${sum.revisions} revisions`)
    }
  }
  const perSecond = Math.round(sum.operations / ((performance.now() - startedMs) / 1000))
  return { passed: true, worlds, ...sum, operationsPerSecond: perSecond, seed }
}

type Failure = NonNullable<Awaited<ReturnType<typeof live>>['failure']>

async function tell(seed: number, { broken, log, steps }: Failure, progress: (line: string) => void): Promise<void> {
  progress(`seed ${seed} broke after ${steps.length} steps: ${broken.join('\n  ')}`)
  for (const line of log.slice(-LOG_LINES)) progress(`  ${line}`)
  const [law = ''] = (broken[0] ?? '').split(':')
  const { liveSteps } = await import('./model/life.ts')
  const short = await shrink(steps, law)
  const again = await liveSteps(short)
  progress(`shrunk to ${short.length} steps: ${JSON.stringify(short)}`)
  for (const line of (again.failure?.log ?? []).slice(0, LOG_LINES)) progress(`  ${line}`)
  for (const line of again.failure?.broken ?? []) progress(`  ${line}`)
}
