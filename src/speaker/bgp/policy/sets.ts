/** The defined-sets of a policy text. */
import { parseIp } from '../../../addr/ip.ts'
import { type Prefix, parsePrefix, prefixOf } from '../../../addr/prefix.ts'
import { asPathPattern, communityPattern, type ExtendedPattern, extendedPattern, largePattern } from './pattern.ts'
import { type Faults, quoted, type Section } from './section.ts'

export interface PrefixRange {
  readonly prefix: Prefix
  readonly least: number
  readonly most: number
}

/** Sets by their names. */
export interface DefinedSets {
  readonly prefixes: ReadonlyMap<string, readonly PrefixRange[]>
  readonly neighbours: ReadonlyMap<string, readonly Prefix[]>
  readonly communities: ReadonlyMap<string, readonly RegExp[]>
  readonly extended: ReadonlyMap<string, readonly ExtendedPattern[]>
  readonly large: ReadonlyMap<string, readonly RegExp[]>
  readonly asPaths: ReadonlyMap<string, readonly RegExp[]>
}

/** An address is a prefix of its full length. */
export function parsePrefixOrIp(text: string): Prefix | undefined {
  const prefix = parsePrefix(text)
  if (prefix.ok) return prefix.value
  const ip = parseIp(text)
  return ip.ok ? prefixOf(ip.value) : undefined
}

function readRange(entry: Section, faults: Faults): PrefixRange | undefined {
  const text = entry.text('ip-prefix') ?? ''
  const range = entry.text('masklength-range') ?? ''
  const read = parsePrefix(text)
  if (!read.ok) return faults.refuse(`${entry.path}.ip-prefix`, `is ${quoted(text)}, which is no prefix`)
  const prefix = read.value
  if (range === '') return { prefix, least: prefix.length, most: prefix.length }
  const [, first, last] = /^(\d{1,3})\.\.(\d{1,3})$/.exec(range) ?? []
  const [least, most] = [Number(first), Number(last)]
  if (first === undefined || least > most || most > (prefix.family === 'IPv4' ? 32 : 128)) {
    return faults.refuse(`${entry.path}.masklength-range`, `is ${quoted(range)}: write two lengths, such as 24..32`)
  }
  return { prefix, least, most }
}

/** All lists of one kind of set: `named` makes an item of a text, or refuses it. */
function readSets<T>(
  parent: Section | undefined,
  keys: { readonly sets: string; readonly name: string; readonly items: string },
  make: (text: string) => T | undefined,
  faults: Faults,
): ReadonlyMap<string, readonly T[]> {
  const sets = new Map<string, readonly T[]>()
  for (const set of parent?.sections(keys.sets) ?? []) {
    const name = set.text(keys.name) ?? ''
    const items = (set.texts(keys.items) ?? []).flatMap((text, at) => {
      const item = make(text)
      if (item !== undefined) return [item]
      faults.refuse(`${set.path}.${keys.items}[${at}]`, `is ${quoted(text)}, which cannot be followed`)
      return []
    })
    if (name === '') faults.refuse(`${set.path}.${keys.name}`, 'is missing')
    sets.set(name, [...(sets.get(name) ?? []), ...items])
    refuseUnread(set, faults)
  }
  return sets
}

/** GoBGP does not start with a key that it does not know; here it would be a setting that is not followed, without a word. */
export function refuseUnread(section: Section | undefined, faults: Faults): void {
  for (const path of section?.unread() ?? []) faults.refuse(path, 'is no setting of this section')
}

function readPrefixSets(parent: Section | undefined, faults: Faults): DefinedSets['prefixes'] {
  const sets = new Map<string, readonly PrefixRange[]>()
  for (const set of parent?.sections('prefix-sets') ?? []) {
    const name = set.text('prefix-set-name') ?? ''
    if (name === '') faults.refuse(`${set.path}.prefix-set-name`, 'is missing')
    const ranges = set.sections('prefix-list').flatMap((entry) => {
      const range = readRange(entry, faults)
      refuseUnread(entry, faults)
      return range === undefined ? [] : [range]
    })
    if (new Set(ranges.map(({ prefix }) => prefix.family)).size > 1)
      faults.refuse(set.path, 'has prefixes of both families: write two sets')
    sets.set(name, [...(sets.get(name) ?? []), ...ranges])
    refuseUnread(set, faults)
  }
  return sets
}

export function readDefinedSets(root: Section, faults: Faults): DefinedSets {
  const parent = root.section('defined-sets')
  const bgp = parent?.section('bgp-defined-sets')
  const keys = (kind: string) => ({ sets: `${kind}-sets`, name: `${kind}-set-name`, items: `${kind}-list` })
  const sets = {
    prefixes: readPrefixSets(parent, faults),
    neighbours: readSets(parent, { ...keys('neighbor'), items: 'neighbor-info-list' }, parsePrefixOrIp, faults),
    communities: readSets(bgp, keys('community'), communityPattern, faults),
    extended: readSets(bgp, keys('ext-community'), extendedPattern, faults),
    large: readSets(bgp, keys('large-community'), largePattern, faults),
    asPaths: readSets(bgp, keys('as-path'), asPathPattern, faults),
  }
  if (parent?.has('tag-sets') === true) faults.note(`${parent.path}.tag-sets`, 'has no meaning: our routes have no tags')
  refuseUnread(bgp, faults)
  refuseUnread(parent, faults)
  return sets
}
