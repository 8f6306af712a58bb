/** What every soak gives, and how its command line is read. */
import process from 'node:process'
import { type FlagDefinitions, type FlagValues, parseFlags } from '../../../src/runtime/flags.ts'
import { UsageError } from '../../../src/runtime/process.ts'

/** What test/soak/NAME.ts exports. */
export interface Soak {
  /** One sentence for `--help`. */
  readonly describe: string
  readonly flags?: FlagDefinitions
  /** Gives the summary; `passed: false` in it, or a rejection, fails the run. */
  run(argv: readonly string[]): Promise<object>
}

/** Says how far it is, one line at a time. */
export type Progress = (line: string) => void

/** Lines on standard error, with the time since now. */
export function createProgress(name: string): Progress {
  const startedMs = performance.now()
  return (line) => void process.stderr.write(`[${name} ${((performance.now() - startedMs) / 1000).toFixed(0)} s] ${line}\n`)
}

/** The values of the command line. Throws a UsageError for a flag that is unknown or out of its bounds. */
export function readOptions<const D extends FlagDefinitions>(argv: readonly string[], flags: D): FlagValues<D> {
  const parsed = parseFlags(argv, flags)
  if (!parsed.ok) throw new UsageError(parsed.error.message)
  const [word] = parsed.value.rest
  if (word !== undefined) throw new UsageError(`"${word}" is not expected; there are only flags, see --help`)
  return parsed.value.values
}

/** A whole number of at least `min`. */
export const count = (standard: number, min: number, description: string) =>
  ({ kind: 'integer', default: standard, min, max: 10_000_000, valueName: 'NUMBER', description }) as const

/** The seed of all random choices: the same seed gives the same choices, though not the same timing. */
export const SEED = count(1, 0, 'Seed of the random choices.')
