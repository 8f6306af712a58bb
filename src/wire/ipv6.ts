import { err, ok, type Result } from '../result.ts'
import type { CodecError } from './codec-error.ts'

/** Bytes before the payload. */
export const IPV6_HEADER_LENGTH = 40

/** ff02::1, every node on the link. Never write into it. */
export const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)

/** One IPv6 packet. Addresses are 16 bytes in network byte order; extension headers, if any, are part of the payload. */
export interface Ipv6Packet {
  readonly nextHeader: number
  readonly hopLimit: number
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly payload: Uint8Array
}

/**
 * Reads the packet that starts `bytes` (an Ethernet payload). The payload ends where its length field says; what stands behind it is
 * Ethernet padding. Traffic class and flow label are not looked at. Addresses and payload share memory with `bytes`.
 * Errors: TRUNCATED where header or payload length promise more bytes than there are; BAD_FIELD for another version.
 * Source: RFC 8200 section 3.
 */
export function parseIpv6(bytes: Uint8Array): Result<Ipv6Packet, CodecError> {
  if (bytes.length < IPV6_HEADER_LENGTH) return err({ code: 'TRUNCATED', at: 0, need: IPV6_HEADER_LENGTH, have: bytes.length })
  const view = new DataView(bytes.buffer, bytes.byteOffset, IPV6_HEADER_LENGTH)
  const version = view.getUint8(0) >>> 4
  if (version !== 6) return err({ code: 'BAD_FIELD', at: 0, field: 'version', got: version })
  const end = IPV6_HEADER_LENGTH + view.getUint16(4)
  if (bytes.length < end) return err({ code: 'TRUNCATED', at: IPV6_HEADER_LENGTH, need: end, have: bytes.length })
  return ok({
    nextHeader: view.getUint8(6),
    hopLimit: view.getUint8(7),
    source: bytes.subarray(8, 24),
    destination: bytes.subarray(24, 40),
    payload: bytes.subarray(IPV6_HEADER_LENGTH, end),
  })
}

/** The inverse of parseIpv6, with traffic class and flow label 0. Throws RangeError on a wrong length, which is a bug of the caller. */
export function serializeIpv6(packet: Ipv6Packet): Uint8Array {
  if (packet.source.length !== 16 || packet.destination.length !== 16) throw new RangeError('an IPv6 address has 16 bytes')
  if (packet.payload.length > 0xffff) throw new RangeError(`a payload of ${packet.payload.length} bytes`)
  const bytes = new Uint8Array(IPV6_HEADER_LENGTH + packet.payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 6 << 4)
  view.setUint16(4, packet.payload.length)
  view.setUint8(6, packet.nextHeader)
  view.setUint8(7, packet.hopLimit)
  bytes.set(packet.source, 8)
  bytes.set(packet.destination, 24)
  bytes.set(packet.payload, IPV6_HEADER_LENGTH)
  return bytes
}

/** ff00::/8. */
export const isMulticast = (address: Uint8Array): boolean => address[0] === 0xff

/** `::`, which no host has: who sends from it has no address yet. */
export const isUnspecified = (address: Uint8Array): boolean => address.every((byte) => byte === 0)

/** The Ethernet group that carries a multicast address: 33:33 and its last four bytes. Source: RFC 2464 section 7. */
export function multicastMac(group: Uint8Array): Uint8Array {
  return Uint8Array.of(0x33, 0x33, ...group.subarray(12, 16))
}
