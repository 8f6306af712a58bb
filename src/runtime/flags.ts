import { err, ok, type Result } from '../result.ts'
import { formatDuration, parseDuration } from './duration.ts'
import { nearest } from './nearest.ts'

interface Described {
  /** One sentence for `--help`. */
  readonly description: string
  /** A word for the value in `--help`, such as `ADDRESS`. */
  readonly valueName?: string
  /** One letter: `o` allows `-o json`, `-o=json` and `-ojson`. */
  readonly short?: string
}

/** One flag. Values of kind `duration` are milliseconds; on the command line they are Go's text: `15s`, `1m30s`, `250ms`. */
export type FlagDefinition =
  | (Described & { readonly kind: 'string'; readonly default: string; readonly oneOf?: readonly string[] })
  | (Described & { readonly kind: 'boolean'; readonly default: boolean })
  | (Described & { readonly kind: 'integer'; readonly default: number; readonly min?: number; readonly max?: number })
  | (Described & { readonly kind: 'duration'; readonly default: number; readonly minMs?: number; readonly maxMs?: number })
  /** Accepted because an older manifest may carry it; `description` says why it has no meaning now. */
  | (Described & { readonly kind: 'ignored'; readonly takesValue: boolean })

export type FlagDefinitions = Readonly<Record<string, FlagDefinition>>

type ValueOf<D extends FlagDefinition> = D extends { kind: 'string'; oneOf: readonly (infer Choice)[] }
  ? Choice
  : D extends { kind: 'string' }
    ? string
    : D extends { kind: 'boolean' }
      ? boolean
      : D extends { kind: 'integer' | 'duration' }
        ? number
        : never

/** The value of every flag by its name without dashes; ignored flags have none. */
export type FlagValues<D extends FlagDefinitions> = {
  readonly [Name in keyof D as D[Name] extends { kind: 'ignored' } ? never : Name]: ValueOf<D[Name]>
}

export interface ParsedFlags<D extends FlagDefinitions> {
  readonly values: FlagValues<D>
  /** Names of the flags that the command line sets itself. */
  readonly given: ReadonlySet<string>
  /** Words that are no flags, in order; all words after `--`. */
  readonly rest: readonly string[]
  /** One sentence per flag that was given and has no meaning. */
  readonly warnings: readonly string[]
  /** `help` for --help and -h, `version` for --version: the caller prints and ends. */
  readonly asked: 'run' | 'help' | 'version'
}

/** `flag` is the flag at fault, with its dashes; `message` is a whole sentence that names it. */
export interface FlagError {
  readonly code: 'UNKNOWN_FLAG' | 'BAD_VALUE' | 'MISSING_VALUE'
  readonly flag: string
  readonly message: string
}

type Value = string | boolean | number

/** Only fixes the type, so that parseFlags knows which names exist and what each value is. */
export function defineFlags<const D extends FlagDefinitions>(definitions: D): D {
  return definitions
}

/**
 * Reads a command line (without the program's name) in Go's style: `--name=value`, `--name value`, and the same with one dash. A
 * boolean takes its value only with `=`. Underscores in names count as dashes. A flag with a letter may be written by it: `-o json`,
 * `-ojson`. When a flag is repeated the last one holds.
 */
export function parseFlags<const D extends FlagDefinitions>(argv: readonly string[], definitions: D): Result<ParsedFlags<D>, FlagError> {
  const values = new Map<string, Value>()
  for (const [name, definition] of Object.entries(definitions)) {
    if (definition.kind !== 'ignored') values.set(name, definition.default)
  }
  const given = new Set<string>()
  const rest: string[] = []
  const warnings: string[] = []
  let asked: 'run' | 'help' | 'version' = 'run'
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? ''
    if (word === '--') {
      rest.push(...argv.slice(at + 1))
      break
    }
    if (!/^--?[a-zA-Z]/.test(word)) {
      rest.push(word)
      continue
    }
    const { name, text } = splitShort(word, definitions) ?? split(word)
    if (name === 'help' || name === 'h') asked = 'help'
    else if (name === 'version' && definitions['version'] === undefined) asked = asked === 'help' ? asked : 'version'
    else {
      const definition = find(definitions, name)
      if (definition === undefined) return err(unknownFlag(name, definitions))
      const attached = text ?? (wantsNextWord(definition) ? argv[++at] : undefined)
      const read = readValue(name, definition, attached)
      if (!read.ok) return read
      if (read.value === undefined) warnings.push(`--${name} is accepted and has no effect: ${definition.description}`)
      else values.set(name, read.value)
      given.add(name)
    }
  }
  return ok({ values: Object.fromEntries(values) as FlagValues<D>, given, rest, warnings, asked })
}

function split(word: string): { name: string; text: string | undefined } {
  const bare = word.replace(/^--?/, '')
  const equals = bare.indexOf('=')
  const name = (equals < 0 ? bare : bare.slice(0, equals)).replaceAll('_', '-')
  return { name, text: equals < 0 ? undefined : bare.slice(equals + 1) }
}

