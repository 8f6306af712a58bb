/**
 * Communities as people write them: `65000:1` (RFC 1997), `large:65000:1:2` (RFC 8092), `rt:` and `ro:` (RFC 4360, RFC 5668: the AS of two or
 * four bytes or an IPv4 address, then a number), and the names of IANA's registry of well-known communities.
 */
import { formatIp, ipFromBytes, ipToBytes, parseIp } from '../addr/ip.ts'
import { err, ok, type Result } from '../result.ts'

/** `GLOBAL:LOCAL1:LOCAL2`, each of 32 bits. */
interface Large {
  readonly global: number
  readonly local1: number
  readonly local2: number
}

/** One community of one of the three attributes. An extended one is its 8 bytes. */
export type Community =
  | { readonly kind: 'standard'; readonly value: number }
  | { readonly kind: 'large'; readonly value: Large }
  | { readonly kind: 'extended'; readonly value: Uint8Array }

/** What a route carries: sorted and without repetition. */
export interface Communities {
  readonly communities: readonly number[]
  readonly largeCommunities: readonly Large[]
  readonly extendedCommunities: readonly Uint8Array[]
}

/** IANA, BGP Well-known Communities. */
export const WELL_KNOWN_COMMUNITIES: Readonly<Record<string, number>> = {
  'graceful-shutdown': 0xffff_0000,
  'accept-own': 0xffff_0001,
  'route-filter-translated-v4': 0xffff_0002,
  'route-filter-v4': 0xffff_0003,
  'route-filter-translated-v6': 0xffff_0004,
  'route-filter-v6': 0xffff_0005,
  'llgr-stale': 0xffff_0006,
  'no-llgr': 0xffff_0007,
  'accept-own-nexthop': 0xffff_0008,
  'standby-pe': 0xffff_0009,
  blackhole: 0xffff_029a,
  'no-export': 0xffff_ff01,
  'no-advertise': 0xffff_ff02,
  'no-export-subconfed': 0xffff_ff03,
  nopeer: 0xffff_ff04,
}
/** Other names of the same numbers, as GoBGP and others write them. */
const ALIASES: Readonly<Record<string, number>> = {
  internet: 0,
  'planned-shut': 0xffff_0000,
  'no-peer': 0xffff_ff04,
  'local-as': 0xffff_ff03,
}

const MAX_16 = 0xffff
const MAX_32 = 0xffff_ffff
/** RFC 4360 sections 4 and 5. */
const SUBTYPES: Readonly<Record<string, number>> = { rt: 0x02, ro: 0x03, soo: 0x03 }
/** RFC 4360 section 3.1, 3.2; RFC 5668 section 2. */
const TYPE = { twoOctetAs: 0x00, ipv4: 0x01, fourOctetAs: 0x02 } as const
const FORMS = 'write 65000:1, large:65000:1:2, rt:65000:1, ro:65000:1 or a well-known name such as no-export'
const LONGEST = 64

/** A decimal number without leading zeros of at most `most`; undefined for all else. */
const numberOf = (text: string | undefined, most: number): number | undefined => {
  const value = text !== undefined && /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : -1
  return value >= 0 && value <= most ? value : undefined
}

function largeOf(parts: readonly string[]): Large | undefined {
  const [global, local1, local2] = parts.map((part) => numberOf(part, MAX_32))
  if (parts.length !== 3 || global === undefined || local1 === undefined || local2 === undefined) return undefined
  return { global, local1, local2 }
}

function extendedOf(subtype: number, [administrator = '', last, ...rest]: readonly string[]): Uint8Array | undefined {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  const as = numberOf(administrator, MAX_32)
  const isShort = as !== undefined && as <= MAX_16
  const number = numberOf(last, isShort ? MAX_32 : MAX_16)
  if (number === undefined || rest.length > 0) return undefined
  bytes[1] = subtype
  if (isShort) {
    view.setUint16(2, as)
    view.setUint32(4, number)
    return bytes
  }
  view.setUint16(6, number)
  if (as !== undefined) {
    bytes[0] = TYPE.fourOctetAs
    view.setUint32(2, as)
    return bytes
  }
  const ip = parseIp(administrator)
  if (!ip.ok || ip.value.family !== 'IPv4') return undefined
  bytes[0] = TYPE.ipv4
  bytes.set(ipToBytes(ip.value), 2)
  return bytes
}

