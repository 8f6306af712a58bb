/** One verb of the command line, and what it works with. */
import type { ClusterReader } from './cluster-reader.ts'
import type { CliValues, FlagName } from './flags.ts'
import type { Outcome } from './report.ts'

/** The person who typed the command. */
export interface Person {
  /** The text of a file; `-` is what is piped in. Rejects with a sentence when there is none. */
  read(path: string): Promise<string>
  /** Asks for `yes`. `nobody` when there is no terminal to ask at. */
  confirm(question: string): Promise<'yes' | 'no' | 'nobody'>
  /** Progress: one line on standard error. */
  say(text: string): void
  /** A part of the answer that does not wait for the rest: lines on standard output. */
  print(text: string): void
}

export interface VerbInput {
  /** The words after the verb. */
  readonly words: readonly string[]
  readonly values: CliValues
  /** Flags that the command line sets itself. */
  readonly given: ReadonlySet<string>
  readonly cluster: ClusterReader
  readonly person: Person
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

export interface Verb {
  readonly name: string
  /** What follows `openelb`, one line per form. */
  readonly synopsis: readonly string[]
  /** One line for the list of verbs. */
  readonly summary: string
  /** What it does, reads and means by its exit codes: for `openelb VERB --help`. */
  readonly about: string
  /** Beside EVERYWHERE_FLAGS. */
  readonly flags: readonly FlagName[]
  /** Whether it lists objects, so that `-o name` has something to print. */
  readonly lists?: true
  /** Rejects with an ApiError when a read fails without which it cannot answer. */
  run(input: VerbInput): Promise<Outcome>
}
