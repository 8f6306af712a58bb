import { err, ok, type Result } from '../result.ts'
import type { CodecError } from './codec-error.ts'

/** Bytes before the payload: destination, source, type. */
export const ETHERNET_HEADER_LENGTH = 14

/** IEEE 802 numbers of the protocols that we look at. */
export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const

/** ff:ff:ff:ff:ff:ff. Never write into it. */
export const BROADCAST_MAC = new Uint8Array(6).fill(0xff)

/** One untagged Ethernet II frame without its frame check sequence. MACs are 6 bytes in network byte order. */
export interface EthernetFrame {
  readonly destination: Uint8Array
  readonly source: Uint8Array
  readonly etherType: number
  readonly payload: Uint8Array
}

/**
 * Reads one frame. The payload runs to the end of `bytes` (with its padding, which only the payload's own codec can tell) and shares
 * memory with them, as do the MACs: copy what has to outlive the receive buffer.
 * Errors: TRUNCATED under 14 bytes; BAD_FIELD for a type below 0x0600, which is an IEEE 802.3 length.
 * Source: IEEE 802.3 clause 3.2 with the type interpretation of RFC 894.
 */
export function parseEthernet(bytes: Uint8Array): Result<EthernetFrame, CodecError> {
  if (bytes.length < ETHERNET_HEADER_LENGTH) return err({ code: 'TRUNCATED', at: 0, need: ETHERNET_HEADER_LENGTH, have: bytes.length })
  const etherType = new DataView(bytes.buffer, bytes.byteOffset, ETHERNET_HEADER_LENGTH).getUint16(12)
  if (etherType < 0x0600) return err({ code: 'BAD_FIELD', at: 12, field: 'type', got: etherType })
  return ok({
    destination: bytes.subarray(0, 6),
    source: bytes.subarray(6, 12),
    etherType,
    payload: bytes.subarray(ETHERNET_HEADER_LENGTH),
  })
}

/**
 * The inverse of parseEthernet. Adds no padding: the network card pads to the shortest frame.
 * Throws RangeError on a MAC that is not 6 bytes or a type below 0x0600, which is a bug.
 */
export function serializeEthernet(frame: EthernetFrame): Uint8Array {
  if (frame.destination.length !== 6 || frame.source.length !== 6) throw new RangeError('a MAC address has 6 bytes')
  if (frame.etherType < 0x0600 || frame.etherType > 0xffff) throw new RangeError(`type ${frame.etherType}`)
  const bytes = new Uint8Array(ETHERNET_HEADER_LENGTH + frame.payload.length)
  bytes.set(frame.destination, 0)
  bytes.set(frame.source, 6)
  new DataView(bytes.buffer).setUint16(12, frame.etherType)
  bytes.set(frame.payload, ETHERNET_HEADER_LENGTH)
  return bytes
}
