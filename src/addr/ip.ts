import { err, ok, type Result } from '../result.ts'

export type Family = 'IPv4' | 'IPv6'

/** One address. `value` is the 32 or 128 bit number in network order; arithmetic on it is bigint, never number. */
export interface Ip {
  readonly family: Family
  readonly value: bigint
}

/** Why a text is not an address, prefix, range or MAC. `text` is the input, cut to 64 characters; `message` is a sentence part. */
export interface AddressError {
  readonly code: 'BAD_ADDRESS' | 'BAD_PREFIX' | 'BAD_RANGE' | 'REVERSED_RANGE' | 'MIXED_FAMILIES'
  readonly text: string
  readonly message: string
}

/** Width in bits of an address of each family. */
export const FAMILY_BITS = { IPv4: 32, IPv6: 128 } as const

/** The longest text of an IPv6 address: six groups and a dotted tail. Longer input is refused unread. */
const LONGEST_IP_TEXT = 45
const SHOWN_TEXT = 64
const MAPPED_FIRST = 0xffff_0000_0000n
const MAPPED_LAST = 0xffff_ffff_ffffn
const DECIMAL_OCTET = /^(0|[1-9]\d{0,2})$/
const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/

/** Builds an AddressError whose text is short enough, and free enough of line breaks, for an event or an admission message. */
export function addressError(code: AddressError['code'], text: string, reason: string): AddressError {
  const shown = text.length > SHOWN_TEXT ? `${text.slice(0, SHOWN_TEXT)}...` : text
  return { code, text: shown, message: `${JSON.stringify(shown)} ${reason}` }
}

/**
 * Reads one IPv4 or IPv6 address. Strict: no spaces, no leading zeros in IPv4 octets (some tools read them as octal),
 * no zone, no prefix length. An IPv4-mapped IPv6 address (::ffff:0:0/96) is refused, because it never appears on a wire
 * and it is unclear which family is meant. Source: RFC 4291 section 2.2, RFC 6943 section 3.1.1.
 */
export function parseIp(text: string): Result<Ip, AddressError> {
  const bad = (reason: string) => err(addressError('BAD_ADDRESS', text, reason))
  if (text.length > LONGEST_IP_TEXT) return bad('is too long for an IP address')
  const value = text.includes(':') ? readIpv6(text) : readIpv4(text)
  if (value === undefined) return bad('is not an IP address (write 192.0.2.10 or 2001:db8::10)')
  if (!text.includes(':')) return ok({ family: 'IPv4', value })
  if (value >= MAPPED_FIRST && value <= MAPPED_LAST) {
    return bad(`is an IPv4 address written as IPv6 (write ${formatIpv4(value & 0xffff_ffffn)})`)
  }
  return ok({ family: 'IPv6', value })
}

/** The canonical text of an address: dotted decimal, or RFC 5952 (lower case, longest zero run as `::`, mapped as ::ffff:a.b.c.d). */
export function formatIp(ip: Ip): string {
  return ip.family === 'IPv4' ? formatIpv4(ip.value) : formatIpv6(ip.value)
}

/** Sorts IPv4 before IPv6, then by number. */
export function compareIp(a: Ip, b: Ip): -1 | 0 | 1 {
  if (a.family !== b.family) return a.family === 'IPv4' ? -1 : 1
  if (a.value === b.value) return 0
  return a.value < b.value ? -1 : 1
}

/** The address in network byte order: 4 or 16 new bytes. */
export function ipToBytes(ip: Ip): Uint8Array {
  const bytes = new Uint8Array(FAMILY_BITS[ip.family] / 8)
  let rest = ip.value
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

/** The inverse of ipToBytes. Throws RangeError unless there are 4 or 16 bytes, which is a bug of the caller. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length !== 4 && bytes.length !== 16) throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`)
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return { family: bytes.length === 4 ? 'IPv4' : 'IPv6', value }
}

function readIpv4(text: string): bigint | undefined {
  const octets = text.split('.')
  if (octets.length !== 4) return undefined
  let value = 0n
  for (const octet of octets) {
    if (!DECIMAL_OCTET.test(octet) || Number(octet) > 255) return undefined
    value = (value << 8n) | BigInt(octet)
  }
  return value
}

function readIpv6(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head = '', tail] = halves
  const before = readGroups(head, tail === undefined)
  const after = tail === undefined ? [] : readGroups(tail, true)
  if (before === undefined || after === undefined) return undefined
  const missing = 8 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...before, ...Array<bigint>(missing).fill(0n), ...after]
  return groups.reduce((value, group) => (value << 16n) | group, 0n)
}

/** The 16 bit groups of one side of `::`; the last part of the whole text may be a dotted IPv4 address, which gives two. */
function readGroups(text: string, mayEndDotted: boolean): bigint[] | undefined {
  if (text === '') return []
  const groups: bigint[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (mayEndDotted && index === parts.length - 1 && part.includes('.')) {
      const dotted = readIpv4(part)
      if (dotted === undefined) return undefined
      groups.push(dotted >> 16n, dotted & 0xffffn)
    } else if (HEX_GROUP.test(part)) {
      groups.push(BigInt(`0x${part}`))
    } else return undefined
  }
  return groups
}

const formatIpv4 = (value: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.')

/** The eight 16 bit groups of an IPv6 address, highest first. */
export function ipv6Groups(value: bigint): bigint[] {
  return [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n].map((shift) => (value >> shift) & 0xffffn)
}

function formatIpv6(value: bigint): string {
  if (value >= MAPPED_FIRST && value <= MAPPED_LAST) return `::ffff:${formatIpv4(value & 0xffff_ffffn)}`
  const groups = ipv6Groups(value)
  const run = longestZeroRun(groups)
  const text = (part: readonly bigint[]) => part.map((group) => group.toString(16)).join(':')
  if (run.length < 2) return text(groups)
  return `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`
}

/** RFC 5952 section 4.2.3: the longest run, and the first one of equals. */
function longestZeroRun(groups: readonly bigint[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (const [index, group] of groups.entries()) {
    if (group !== 0n) start = index + 1
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start }
  }
  return best
}
