/** Which addresses a pool stands for, and which of them it gives. */
import { type Family, formatIp, type Ip, parseIp } from '../addr/ip.ts'
import { type AddressRange, firstIp, lastIp, parseAddressRange, rangeContains, rangeSize, withoutRanges } from '../addr/range.ts'
import type { EipSpec } from '../api/eip.ts'
import { err, ok, type Result } from '../result.ts'

/** A Service by name. */
export interface ServiceName {
  readonly namespace: string
  readonly name: string
}

export interface PoolRanges {
  /** spec.address, then spec.addresses, as written: what the pool stands for, and what no other pool may touch. */
  readonly ranges: readonly AddressRange[]
  /** What may be given: the ranges without spec.exclude, disjoint, in the order of the spec. avoidBuggyIPs is not applied. */
  readonly usable: readonly AddressRange[]
  /** Of these, what is kept for nobody, in the same order: a search must not step over a thousand reservations one by one. */
  readonly unreserved: readonly AddressRange[]
  readonly avoidBuggyIPs: boolean
  /** Addresses kept for Services, by canonical text. */
  readonly reservations: ReadonlyMap<string, ServiceName>
}

/** `field` is the path of the setting; `message` is a sentence without a full stop. */
export interface RangeError {
  readonly field: string
  readonly text: string
  readonly message: string
}

function readAll(field: string, texts: readonly string[]): Result<readonly AddressRange[], RangeError> {
  const ranges: AddressRange[] = []
  for (const [at, text] of texts.entries()) {
    const range = parseAddressRange(text)
    if (!range.ok) return err({ field: `${field}[${at}]`, text, message: range.error.message })
    ranges.push(range.value)
  }
  return ok(ranges)
}

function readReservations(spec: EipSpec): Result<ReadonlyMap<string, ServiceName>, RangeError> {
  const reservations = new Map<string, ServiceName>()
  for (const [at, { address, namespace, name }] of (spec.reservations ?? []).entries()) {
    const ip = parseIp(address)
    if (!ip.ok) return err({ field: `spec.reservations[${at}].address`, text: address, message: ip.error.message })
    reservations.set(formatIp(ip.value), { namespace, name })
  }
  return ok(reservations)
}

/** Reads spec.addresses, spec.exclude and spec.reservations around `first`, which is spec.address. Error: the first that cannot be read. */
export function readPoolRanges(first: AddressRange, spec: EipSpec): Result<PoolRanges, RangeError> {
  const more = readAll('spec.addresses', spec.addresses ?? [])
  if (!more.ok) return more
  const excluded = readAll('spec.exclude', spec.exclude ?? [])
  if (!excluded.ok) return excluded
  const reservations = readReservations(spec)
  if (!reservations.ok) return reservations
  const ranges = [first, ...more.value]
  // A range written twice counts once: what comes first has it.
  const usable = ranges.flatMap((range, at) => withoutRanges(range, [...excluded.value, ...ranges.slice(0, at)]))
  const unreserved = withoutReserved(usable, reservations.value)
  return ok({ ranges, usable, unreserved, avoidBuggyIPs: spec.avoidBuggyIPs ?? false, reservations: reservations.value })
}

function withoutReserved(usable: readonly AddressRange[], reservations: PoolRanges['reservations']): readonly AddressRange[] {
  const holes = [...reservations.keys()].flatMap((address): AddressRange[] => {
    const ip = parseIp(address)
    return ip.ok ? [{ family: ip.value.family, first: ip.value.value, last: ip.value.value }] : []
  })
  return holes.length === 0 ? usable : usable.flatMap((range) => withoutRanges(range, holes))
}

/** The fields that hold ranges, with the range of each that can be read: `spec.address`, `spec.addresses[0]` and so on. */
export function rangeFields(
  spec: Pick<EipSpec, 'address' | 'addresses'> | undefined,
): readonly { readonly field: string; readonly range: AddressRange }[] {
  return [spec?.address ?? '', ...(spec?.addresses ?? [])].flatMap((text, at) => {
    const range = parseAddressRange(text)
    return range.ok ? [{ field: at === 0 ? 'spec.address' : `spec.addresses[${at - 1}]`, range: range.value }] : []
  })
}

/** The text of a range: one address, or the first and the last. */
export function rangeText(range: AddressRange): string {
  const [first, last] = [formatIp(firstIp(range)), formatIp(lastIp(range))]
  return first === last ? first : `${first}-${last}`
}

/** Whether the last byte of an IPv4 address is 0 or 255. */
export const isBuggy = (ip: Ip): boolean => ip.family === 'IPv4' && ((ip.value & 0xffn) === 0n || (ip.value & 0xffn) === 0xffn)

/** Whether the address is in one of the ranges that the pool stands for, given or not. */
export const poolContains = (pool: Pick<PoolRanges, 'ranges'>, ip: Ip): boolean => pool.ranges.some((range) => rangeContains(range, ip))

/** Whether the address is kept for this Service. */
export function isKeptFor({ namespace, name }: ServiceName, pool: Pick<PoolRanges, 'reservations'>, ip: Ip): boolean {
  const kept = pool.reservations.get(formatIp(ip))
  return kept?.namespace === namespace && kept.name === name
}

/** Whether the pool gives this address to anybody: it is in a range, not excluded, and not one of those that avoidBuggyIPs leaves out. */
export const poolGives = (pool: PoolRanges, ip: Ip): boolean =>
  pool.usable.some((range) => rangeContains(range, ip)) && !(pool.avoidBuggyIPs && isBuggy(ip))

/** Whether the pool has addresses of a family to give. */
export const poolServes = (pool: Pick<PoolRanges, 'usable'>, family: Family): boolean =>
  pool.usable.some((range) => range.family === family)

/** The families that the pool gives, that of its first range first. */
export const poolFamilies = (pool: Pick<PoolRanges, 'usable'>): readonly Family[] => [...new Set(pool.usable.map(({ family }) => family))]

/** How many addresses up to and with `value` end in the byte 0 or 255. */
const buggyUpTo = (value: bigint): bigint => (value < 0n ? 0n : (value >> 8n) * 2n + 1n + ((value & 0xffn) === 0xffn ? 1n : 0n))

function givenBy(range: AddressRange, avoidBuggyIPs: boolean): bigint {
  const buggy = avoidBuggyIPs && range.family === 'IPv4' ? buggyUpTo(range.last) - buggyUpTo(range.first - 1n) : 0n
  return rangeSize(range) - buggy
}

/** How many addresses the pool gives, of one family or of both. */
export const poolSize = (pool: PoolRanges, family?: Family): bigint =>
  pool.usable
    .filter((range) => family === undefined || range.family === family)
    .reduce((sum, range) => sum + givenBy(range, pool.avoidBuggyIPs), 0n)
