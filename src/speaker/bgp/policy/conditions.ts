/** The conditions of a statement: all of them must hold. */
import { prefixContains } from '../../../addr/prefix.ts'
import { extendedParts, largeText, standardText } from '../../../api/bgp-community.ts'
import { asPathLength, asPathText, type PolicyRoute } from './route.ts'
import { type Faults, quoted, type Section } from './section.ts'
import { type DefinedSets, parsePrefixOrIp, refuseUnread } from './sets.ts'

export type Condition = (route: PolicyRoute) => boolean
type MatchOption = 'any' | 'all' | 'invert'

/** Without local preference a route has this one (RFC 4271 section 9.1.1 leaves it to us; all routers take 100). */
const DEFAULT_LOCAL_PREF = 100
const NEVER: Condition = () => false

function readOption(section: Section, allowed: readonly MatchOption[], faults: Faults): MatchOption {
  const text = (section.text('match-set-options') ?? '').toLowerCase() || 'any'
  const option = allowed.find((name) => name === text)
  if (option === undefined) faults.refuse(`${section.path}.match-set-options`, `is ${quoted(text)}: write ${allowed.join(', ')}`)
  return option ?? 'any'
}

/** The set that a condition names; a name without a set is refused. */
function readSet<T>(
  parent: Section,
  keys: { readonly match: string; readonly set: string },
  sets: ReadonlyMap<string, T>,
  options: readonly MatchOption[],
  faults: Faults,
): { readonly set: T; readonly option: MatchOption } | undefined {
  const section = parent.section(keys.match)
  if (section === undefined) return undefined
  const name = section.text(keys.set) ?? ''
  const option = readOption(section, options, faults)
  refuseUnread(section, faults)
  if (name === '') return undefined
  const set = sets.get(name)
  if (set === undefined) return faults.refuse(`${section.path}.${keys.set}`, `names ${quoted(name)}, which is not defined`)
  return { set, option }
}

/** `any`: one pattern fits one text; `all`: each pattern fits one; `invert`: none fits any. */
function fits(patterns: readonly RegExp[], texts: readonly string[], option: MatchOption): boolean {
  const fitsOne = (pattern: RegExp): boolean => texts.some((text) => pattern.test(text))
  if (option === 'all') return patterns.length > 0 && patterns.every(fitsOne)
  return patterns.some(fitsOne) !== (option === 'invert')
}

const RESTRICTED = ['any', 'invert'] as const
const ALL_OPTIONS = ['any', 'all', 'invert'] as const

function* setConditions(conditions: Section, sets: DefinedSets, faults: Faults): Generator<Condition> {
  const prefixes = readSet(conditions, { match: 'match-prefix-set', set: 'prefix-set' }, sets.prefixes, RESTRICTED, faults)
  if (prefixes !== undefined) {
    const { set, option } = prefixes
    // A set of the other family matches nothing, inverted or not.
    yield ({ now: { prefix } }) =>
      set.some((range) => range.prefix.family === prefix.family) &&
      set.some(
        (range) =>
          prefix.length >= range.least &&
          prefix.length <= range.most &&
          prefix.length >= range.prefix.length &&
          prefixContains(range.prefix, { family: prefix.family, value: prefix.base }),
      ) !==
        (option === 'invert')
  }
  const neighbours = readSet(conditions, { match: 'match-neighbor-set', set: 'neighbor-set' }, sets.neighbours, RESTRICTED, faults)
  if (neighbours !== undefined) {
    const { set, option } = neighbours
    yield ({ peer: { address } }) =>
      set.length === 0 || (address !== undefined && set.some((prefix) => prefixContains(prefix, address)) !== (option === 'invert'))
  }
}

function* attributeSetConditions(bgp: Section, sets: DefinedSets, faults: Faults): Generator<Condition> {
  const read = <T>(kind: string, from: ReadonlyMap<string, T>) =>
    readSet(bgp, { match: `match-${kind}-set`, set: `${kind}-set` }, from, ALL_OPTIONS, faults)
  const standard = read('community', sets.communities)
  if (standard !== undefined) {
    yield ({ now }) => fits(standard.set, now.attributes.communities.map(standardText), standard.option)
  }
  const large = read('large-community', sets.large)
  if (large !== undefined) yield ({ now }) => fits(large.set, now.attributes.largeCommunities.map(largeText), large.option)
  const asPaths = read('as-path', sets.asPaths)
  if (asPaths !== undefined) {
    const { set, option } = asPaths
    yield (route) => {
      const text = asPathText(route)
      if (option === 'any') return set.some((pattern) => pattern.test(text))
      return set.every((pattern) => pattern.test(text) === (option === 'all'))
    }
  }
  const extended = read('ext-community', sets.extended)
  if (extended !== undefined) {
    const { set, option } = extended
    const isMeant = (value: Uint8Array): boolean => set.some((pattern) => fitsExtended(pattern, value))
    // Turned round as against the others: each community of the route must fit a pattern.
    yield ({ now: { attributes } }) => {
      const values = attributes.extendedCommunities
      if (option === 'all') return values.length > 0 && values.every(isMeant)
      return values.some(isMeant) !== (option === 'invert')
    }
  }
}

