/** Reads a TOML table key by key, in the spelling of any case as GoBGP does, and remembers what nobody asked for. */
import type { TomlTable, TomlValue } from 'smol-toml'

/**
 * What is wrong with a policy text. `refused`: GoBGP would not start with it, so none of it is followed. `not-honoured`: GoBGP would follow it, and
 * here all but this is followed. `no-meaning`: it changes nothing.
 */
export interface PolicyFault {
  readonly kind: 'refused' | 'not-honoured' | 'no-meaning'
  /** The place, such as `policy-definitions[0].statements[1].actions`. */
  readonly path: string
  /** A sentence part: the path goes before it. */
  readonly message: string
}

/** Collects the faults of one text. */
export interface Faults {
  readonly list: PolicyFault[]
  refuse(path: string, message: string): undefined
  note(path: string, message: string): undefined
  leaveOut(path: string, message: string): undefined
}

export function createFaults(): Faults {
  const list: PolicyFault[] = []
  const add = (kind: PolicyFault['kind']) => (path: string, message: string) => {
    list.push({ kind, path, message })
    return undefined
  }
  return { list, refuse: add('refused'), note: add('no-meaning'), leaveOut: add('not-honoured') }
}

/** One table. A value of the wrong type is refused, and read as if it were absent. */
export interface Section {
  readonly path: string
  section(key: string): Section | undefined
  sections(key: string): readonly Section[]
  text(key: string): string | undefined
  texts(key: string): readonly string[] | undefined
  /** A whole number from 0 to 4294967295. */
  number(key: string): number | undefined
  /** Whether the key is there; it counts as read. */
  has(key: string): boolean
  /** The keys that were not read. */
  unread(): readonly string[]
}

const MAX_32 = 0xffff_ffff
const SHOWN = 64

const isTable = (value: TomlValue | undefined): value is TomlTable =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.getPrototypeOf(value) !== Date.prototype &&
  !(value instanceof Date)

const asText = (value: TomlValue): string | undefined =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined

/** Shown in messages: cut and quoted. */
export const quoted = (value: unknown): string => JSON.stringify(String(value).slice(0, SHOWN))

export function createSection(path: string, table: TomlTable, faults: Faults): Section {
  const values = new Map(Object.entries(table).map(([key, value]) => [key.toLowerCase(), value]))
  const read = new Set<string>()
  const at = (key: string): string => (path === '' ? key : `${path}.${key}`)
  const take = (key: string): TomlValue | undefined => {
    read.add(key)
    return values.get(key)
  }
  const wrong = (key: string, wanted: string): undefined => faults.refuse(at(key), `is no ${wanted}`)
  return {
    path,
    section(key) {
      const value = take(key)
      if (value === undefined) return undefined
      return isTable(value) ? createSection(at(key), value, faults) : wrong(key, 'table')
    },
    sections(key) {
      const value = take(key) ?? []
      const items = Array.isArray(value) ? value : [value]
      return items.flatMap((item, index) => {
        if (isTable(item)) return [createSection(`${at(key)}[${index}]`, item, faults)]
        wrong(key, 'table')
        return []
      })
    },
    text(key) {
      const value = take(key)
      return value === undefined ? undefined : (asText(value) ?? wrong(key, 'text'))
    },
    texts(key) {
      const value = take(key)
      if (value === undefined) return undefined
      const items = Array.isArray(value) ? value.map(asText) : [undefined]
      return items.includes(undefined) ? wrong(key, 'list of texts') : items.map(String)
    },
    number(key) {
      const value = take(key)
      if (value === undefined) return undefined
      const text = asText(value) ?? ''
      const number = /^\d{1,10}$/.test(text) ? Number(text) : -1
      return number >= 0 && number <= MAX_32 ? number : wrong(key, `number from 0 to ${MAX_32}`)
    },
    has: (key) => take(key) !== undefined,
    unread: () => [...values.keys()].filter((key) => !read.has(key)).map(at),
  }
}
