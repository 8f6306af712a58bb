import { err, ok, type Result } from '../result.ts'
import type { CodecError } from './codec-error.ts'

/** Membership packets on a stream: each, with its seal, behind its length as an unsigned 16-bit number in network byte order. */

/** Bytes of the longest packet with its seal. */
export const STREAM_PACKET_MAX = 1400
const PREFIX_LENGTH = 2

/** The packet behind its length. Throws RangeError on one that is empty or too long, which is a bug of the caller. */
export function toStream(packet: Uint8Array): Uint8Array {
  if (packet.length === 0 || packet.length > STREAM_PACKET_MAX) throw new RangeError(`a packet of ${packet.length} bytes`)
  const bytes = new Uint8Array(PREFIX_LENGTH + packet.length)
  new DataView(bytes.buffer).setUint16(0, packet.length)
  bytes.set(packet, PREFIX_LENGTH)
  return bytes
}

/** `rest` is what follows the packet. Both share memory with what was read. */
export interface StreamPacket {
  readonly packet: Uint8Array
  readonly rest: Uint8Array
}

/**
 * Takes the first packet of what a stream has brought so far; undefined while it is not complete.
 * Errors: BAD_FIELD for a length of zero or above STREAM_PACKET_MAX: whoever sends it speaks something else, and nobody has to keep more
 * than that for a stranger.
 */
export function fromStream(bytes: Uint8Array): Result<StreamPacket | undefined, CodecError> {
  if (bytes.length < PREFIX_LENGTH) return ok(undefined)
  const length = new DataView(bytes.buffer, bytes.byteOffset, PREFIX_LENGTH).getUint16(0)
  if (length === 0 || length > STREAM_PACKET_MAX) return err({ code: 'BAD_FIELD', at: 0, field: 'length', got: length })
  const end = PREFIX_LENGTH + length
  return ok(bytes.length < end ? undefined : { packet: bytes.subarray(PREFIX_LENGTH, end), rest: bytes.subarray(end) })
}
