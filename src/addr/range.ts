import { err, ok, type Result } from '../result.ts'
import { type AddressError, addressError, type Family, type Ip, parseIp } from './ip.ts'
import { parsePrefix, prefixRange } from './prefix.ts'

/** Consecutive addresses of one family, both ends included, `first` <= `last`. */
export interface AddressRange {
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
}

/** Two IPv6 addresses in their longest text, and the dash. Longer input is refused unread. */
const LONGEST_RANGE_TEXT = 91

/**
 * Reads what `Eip.spec.address` may hold, exactly as OpenELB does: `IP`, `IP/length` (host bits are masked away) or
 * `IP1-IP2` (both included). No spaces, no lists, no dotted masks.
 * Errors: BAD_RANGE for the wrong form, BAD_ADDRESS, BAD_PREFIX, MIXED_FAMILIES, REVERSED_RANGE.
 */
export function parseAddressRange(text: string): Result<AddressRange, AddressError> {
  if (text.length > LONGEST_RANGE_TEXT) return err(addressError('BAD_RANGE', text, 'is too long for an address range'))
  if (text.includes('-')) return parseDashed(text)
  if (text.includes('/')) {
    const prefix = parsePrefix(text)
    return prefix.ok ? ok(prefixRange(prefix.value)) : prefix
  }
  const ip = parseIp(text)
  if (!ip.ok) return ip
  return ok({ family: ip.value.family, first: ip.value.value, last: ip.value.value })
}

function parseDashed(text: string): Result<AddressRange, AddressError> {
  const parts = text.split('-')
  const [from, to] = parts
  if (!from || !to || parts.length !== 2) {
    return err(addressError('BAD_RANGE', text, 'is not a range (write the first and the last address with one "-" between)'))
  }
  const first = parseIp(from)
  if (!first.ok) return first
  const last = parseIp(to)
  if (!last.ok) return last
  if (first.value.family !== last.value.family) {
    return err(addressError('MIXED_FAMILIES', text, 'mixes IPv4 and IPv6 (use one family per range)'))
  }
  if (first.value.value > last.value.value) {
    return err(addressError('REVERSED_RANGE', text, `ends before it starts (write ${to}-${from})`))
  }
  return ok({ family: first.value.family, first: first.value.value, last: last.value.value })
}

/** How many addresses the range has; 2^128 for ::/0. */
export const rangeSize = (range: AddressRange): bigint => range.last - range.first + 1n

/** Whether the address is in the range. */
export const rangeContains = (range: AddressRange, ip: Ip): boolean =>
  range.family === ip.family && range.first <= ip.value && ip.value <= range.last

/** Whether the ranges share an address. */
export const rangesOverlap = (a: AddressRange, b: AddressRange): boolean => a.family === b.family && a.first <= b.last && b.first <= a.last

/** The lowest address. */
export const firstIp = (range: AddressRange): Ip => ({ family: range.family, value: range.first })

/** The highest address. */
export const lastIp = (range: AddressRange): Ip => ({ family: range.family, value: range.last })

/** What is left of `range` without `holes`, ascending; empty when nothing is. Holes may overlap, and be of the other family. O(h log h). */
export function withoutRanges(range: AddressRange, holes: Iterable<AddressRange>): readonly AddressRange[] {
  const sorted = [...holes].filter((hole) => rangesOverlap(hole, range)).toSorted((a, b) => (a.first < b.first ? -1 : 1))
  const left: AddressRange[] = []
  let from = range.first
  for (const hole of sorted) {
    if (hole.first > from) left.push({ family: range.family, first: from, last: hole.first - 1n })
    if (hole.last >= from) from = hole.last + 1n
  }
  if (from <= range.last) left.push({ family: range.family, first: from, last: range.last })
  return left
}
