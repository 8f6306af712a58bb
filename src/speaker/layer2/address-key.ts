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

/** Four bytes in network byte order. */
export function ipv4Key(bytes: Uint8Array): number {
  return (((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)) >>> 0
}

/** Sixteen bytes in network byte order. Throws RangeError when there are fewer, which is a bug of the caller. */
export function ipv6Key(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return (view.getBigUint64(0) << 64n) | view.getBigUint64(8)
}
