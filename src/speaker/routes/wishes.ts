import { FAMILY_BITS, type Family } from '../../addr/ip.ts'
import type { EipBgp } from '../../api/bgp-announcement.ts'
import { type Community, communitiesOf, formatCommunity, parseCommunity } from '../../api/bgp-community.ts'
import { BGP_COMMUNITIES, BGP_LOCAL_PREF, BGP_MED, BGP_PEERS } from '../../api/service-annotations.ts'
import { PLAIN_ATTRIBUTES, type RouteAttributes } from '../bgp/route.ts'

/** What an Eip, or a Service by its annotations, asks for its routes. */
export interface RouteWishes {
  readonly attributes: RouteAttributes
  /** Names of BgpPeers, sorted; undefined: nothing is said. */
  readonly peers: readonly string[] | undefined
  /** What cannot be read and is left out, in sentences without a full stop. */
  readonly problems: readonly string[]
}

export interface EipRoutes extends RouteWishes {
  /** The length of the prefix that is announced for an address. */
  readonly lengths: Readonly<Record<Family, number>>
}

/** One object for everybody who asks for nothing. */
export const NO_WISHES: RouteWishes = { attributes: PLAIN_ATTRIBUTES, peers: undefined, problems: [] }
export const PLAIN_EIP: EipRoutes = { ...NO_WISHES, lengths: FAMILY_BITS }

const MOST = 0xffff_ffff

/** `spec.bgp` of an Eip. A value that the schema would refuse is left out: the object may be older than the schema. */
export function eipRoutes(bgp: EipBgp | undefined): EipRoutes {
  if (bgp === undefined) return PLAIN_EIP
  const { aggregationLength, aggregationLengthV6, localPref, med, communities = [], peers } = bgp
  const read = readCommunities(communities)
  return {
    attributes: attributesOf(localPref, med, read.communities),
    peers: peers === undefined || peers.length === 0 ? undefined : sortedOnce(peers),
    problems: read.problems,
    lengths: { IPv4: lengthOf(aggregationLength, 'IPv4'), IPv6: lengthOf(aggregationLengthV6, 'IPv6') },
  }
}

const lengthOf = (length: number | undefined, family: Family): number =>
  length !== undefined && length >= 1 && length <= FAMILY_BITS[family] ? length : FAMILY_BITS[family]

/** The annotations of a Service; NO_WISHES itself where none speaks of BGP. */
export function serviceWishes(annotations: Readonly<Record<string, string>> | undefined): RouteWishes {
  if (annotations === undefined || ANNOTATIONS.every((name) => annotations[name] === undefined)) return NO_WISHES
  const read = readCommunities(wordsOf(annotations[BGP_COMMUNITIES]))
  const localPref = readNumber(BGP_LOCAL_PREF, annotations[BGP_LOCAL_PREF])
  const med = readNumber(BGP_MED, annotations[BGP_MED])
  const peers = wordsOf(annotations[BGP_PEERS])
  return {
    attributes: attributesOf(localPref.value, med.value, read.communities),
    peers: peers.length === 0 ? undefined : sortedOnce(peers),
    problems: [...read.problems.map((problem) => `${BGP_COMMUNITIES}: ${problem}`), ...localPref.problems, ...med.problems],
  }
}

const ANNOTATIONS = [BGP_COMMUNITIES, BGP_PEERS, BGP_LOCAL_PREF, BGP_MED]

const wordsOf = (text = ''): readonly string[] => text.split(',').flatMap((word) => word.trim() || [])

function readNumber(name: string, text: string | undefined): { readonly value: number | undefined; readonly problems: readonly string[] } {
  const trimmed = text?.trim() ?? ''
  if (trimmed === '') return { value: undefined, problems: [] }
  if (/^\d{1,10}$/.test(trimmed) && Number(trimmed) <= MOST) return { value: Number(trimmed), problems: [] }
  return { value: undefined, problems: [`${name}: ${JSON.stringify(trimmed.slice(0, 24))} is no number from 0 to ${MOST}`] }
}

function readCommunities(texts: readonly string[]): { readonly communities: readonly Community[]; readonly problems: readonly string[] } {
  const read = texts.map(parseCommunity)
  return {
    communities: read.flatMap((one) => (one.ok ? [one.value] : [])),
    problems: read.flatMap((one) => (one.ok ? [] : [one.error])),
  }
}

function attributesOf(localPref: number | undefined, med: number | undefined, all: readonly Community[]): RouteAttributes {
  if (localPref === undefined && med === undefined && all.length === 0) return PLAIN_ATTRIBUTES
  return { localPref, med, ...communitiesOf(all) }
}

/**
 * What the route of one address says, of its Eip and of the Services that hold it. Communities are united. Of two Services that share an
 * address the first one's numbers count, and a Service's before those of the Eip. Peers that any of them names are told, but only of those
 * that the Eip names: an administrator writes the Eip, and a tenant chooses among them.
 */
export function mergedWishes(eip: RouteWishes, services: readonly RouteWishes[]): RouteWishes {
  const speaking = services.filter((one) => one !== NO_WISHES)
  if (speaking.length === 0) return eip
  const peers = services.map((one) => common(one.peers, eip.peers))
  return {
    attributes: mergedAttributes([...speaking, eip].map(({ attributes }) => attributes)),
    peers: united(peers),
    problems: [],
  }
}

/** Peers that both name, where undefined names all. */
function common(some: readonly string[] | undefined, others: readonly string[] | undefined): readonly string[] | undefined {
  if (some === undefined || others === undefined) return some ?? others
  return some.filter((name) => others.includes(name))
}

/** Peers that any of these names; undefined, all, as soon as one says nothing. */
export const united = (peers: readonly (readonly string[] | undefined)[]): readonly string[] | undefined =>
  peers.includes(undefined) ? undefined : sortedOnce(peers.flatMap((names) => names ?? []))

/** Communities united; of the numbers the first that is given. */
export function mergedAttributes(all: readonly RouteAttributes[]): RouteAttributes {
  const distinct = [...new Set(all)].filter((one) => one !== PLAIN_ATTRIBUTES)
  const [first = PLAIN_ATTRIBUTES] = distinct
  if (distinct.length <= 1) return first
  return {
    localPref: distinct.find(({ localPref }) => localPref !== undefined)?.localPref,
    med: distinct.find(({ med }) => med !== undefined)?.med,
    ...communitiesOf(distinct.flatMap(listOf)),
  }
}

const listOf = ({ communities, largeCommunities, extendedCommunities }: RouteAttributes): readonly Community[] => [
  ...communities.map((value) => ({ kind: 'standard', value }) as const),
  ...largeCommunities.map((value) => ({ kind: 'large', value }) as const),
  ...extendedCommunities.map((value) => ({ kind: 'extended', value }) as const),
]

/** The same text for the same attributes. */
export const attributesKey = (attributes: RouteAttributes): string =>
  [attributes.localPref ?? '', attributes.med ?? '', ...listOf(attributes).map(formatCommunity)].join(' ')

const sortedOnce = (names: readonly string[]): readonly string[] => [...new Set(names)].sort()
