import type { Family, Ip } from '../../addr/ip.ts'

/**
 * An address as the key of a table: IPv4 as an unsigned 32-bit number, IPv6 as a bigint. The type tells the family, and one hash lookup
 * finds the line, whatever the table's size.
 */
export type AddressKey = number | bigint

export const addressKey = ({ family, value }: Ip): AddressKey => (family === 'IPv4' ? Number(value) : value)

export const ipOfKey = (key: AddressKey): Ip =>
  typeof key === 'number' ? { family: 'IPv4', value: BigInt(key) } : { family: 'IPv6', value: key }

export const familyOfKey = (key: AddressKey): Family => (typeof key === 'number' ? 'IPv4' : 'IPv6')

/** Four bytes in network byte order, from `at` on. */
export function ipv4Key(bytes: Uint8Array, at = 0): number {
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
}

/** Sixteen bytes in network byte order, from `at` on; those that are missing count as 0. */
export function ipv6Key(bytes: Uint8Array, at = 0): bigint {
  const high = (BigInt(ipv4Key(bytes, at)) << 32n) | BigInt(ipv4Key(bytes, at + 4))
  const low = (BigInt(ipv4Key(bytes, at + 8)) << 32n) | BigInt(ipv4Key(bytes, at + 12))
  return (high << 64n) | low
}