function standardOf(text: string, parts: readonly string[]): number | undefined {
  const name = text.toLowerCase().replaceAll('_', '-')
  if (Object.hasOwn(WELL_KNOWN_COMMUNITIES, name)) return WELL_KNOWN_COMMUNITIES[name]
  if (Object.hasOwn(ALIASES, name)) return ALIASES[name]
  const [high, low] = parts.map((part) => numberOf(part, MAX_16))
  return parts.length === 2 && high !== undefined && low !== undefined ? high * 0x1_0000 + low : undefined
}

/** Reads one community. Error: a sentence without a full stop, with the forms that can be read. */
export function parseCommunity(text: string): Result<Community, string> {
  const bad = err(`${JSON.stringify(text.slice(0, LONGEST))} is no community (${FORMS})`)
  if (text.length > LONGEST) return bad
  const [first = '', ...rest] = text.split(':')
  const word = first.toLowerCase()
  if (word === 'large') {
    const value = largeOf(rest)
    return value === undefined ? bad : ok({ kind: 'large', value })
  }
  const subtype = Object.hasOwn(SUBTYPES, word) ? SUBTYPES[word] : undefined
  if (subtype !== undefined) {
    const value = extendedOf(subtype, rest)
    return value === undefined ? bad : ok({ kind: 'extended', value })
  }
  const value = standardOf(text, [first, ...rest])
  return value === undefined ? bad : ok({ kind: 'standard', value })
}

/** `A:B` of a number of 32 bits, also of a well-known one: what patterns of policies are compared with. */
export const standardText = (value: number): string => `${Math.floor(value / 0x1_0000)}:${value % 0x1_0000}`
export const largeText = ({ global, local1, local2 }: Large): string => `${global}:${local1}:${local2}`

/** The subtype and the value of an extended community, such as `rt` and `65000:1`; undefined for one that this grammar cannot write. */
export function extendedParts(value: Uint8Array): { readonly subtype: 'rt' | 'ro'; readonly text: string } | undefined {
  const [type, code] = value
  const subtype = code === SUBTYPES['rt'] ? 'rt' : code === SUBTYPES['ro'] ? 'ro' : undefined
  if (subtype === undefined || value.length !== 8) return undefined
  const view = new DataView(value.buffer, value.byteOffset)
  if (type === TYPE.twoOctetAs) return { subtype, text: `${view.getUint16(2)}:${view.getUint32(4)}` }
  if (type === TYPE.fourOctetAs) return { subtype, text: `${view.getUint32(2)}:${view.getUint16(6)}` }
  if (type === TYPE.ipv4) return { subtype, text: `${formatIp(ipFromBytes(value.slice(2, 6)))}:${view.getUint16(6)}` }
  return undefined
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')

/** The canonical text: parseCommunity reads it back, except for extended ones of other types, which are `0x` and hex. */
export function formatCommunity(community: Community): string {
  if (community.kind === 'large') return `large:${largeText(community.value)}`
  if (community.kind === 'standard') {
    const name = Object.keys(WELL_KNOWN_COMMUNITIES).find((key) => WELL_KNOWN_COMMUNITIES[key] === community.value)
    return name ?? standardText(community.value)
  }
  const parts = extendedParts(community.value)
  return parts === undefined ? `0x${hex(community.value)}` : `${parts.subtype}:${parts.text}`
}

const compareNumbers = (a: readonly number[], b: readonly number[]): number => {
  const at = a.findIndex((value, index) => value !== b[index])
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}
const wordsOf = ({ global, local1, local2 }: Large) => [global, local1, local2]
const unique = <T>(values: readonly T[], key: (value: T) => string): readonly T[] => [
  ...new Map(values.map((value) => [key(value), value])).values(),
]

/** The three attributes of a list of communities: sorted, each once, so that equal lists are deeply equal. */
export function communitiesOf(list: readonly Community[]): Communities {
  const of = <K extends Community['kind']>(kind: K) =>
    list.filter((community): community is Extract<Community, { kind: K }> => community.kind === kind)
  return {
    communities: [...new Set(of('standard').map(({ value }) => value))].sort((a, b) => a - b),
    largeCommunities: unique(
      of('large').map(({ value }) => value),
      largeText,
    ).toSorted((a, b) => compareNumbers(wordsOf(a), wordsOf(b))),
    extendedCommunities: unique(
      of('extended').map(({ value }) => value),
      hex,
    ).toSorted((a, b) => compareNumbers([...a], [...b])),
  }
}
