/** One life of a world: operations by seed, rests in between, and the shortest story that ends the same way. */
import { createRandom } from '../support/random.ts'
import { lawsAtRest } from './rest.ts'
import { createWorld, type World } from './world.ts'

export interface LifeOptions {
  readonly seed: number
  readonly operations: number
  /** Deeds between two rests. */
  readonly restEvery?: number
}

export interface Life {
  /** What broke, with the last lines of what went before; undefined when nothing did. */
  readonly failure: { readonly broken: readonly string[]; readonly log: readonly string[]; readonly steps: readonly number[] } | undefined
  readonly operations: number
  readonly revisions: number
  readonly rests: number
}

const REST_EVERY = 40
/** A seed that stands for a rest in a list of steps. */
const REST = -1

/** The seeds of the steps of a life. */
function stepsOf({ seed, operations, restEvery = REST_EVERY }: LifeOptions): readonly number[] {
  const random = createRandom(seed)
  const steps = Array.from({ length: operations }, () => random.below(2 ** 31))
  return steps.flatMap((step, at) => ((at + 1) % restEvery === 0 || at === operations - 1 ? [step, REST] : [step]))
}

/** Lives it. */
export const live = (options: LifeOptions): Promise<Life> => liveSteps(stepsOf(options))

/** Lives these very steps. */
export async function liveSteps(steps: readonly number[]): Promise<Life> {
  const restore = withoutChance()
  const world = createWorld()
  const lived = { operations: 0, revisions: 0, rests: 0 }
  try {
    for (const [at, step] of steps.entries()) {
      const problems = await take(world, step)
      if (step === REST) lived.rests++
      else lived.operations++
      lived.revisions = world.api.revision
      if (problems.length > 0) return { ...lived, failure: { broken: problems, log: world.log, steps: steps.slice(0, at + 1) } }
    }
    return { ...lived, failure: undefined }
  } finally {
    restore()
  }
}

async function take(world: World, step: number): Promise<readonly string[]> {
  const random = createRandom(step)
  try {
    if (step !== REST) await world.operate(random)
    else {
      const ended = await world.rest(random)
      if (world.model.broken.length === 0) {
        if (!ended) return ['rest: it never comes to rest']
        const problems = lawsAtRest(world)
        if (problems.length > 0) return problems
        const before = holdingsOf(world)
        // Where an address is set aside, the time alone may change what can be had.
        const isTimeless = ![...world.api.eips.values()].some(({ status }) => (status?.setAside ?? []).length > 0)
        await world.handOver(random)
        const after = holdingsOf(world)
        if (isTimeless && after !== before) return [`rest: the next leader makes ${after} of ${before}`]
        return lawsAtRest(world)
      }
    }
  } catch (error) {
    return [`error: ${error instanceof Error ? error.stack : String(error)}`]
  }
  return world.model.broken
}

/** Who holds and shows what, in which version of the claim. */
const holdingsOf = ({ api }: World): string =>
  JSON.stringify([
    [...api.claims].map(([name, { metadata }]) => [name, metadata.resourceVersion]).sort(),
    [...api.services].map(([key, { status }]) => [key, status?.loadBalancer?.ingress]).sort(),
  ])

/** Jitter of retries comes from Math.random: for a life it comes from a seed. */
function withoutChance(): () => void {
  const { random } = Math
  Math.random = createRandom(7).fraction
  return () => {
    Math.random = random
  }
}

/** The shortest steps found that still break the same law: halves and smaller parts are left out for as long as it does. */
export async function shrink(steps: readonly number[], law: string, mostRuns = 400): Promise<readonly number[]> {
  let best = steps
  let runs = 0
  const withEnd = (some: readonly number[]): readonly number[] => (steps.at(-1) === REST && some.at(-1) !== REST ? [...some, REST] : some)
  const breaks = async (some: readonly number[]): Promise<boolean> => {
    runs++
    const { failure } = await liveSteps(withEnd(some))
    return failure?.broken.some((each) => each.startsWith(law)) === true
  }
  for (let size = Math.ceil(best.length / 2); size >= 1 && runs < mostRuns; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length && runs < mostRuns; ) {
      const without = [...best.slice(0, at), ...best.slice(at + size)]
      if (without.length < best.length && (await breaks(without))) best = without
      else at += size
    }
  }
  return withEnd(best)
}
