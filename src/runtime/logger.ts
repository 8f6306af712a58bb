export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFormat = 'json' | 'text'
export type LogFields = Readonly<Record<string, unknown>>

/** One line per call. Errors among the fields are written with their message, stack and causes. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A logger that adds `fields` to each line, for instance `{ component: 'speaker' }`. */
  child(fields: LogFields): Logger
}

export interface LoggerOptions {
  readonly format: LogFormat
  /** Lines below this level are dropped. */
  readonly level: LogLevel
  /** Takes one line, its line break included. */
  readonly write: (line: string) => void
  readonly nowMs?: () => number
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export const LOG_FORMATS = ['json', 'text'] as const

/** A chain of causes longer than this is cut: it would be a cycle. */
const DEEPEST_CAUSE = 8

/** Creates a logger. Field names `ts`, `level` and `msg` are taken; a field of that name gets a trailing underscore. */
export function createLogger(options: LoggerOptions): Logger {
  return withFields(options, options.nowMs ?? Date.now, {})
}

/** A logger that says nothing: for tests and for callers that need no lines. */
export const silentLogger: Logger = createLogger({ format: 'json', level: 'error', write: () => undefined })

function withFields(options: LoggerOptions, nowMs: () => number, own: LogFields): Logger {
  const threshold = LOG_LEVELS.indexOf(options.level)
  const render = options.format === 'json' ? jsonLine : textLine
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (LOG_LEVELS.indexOf(level) < threshold) return
    options.write(render(new Date(nowMs()).toISOString(), level, message, fields === undefined ? own : { ...own, ...fields }))
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => withFields(options, nowMs, { ...own, ...fields }),
  }
}

function jsonLine(ts: string, level: LogLevel, msg: string, fields: LogFields): string {
  const entry: Record<string, unknown> = { ts, level, msg }
  for (const [name, value] of Object.entries(fields)) entry[name in entry ? `${name}_` : name] = value
  return `${toJson(entry)}\n`
}

function textLine(ts: string, level: LogLevel, msg: string, fields: LogFields): string {
  const { component, ...rest } = fields
  const pairs = Object.entries(rest).map(([name, value]) => ` ${name}=${textValue(value)}`)
  const from = component === undefined ? '' : `${String(component)}: `
  return `${ts} ${level.toUpperCase().padEnd(5)} ${from}${oneLine(msg)}${pairs.join('')}\n`
}

function textValue(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(describeError(value))
  if (typeof value !== 'string') return toJson(value)
  return /^[\w.:/@#%+,-]+$/.test(value) ? value : JSON.stringify(value)
}

/** A message may quote what a stranger wrote: control characters in it must not forge a second line. */
const oneLine = (text: string): string => text.replace(/\p{Cc}/gu, (char) => JSON.stringify(char).slice(1, -1))

/** JSON text of anything: errors become objects, bigints decimal text, and what has no JSON form says so. */
function toJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_name, inner) => plain(inner)) ?? 'null'
  } catch (error) {
    return JSON.stringify({ unloggable: describeError(error) })
  }
}

function plain(value: unknown): unknown {
  if (value instanceof Error) return serializeError(value, 0)
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Map) return Object.fromEntries(value)
  if (value instanceof Set) return [...value]
  return value
}

function serializeError(error: Error, depth: number): object {
  const extra = Object.fromEntries(Object.entries(error).filter(([, value]) => typeof value === 'string' || typeof value === 'number'))
  const cause = error.cause === undefined || depth >= DEEPEST_CAUSE ? {} : { cause: serializeCause(error.cause, depth + 1) }
  return { name: error.name, message: error.message, ...extra, stack: error.stack, ...cause }
}

const serializeCause = (cause: unknown, depth: number): unknown => (cause instanceof Error ? serializeError(cause, depth) : String(cause))

/** One sentence for any thrown value, with the messages of its causes: `connect failed: ECONNREFUSED`. */
export function describeError(error: unknown): string {
  const parts: string[] = []
  let at: unknown = error
  for (let depth = 0; at !== undefined && at !== null && depth <= DEEPEST_CAUSE; depth++) {
    const text = at instanceof Error ? at.message || at.name : String(at)
    if (!parts.some((part) => part.includes(text))) parts.push(text)
    at = at instanceof Error ? at.cause : undefined
  }
  return parts.join(': ')
}