/** One dash and the letter of a flag. A long name with one dash goes before: `-all` is `--all`, whatever letters there are. */
function splitShort(word: string, definitions: FlagDefinitions): ReturnType<typeof split> | undefined {
  const letter = word[1] ?? ''
  const long = Object.keys(definitions).find((name) => definitions[name]?.short === letter)
  const definition = long === undefined ? undefined : definitions[long]
  if (long === undefined || definition === undefined || Object.hasOwn(definitions, split(word).name)) return undefined
  const after = word.slice(2)
  if (after === '') return { name: long, text: undefined }
  if (after.startsWith('=')) return { name: long, text: after.slice(1) }
  return wantsNextWord(definition) ? { name: long, text: after } : undefined
}

const find = (definitions: FlagDefinitions, name: string): FlagDefinition | undefined =>
  Object.hasOwn(definitions, name) ? definitions[name] : undefined

const wantsNextWord = (definition: FlagDefinition): boolean =>
  definition.kind === 'ignored' ? definition.takesValue : definition.kind !== 'boolean'

function unknownFlag(name: string, definitions: FlagDefinitions): FlagError {
  const guess = nearest(name, Object.keys(definitions))
  const hint = guess === undefined ? 'see --help' : `did you mean --${guess}?`
  return { code: 'UNKNOWN_FLAG', flag: `--${name}`, message: `there is no flag --${name}; ${hint}` }
}

function readValue(name: string, definition: FlagDefinition, text: string | undefined): Result<Value | undefined, FlagError> {
  const bad = (wants: string) =>
    err({ code: 'BAD_VALUE', flag: `--${name}`, message: `--${name}=${text} is not valid: expected ${wants}` } as const)
  if (definition.kind === 'ignored') return ok(undefined)
  if (definition.kind === 'boolean') {
    const value = text === undefined ? true : BOOLEANS.get(text)
    return value === undefined ? bad('true or false') : ok(value)
  }
  if (text === undefined) return err({ code: 'MISSING_VALUE', flag: `--${name}`, message: `--${name} needs a value: --${name}=VALUE` })
  if (definition.kind === 'string') {
    return definition.oneOf === undefined || definition.oneOf.includes(text) ? ok(text) : bad(`one of ${definition.oneOf.join(', ')}`)
  }
  const { value, min, max, wants } = definition.kind === 'integer' ? integer(definition, text) : duration(definition, text)
  return value === undefined || value < min || value > max ? bad(wants) : ok(value)
}

/** What Go's strconv.ParseBool accepts, so that old manifests keep their meaning. */
const BOOLEANS = new Map(
  Object.entries({
    1: true,
    t: true,
    T: true,
    true: true,
    TRUE: true,
    True: true,
    0: false,
    f: false,
    F: false,
    false: false,
    FALSE: false,
    False: false,
  }),
)

function integer(definition: FlagDefinition & { kind: 'integer' }, text: string) {
  const min = definition.min ?? Number.MIN_SAFE_INTEGER
  const max = definition.max ?? Number.MAX_SAFE_INTEGER
  const bounds = definition.min === undefined && definition.max === undefined ? '' : ` from ${min} to ${max}`
  return { value: /^[+-]?\d{1,16}$/.test(text) ? Number(text) : undefined, min, max, wants: `a whole number${bounds}` }
}

function duration(definition: FlagDefinition & { kind: 'duration' }, text: string) {
  const min = definition.minMs ?? 0
  const max = definition.maxMs ?? Number.MAX_SAFE_INTEGER
  const upper = definition.maxMs === undefined ? '' : ` and at most ${formatDuration(max)}`
  return { value: parseDuration(text), min, max, wants: `a duration such as 15s or 1m30s, at least ${formatDuration(min)}${upper}` }
}

/** The flags as lines for `--help`, in the order of their definition; ignored ones are left out. */
export function formatFlags(definitions: FlagDefinitions): string {
  const lines = Object.entries(definitions).flatMap(([name, definition]) => {
    if (definition.kind === 'ignored') return []
    const value = definition.kind === 'boolean' ? '' : `=${definition.valueName ?? VALUE_NAMES[definition.kind]}`
    const choices = definition.kind === 'string' && definition.oneOf !== undefined ? ` One of ${definition.oneOf.join(', ')}.` : ''
    const letter = definition.short === undefined ? '' : `-${definition.short}, `
    return [`  ${letter}--${name}${value}`, `        ${definition.description}${choices} Default: ${defaultText(definition)}.`]
  })
  return `${[...lines, '  --help', '        Prints this text.', '  --version', '        Prints the version.'].join('\n')}\n`
}

const VALUE_NAMES = { string: 'TEXT', integer: 'NUMBER', duration: 'DURATION' } as const

function defaultText(definition: Exclude<FlagDefinition, { kind: 'ignored' }>): string {
  if (definition.kind === 'duration') return formatDuration(definition.default)
  return definition.default === '' ? 'none' : String(definition.default)
}
