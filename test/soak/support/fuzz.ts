/** Runs parsers on wrong bytes, counts what they say, and keeps what they must not do. */
import { setImmediate as turn } from 'node:timers/promises'
import { createMutant, type Mutant, mutate } from './mutation.ts'
import { createRandom, type Random } from './random.ts'
import type { Progress } from './soak.ts'

/** A parser, or what stands on one. */
export interface FuzzTarget {
  readonly name: string
  /** Valid inputs, from which the wrong ones are made. */
  readonly seeds: readonly Uint8Array[]
  /** Makes some of the inputs right again where chance never would: a checksum. */
  readonly repair?: (random: Random, mutant: Mutant) => void
  /** Says in a word what came of the input. Throws when it is not what must come of it. `bytes` is used up to `length`. */
  run(bytes: Uint8Array, length: number): string
}

/** An input that made a target throw. */
export interface FuzzFailure {
  readonly target: string
  readonly execution: number
  readonly input: string
  readonly error: string
}

export interface FuzzResult {
  readonly passed: boolean
  readonly executions: number
  readonly perSecond: number
  /** By target and by what it said. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly throws: number
  /** The first ones. */
  readonly failures: readonly FuzzFailure[]
  readonly seed: number
}

export interface FuzzOptions {
  readonly targets: readonly FuzzTarget[]
  readonly executions: number
  readonly seed: number
  readonly progress: Progress
}

const KEPT_FAILURES = 10
const BATCH = 10_000
const PROGRESS_EVERY_MS = 10_000

/** Gives every target its share of the executions, in turn. The same options give the same inputs, outcomes and failures. */
export async function fuzz({ targets, executions, seed, progress }: FuzzOptions): Promise<FuzzResult> {
  const random = createRandom(seed)
  const lanes = targets.map((target) => createLane(target, random.fork()))
  const failures: FuzzFailure[] = []
  let throws = 0
  const startedMs = performance.now()
  let toldMs = startedMs
  for (let execution = 0; execution < executions; execution++) {
    const failure = lanes[execution % lanes.length]?.(execution)
    if (failure !== undefined) throws++
    if (failure !== undefined && failures.length < KEPT_FAILURES) failures.push(failure)
    if (execution % BATCH !== 0) continue
    await turn()
    if (performance.now() - toldMs < PROGRESS_EVERY_MS) continue
    toldMs = performance.now()
    progress(`${execution} of ${executions} executions, ${throws} throws`)
  }
  const perSecond = Math.round(executions / ((performance.now() - startedMs) / 1000))
  const outcomes = Object.fromEntries(lanes.map(({ target, counts }) => [target.name, sorted(counts)]))
  return { passed: throws === 0, executions, perSecond, outcomes, throws, failures, seed }
}

interface Lane {
  (execution: number): FuzzFailure | undefined
  readonly target: FuzzTarget
  readonly counts: ReadonlyMap<string, number>
}

function createLane(target: FuzzTarget, random: Random): Lane {
  const mutant = createMutant(random)
  const counts = new Map<string, number>()
  const once = (execution: number): FuzzFailure | undefined => {
    mutate(random, target.seeds, mutant)
    target.repair?.(random, mutant)
    try {
      const outcome = target.run(mutant.bytes, mutant.length)
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
      return undefined
    } catch (error) {
      counts.set('THROWN', (counts.get('THROWN') ?? 0) + 1)
      const input = Buffer.from(mutant.bytes.subarray(0, mutant.length)).toString('hex')
      return { target: target.name, execution, input, error: firstLines(error) }
    }
  }
  return Object.assign(once, { target, counts })
}

/** What was thrown, and by which line. */
const firstLines = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message).split('\n    at ').slice(0, 2).join(' at ') : String(error)

const sorted = (counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> =>
  Object.fromEntries([...counts].sort(([, a], [, b]) => b - a))