/** An AS of four bytes may be written as one number, or as two joined by a dot. */
export function fitsExtended({ subtype, value }: { readonly subtype: string; readonly value: RegExp }, community: Uint8Array): boolean {
  const parts = extendedParts(community)
  if (parts === undefined || parts.subtype !== subtype) return false
  const [as = '', ...rest] = parts.text.split(':')
  const dotted = community[0] === 0x02 ? `${Math.floor(Number(as) / 0x1_0000)}.${Number(as) % 0x1_0000}:${rest.join(':')}` : parts.text
  return value.test(parts.text) || value.test(dotted)
}

type Comparison = (value: number) => boolean

/** `eq`, `ge`, `le`, or GoBGP's long form such as `attribute-eq`. */
function readComparison(parent: Section, key: string, faults: Faults): Comparison | undefined {
  const section = parent.section(key)
  if (section === undefined) return undefined
  const operator = (section.text('operator') ?? '').toLowerCase().replace(/^attribute-/, '')
  const value = section.number('value') ?? 0
  refuseUnread(section, faults)
  if (operator === 'eq') return (number) => number === value
  if (operator === 'ge') return (number) => number >= value
  if (operator === 'le') return (number) => number <= value
  return faults.refuse(`${section.path}.operator`, `is ${quoted(operator)}: write eq, ge or le`)
}

function* valueConditions(bgp: Section, faults: Faults): Generator<Condition> {
  const asPath = readComparison(bgp, 'as-path-length', faults)
  if (asPath !== undefined) yield (route) => asPath(asPathLength(route))
  const count = readComparison(bgp, 'community-count', faults)
  if (count !== undefined) yield ({ now }) => count(now.attributes.communities.length)
  const med = bgp.number('med-eq') ?? 0
  if (med > 0) yield ({ now }) => now.attributes.med === med
  const localPref = bgp.number('local-pref-eq') ?? 0
  if (localPref > 0) yield ({ now }) => (now.attributes.localPref ?? DEFAULT_LOCAL_PREF) === localPref
  const origin = (bgp.text('origin-eq') ?? '').toLowerCase()
  if (origin !== '') yield () => origin === 'igp'
  const routeType = (bgp.text('route-type') ?? '').toLowerCase()
  if (routeType !== '' && routeType !== 'none') yield () => routeType === 'local'
  const rpki = (bgp.text('rpki-validation-result') ?? '').toLowerCase()
  if (rpki !== '' && rpki !== 'none') {
    faults.note(`${bgp.path}.rpki-validation-result`, 'never holds: our own routes are not validated')
    yield NEVER
  }
}

function* listConditions(bgp: Section, faults: Faults): Generator<Condition> {
  const hops = bgp.texts('next-hop-in-list') ?? []
  if (hops.length > 0) {
    const list = hops.flatMap((text, at) => {
      const prefix = parsePrefixOrIp(text)
      if (prefix === undefined) faults.refuse(`${bgp.path}.next-hop-in-list[${at}]`, `is ${quoted(text)}, which is no address or prefix`)
      return prefix === undefined ? [] : [prefix]
    })
    yield ({ firstNextHop }) => list.some((prefix) => prefixContains(prefix, firstNextHop))
  }
  const families = bgp.texts('afi-safi-in-list') ?? bgp.texts('afi-safi-in')
  if (families !== undefined) {
    const names = new Set(families.map((name) => name.toLowerCase()))
    yield ({ now: { prefix } }) => names.has(`${prefix.family.toLowerCase()}-unicast`)
  }
}

/** Reads the table `conditions` of a statement. */
export function readConditions(conditions: Section | undefined, sets: DefinedSets, faults: Faults): readonly Condition[] {
  if (conditions === undefined) return []
  const found = [...setConditions(conditions, sets, faults)]
  const bgp = conditions.section('bgp-conditions')
  if (bgp !== undefined) {
    found.push(...attributeSetConditions(bgp, sets, faults), ...valueConditions(bgp, faults), ...listConditions(bgp, faults))
    refuseUnread(bgp, faults)
  }
  for (const key of ['match-tag-set', 'igp-conditions', 'call-policy', 'install-protocol-eq']) {
    if (conditions.has(key)) faults.note(`${conditions.path}.${key}`, 'is not looked at, as in GoBGP')
  }
  refuseUnread(conditions, faults)
  return found
}
