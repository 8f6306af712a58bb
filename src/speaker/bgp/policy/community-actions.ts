/** set-community, set-ext-community and set-large-community: add, remove, replace. */
import { type Community, communitiesOf, largeText, parseCommunity, standardText } from '../../../api/bgp-community.ts'
import type { RouteAttributes } from '../route.ts'
import { fitsExtended } from './conditions.ts'
import { communityPattern, extendedPattern, largePattern } from './pattern.ts'
import { type Action, onAttributes } from './route.ts'
import { type Faults, quoted, type Section } from './section.ts'
import { refuseUnread } from './sets.ts'

type Lists = Pick<RouteAttributes, 'communities' | 'largeCommunities' | 'extendedCommunities'>

/** One of the three attributes: how its section is spelled, and how its values are read and matched. */
interface Attribute {
  readonly kind: Community['kind']
  readonly section: string
  readonly method: string
  /** The text as parseCommunity takes it. */
  readonly spell: (text: string) => string
  readonly pattern: (text: string) => ((community: Community) => boolean) | undefined
  readonly of: (lists: Lists) => readonly Community[]
}

const matcher = (pattern: RegExp | undefined, text: (community: Community) => string) =>
  pattern === undefined ? undefined : (community: Community) => pattern.test(text(community))

/** GoBGP writes an AS of four bytes as two numbers joined by a dot. */
const undotted = (text: string): string =>
  text.replace(/^(\w+:)(\d+)\.(\d+)(:\d+)$/, (_, type, high, low, rest) => `${type}${Number(high) * 0x1_0000 + Number(low)}${rest}`)

const ATTRIBUTES: readonly Attribute[] = [
  {
    kind: 'standard',
    section: 'set-community',
    method: 'set-community-method',
    spell: (text) => (/^\d{1,10}$/.test(text) ? standardText(Number(text)) : text),
    pattern: (text) => matcher(communityPattern(text), (community) => (community.kind === 'standard' ? standardText(community.value) : '')),
    of: ({ communities }) => communities.map((value) => ({ kind: 'standard', value })),
  },
  {
    kind: 'extended',
    section: 'set-ext-community',
    method: 'set-ext-community-method',
    spell: undotted,
    pattern: (text) => {
      const pattern = extendedPattern(text)
      return pattern === undefined ? undefined : (community) => community.kind === 'extended' && fitsExtended(pattern, community.value)
    },
    of: ({ extendedCommunities }) => extendedCommunities.map((value) => ({ kind: 'extended', value })),
  },
  {
    kind: 'large',
    section: 'set-large-community',
    method: 'set-large-community-method',
    spell: (text) => `large:${text.replace(/^large:/i, '')}`,
    pattern: (text) => matcher(largePattern(text), (community) => (community.kind === 'large' ? largeText(community.value) : '')),
    of: ({ largeCommunities }) => largeCommunities.map((value) => ({ kind: 'large', value })),
  },
]

/** What makes the new list of one attribute of the old one. */
type Change = (before: readonly Community[]) => readonly Community[]

function readChange(attribute: Attribute, section: Section, faults: Faults): Change | undefined {
  const option = (section.text('options') ?? '').toLowerCase()
  const method = section.section(attribute.method)
  const texts = method?.texts('communities-list') ?? []
  refuseUnread(method, faults)
  refuseUnread(section, faults)
  const bad = (at: number, text: string) =>
    faults.refuse(`${section.path}.${attribute.method}.communities-list[${at}]`, `is ${quoted(text)}, which cannot be followed`)
  if (option === '' && texts.length === 0) return undefined
  if (option === 'remove') {
    const patterns = texts.flatMap((text, at) => attribute.pattern(text) ?? bad(at, text) ?? [])
    return (before) => before.filter((community) => !patterns.some((isMeant) => isMeant(community)))
  }
  const values = texts.flatMap((text, at) => {
    const community = parseCommunity(attribute.spell(text))
    return community.ok && community.value.kind === attribute.kind ? [community.value] : (bad(at, text) ?? [])
  })
  if (option === 'add') return (before) => [...before, ...values]
  if (option === 'replace') return () => values
  return faults.refuse(`${section.path}.options`, `is ${quoted(option)}: write add, remove or replace`)
}

/** The list that an attribute has now, in an object with that list alone. */
const listOf = (kind: Community['kind'], list: readonly Community[]): Partial<Lists> => {
  const { communities, largeCommunities, extendedCommunities } = communitiesOf(list)
  return kind === 'standard' ? { communities } : kind === 'large' ? { largeCommunities } : { extendedCommunities }
}

/** Reads the three sections of `bgp-actions`. Lists stay sorted and without repetition. */
export function readCommunityActions(bgp: Section, faults: Faults): readonly Action[] {
  return ATTRIBUTES.flatMap((attribute): readonly Action[] => {
    const section = bgp.section(attribute.section)
    const change = section === undefined ? undefined : readChange(attribute, section, faults)
    if (change === undefined) return []
    return [onAttributes((before) => ({ ...before, ...listOf(attribute.kind, change(attribute.of(before))) }))]
  })
}
