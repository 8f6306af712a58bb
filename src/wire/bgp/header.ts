import { err, ok, type Result } from '../../result.ts'
import { readU16, u16 } from './bytes.ts'
import { ERROR, HEADER_ERROR, MESSAGE_TYPE, type MessageType } from './iana.ts'
import { type ProtocolError, protocolError } from './protocol-error.ts'

/**
 * Every message starts with 19 bytes (RFC 4271 section 4.1):
 *
 *     0             16       18     19
 *     | 16 x 0xff | length | type | body ...
 */
export const HEADER_LENGTH = 19
/** The longest message, header included, and the longest once both sides have said that they take more. RFC 8654 section 3. */
export const MESSAGE_MAX = 4096
export const EXTENDED_MESSAGE_MAX = 65_535

const MARKER_LENGTH = 16
const TYPES = Object.keys(MESSAGE_TYPE) as MessageType[]
/** The shortest message of each type, header included; a KEEPALIVE is never longer either. */
const SHORTEST = { open: 29, update: 23, notification: 21, keepalive: 19, routeRefresh: 23 } as const

/** One message of a stream. `body` is what follows the header and shares memory with the stream's bytes. */
export interface Frame {
  readonly type: MessageType
  readonly body: Uint8Array
  /** Bytes of the whole message: where the next one starts. */
  readonly length: number
}

/**
 * Finds the message that starts `stream`, the bytes received so far; undefined when more are needed. What can be refused is refused as
 * soon as it is there: a wrong marker does not wait for a whole header.
 * Errors, RFC 4271 section 6.1: Connection Not Synchronized; Bad Message Length with the length; Bad Message Type with the type.
 * @param longest MESSAGE_MAX or EXTENDED_MESSAGE_MAX. An OPEN or a KEEPALIVE is never extended: RFC 8654 section 4.
 */
export function parseFrame(stream: Uint8Array, longest: number): Result<Frame | undefined, ProtocolError> {
  for (let at = 0; at < MARKER_LENGTH && at < stream.length; at++) {
    if (stream[at] !== 0xff) return err(protocolError(ERROR.header, HEADER_ERROR.notSynchronized, 'the marker is not all ones'))
  }
  if (stream.length < HEADER_LENGTH) return ok(undefined)
  const length = readU16(stream, MARKER_LENGTH)
  const number = stream[MARKER_LENGTH + 2] ?? 0
  const type = TYPES.find((name) => MESSAGE_TYPE[name] === number)
  if (length < HEADER_LENGTH || length > longest) return badLength(length)
  if (type === undefined) {
    return err(protocolError(ERROR.header, HEADER_ERROR.badType, `the type ${number} is unknown`, Uint8Array.of(number)))
  }
  if (length < SHORTEST[type] || (type === 'keepalive' && length > HEADER_LENGTH)) return badLength(length)
  if (type === 'open' && length > MESSAGE_MAX) return badLength(length)
  if (stream.length < length) return ok(undefined)
  return ok({ type, body: stream.subarray(HEADER_LENGTH, length), length })
}

const badLength = (length: number) =>
  err(protocolError(ERROR.header, HEADER_ERROR.badLength, `the length is ${length}`, Uint8Array.from(u16(length))))

/** A whole message. Throws RangeError when it would be longer than any message can be, which is a bug of the caller. */
export function serializeFrame(type: MessageType, body: Uint8Array): Uint8Array {
  const length = HEADER_LENGTH + body.length
  if (length > EXTENDED_MESSAGE_MAX) throw new RangeError(`a message of ${length} bytes`)
  const bytes = new Uint8Array(length).fill(0xff, 0, MARKER_LENGTH)
  bytes.set([...u16(length), MESSAGE_TYPE[type]], MARKER_LENGTH)
  bytes.set(body, HEADER_LENGTH)
  return bytes
}
