/** What every bench gives, and how its command line is read. */
import process from 'node:process'
import { type FlagDefinitions, type FlagValues, formatFlags, parseFlags } from '../../src/runtime/flags.ts'
import { productVersion, UsageError } from '../../src/runtime/process.ts'

/** The figure of a bench beside its floor; most benches add more fields. */
export interface BenchResult {
  readonly name: string
  readonly value: number
  /** The least that the same work could cost, measured in the same run; the same unit as `value`. */
  readonly floor: number
  readonly unit: string
  /** value / floor; null where the floor is nothing at all. */
  readonly ratio: number | null
  /** What is promised of it, one line each. */
  readonly aims: readonly Aim[]
  readonly [more: string]: unknown
}

/** One promise, beside what was measured. */
export interface Aim {
  readonly figure: string
  readonly value: number
  readonly unit: string
  readonly floor?: number
  readonly ratio?: number
  /** As people say it: `ratio <= 1.5`. */
  readonly aim: string
  readonly met: boolean
}

/** What bench/NAME.ts exports. */
export interface Bench {
  /** One sentence for `--help`. */
  readonly summary: string
  readonly flags: FlagDefinitions
  run(argv: readonly string[]): Promise<object>
}

/** The values of the command line. Throws a UsageError for a flag that is unknown or out of its bounds. */
export function readOptions<const D extends FlagDefinitions>(argv: readonly string[], flags: D): FlagValues<D> {
  const parsed = parseFlags(argv, flags)
  if (!parsed.ok) throw new UsageError(parsed.error.message)
  const [word] = parsed.value.rest
  if (word !== undefined) throw new UsageError(`"${word}" is not expected; there are only flags, see --help`)
  return parsed.value.values
}

/** The text that `argv` asks for instead of a run, if it does. */
export function askedText(name: string, { summary, flags }: Bench, argv: readonly string[]): string | undefined {
  const parsed = parseFlags(argv, flags)
  if (!parsed.ok || parsed.value.asked === 'run') return undefined
  if (parsed.value.asked === 'version') return `${productVersion()}\n`
  return `${summary}\n\nUsage: npm run bench -- ${name} [flags]\n\nFlags:\n${formatFlags(flags)}`
}

/** A whole number between bounds, which `--help` names. */
export const count = (standard: number, min: number, max: number, description: string) =>
  ({
    kind: 'integer',
    default: standard,
    min,
    max,
    valueName: 'NUMBER',
    description: `${description} From ${min} to ${max}.`,
  }) as const

/** Says on standard error how far it is; standard output belongs to the result. */
export type Progress = (line: string) => void

const startedMs = performance.now()

export const createProgress =
  (name: string): Progress =>
  (line) => {
    process.stderr.write(`[${name} ${((performance.now() - startedMs) / 1000).toFixed(1)} s] ${line}\n`)
  }
