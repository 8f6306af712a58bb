/** From words to a verb: what is to be run, or what is to be printed instead. */
import { formatFlags, parseFlags } from '../runtime/flags.ts'
import { nearest } from '../runtime/nearest.ts'
import { CLI_FLAGS, type CliValues, EVERYWHERE_FLAGS, flagsNamed } from './flags.ts'
import type { Verb } from './verb.ts'

export type Command =
  | {
      readonly kind: 'run'
      readonly verb: Verb
      readonly words: readonly string[]
      readonly values: CliValues
      readonly given: ReadonlySet<string>
    }
  /** `code` 0 where it was asked for. */
  | { readonly kind: 'print'; readonly text: string; readonly code: 0 | 2 }
  | { readonly kind: 'misuse'; readonly message: string }

const misuse = (message: string): Command => ({ kind: 'misuse', message })

/** Reads a command line without the program's name. Flags may stand before the verb, between words and after them. */
export function readCommand(argv: readonly string[], verbs: readonly Verb[], version: string): Command {
  const parsed = parseFlags(argv, CLI_FLAGS)
  if (!parsed.ok) return misuse(parsed.error.message)
  const { values, given, rest, asked } = parsed.value
  const [first, ...words] = rest
  if (asked === 'version' || first === 'version') return { kind: 'print', text: `openelb ${version}\n`, code: 0 }
  const wantsHelp = asked === 'help' || first === 'help'
  const name = first === 'help' ? words[0] : first
  if (name === undefined) return { kind: 'print', text: usage(verbs), code: wantsHelp ? 0 : 2 }
  const verb = verbs.find((candidate) => candidate.name === name)
  if (verb === undefined) return misuse(unknownVerb(name, verbs))
  if (wantsHelp) return { kind: 'print', text: verbUsage(verb), code: 0 }
  const foreign = [...given].find((flag) => ![...verb.flags, ...EVERYWHERE_FLAGS].some((known) => known === flag))
  if (foreign !== undefined) return misuse(`${verb.name} takes no --${foreign}; see openelb ${verb.name} --help`)
  if (values.output === 'name' && verb.lists !== true) return misuse(`${verb.name} lists no objects, so it takes no --output=name`)
  return { kind: 'run', verb, words, values, given }
}

function unknownVerb(name: string, verbs: readonly Verb[]): string {
  const names = verbs.map((verb) => verb.name)
  const guess = nearest(name, names)
  return `there is no verb ${name.slice(0, 64)}; ${guess === undefined ? `there are ${names.join(', ')}` : `did you mean ${guess}?`}`
}

/** The list of verbs. */
export function usage(verbs: readonly Verb[]): string {
  const width = Math.max(...verbs.map(({ name }) => name.length))
  return `Usage: openelb VERB [WORDS] [FLAGS]
As a kubectl plugin: kubectl openelb VERB ...

${verbs.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}`).join('\n')}

openelb VERB --help says more. Exit codes: 0 all is well, 1 trouble or not found, 2 wrong usage.

Flags of every verb:
${formatFlags(flagsNamed(EVERYWHERE_FLAGS))}`
}

function verbUsage({ synopsis, about, flags }: Verb): string {
  return `Usage:
${synopsis.map((line) => `  openelb ${line}`).join('\n')}

${about}

Flags:
${formatFlags(flagsNamed([...flags, ...EVERYWHERE_FLAGS]))}`
}
