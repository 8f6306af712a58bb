import { err, ok, type Result } from '../../result.ts'
import type { CodecError } from '../codec-error.ts'
import { concat, readU16, readU32, readUtf8, u8, u16, u32 } from './bytes.ts'
import { HEADER_LENGTH, MESSAGE_MAX, serializeFrame } from './header.ts'
import { CEASE, ERROR } from './iana.ts'

/** A NOTIFICATION: why its sender closes the session. RFC 4271 section 4.5. */
export interface Notification {
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array
}

/** The longest text beside a shutdown, in bytes of UTF-8. RFC 9003 section 2. */
export const SHUTDOWN_TEXT_MAX = 255

/** Reads the body of a NOTIFICATION. `data` shares memory with it. Errors: TRUNCATED under 2 bytes. */
export function parseNotification(body: Uint8Array): Result<Notification, CodecError> {
  const [code, subcode] = body
  if (code === undefined || subcode === undefined) return err({ code: 'TRUNCATED', at: 0, need: 2, have: body.length })
  return ok({ code, subcode, data: body.subarray(2) })
}

const bodyOf = ({ code, subcode, data }: Notification): Uint8Array => concat([Uint8Array.of(...u8(code), ...u8(subcode)), data])

/** Bytes of data in the longest NOTIFICATION that every neighbour takes. */
const DATA_MAX = MESSAGE_MAX - HEADER_LENGTH - 2

/**
 * The inverse of parseNotification, as a whole message. Data is evidence, and may be a whole extended message of the neighbour's: what
 * does not fit into 4,096 bytes is left away, because the neighbour need not take more. Throws RangeError on numbers above 255.
 */
export const serializeNotification = (notification: Notification): Uint8Array =>
  serializeFrame('notification', bodyOf({ ...notification, data: notification.data.subarray(0, DATA_MAX) }))

const takesText = ({ code, subcode }: Notification): boolean =>
  code === ERROR.cease && (subcode === CEASE.administrativeShutdown || subcode === CEASE.administrativeReset)

/**
 * The text that the operator of the other side gave with a shutdown or a reset; undefined when there is none. It is foreign text: line
 * breaks and control characters are in it as they came. Errors: TRUNCATED when its length promises more than there is; BAD_FIELD when
 * it is not UTF-8. RFC 9003 section 2: either is to be logged, and to change nothing else.
 */
export function shutdownText(notification: Notification): Result<string | undefined, CodecError> {
  const { data } = notification
  const [length = 0] = data
  if (!takesText(notification) || length === 0) return ok(undefined)
  if (data.length < 1 + length) return err({ code: 'TRUNCATED', at: 1, need: length, have: data.length - 1 })
  const text = readUtf8(data.subarray(1, 1 + length))
  return text === undefined ? err({ code: 'BAD_FIELD', at: 1, field: 'UTF-8', got: data[1] ?? 0 }) : ok(text)
}

/**
 * A Cease with Administrative Shutdown or Administrative Reset. A text of more than 255 bytes is cut between two characters.
 * RFC 9003 section 2, and RFC 8203 for readers that take 128 bytes only: they ignore a longer one.
 */
export function shutdownNotification(subcode: 'administrativeShutdown' | 'administrativeReset', text: string): Notification {
  const bytes = new Uint8Array(SHUTDOWN_TEXT_MAX)
  const { written } = new TextEncoder().encodeInto(text, bytes)
  return { code: ERROR.cease, subcode: CEASE[subcode], data: concat([Uint8Array.from(u8(written)), bytes.subarray(0, written)]) }
}

/**
 * A Cease with Hard Reset around the reason: even a graceful-restart neighbour that is told of NOTIFICATIONs drops the routes. RFC 8538
 * section 3.1.
 */
export const hardReset = (reason: Notification): Notification => ({ code: ERROR.cease, subcode: CEASE.hardReset, data: bodyOf(reason) })

/** What a Hard Reset carries; undefined for every other NOTIFICATION, and for a Hard Reset without a reason. */
export function hardResetReason({ code, subcode, data }: Notification): Notification | undefined {
  if (code !== ERROR.cease || subcode !== CEASE.hardReset) return undefined
  const reason = parseNotification(data)
  return reason.ok ? reason.value : undefined
}

/** The family and the limit that a Cease with Maximum Number of Prefixes Reached names; undefined when it names none. RFC 4486 section 4. */
export function prefixLimit({
  code,
  subcode,
  data,
}: Notification): { readonly afi: number; readonly safi: number; readonly limit: number } | undefined {
  if (code !== ERROR.cease || subcode !== CEASE.maximumPrefixes || data.length !== 7) return undefined
  return { afi: readU16(data, 0), safi: data[2] ?? 0, limit: readU32(data, 3) }
}

/** A Cease because the neighbour has sent more prefixes of a family than `limit`. RFC 4486 section 4. */
export const prefixLimitNotification = (afi: number, safi: number, limit: number): Notification => ({
  code: ERROR.cease,
  subcode: CEASE.maximumPrefixes,
  data: Uint8Array.of(...u16(afi), ...u8(safi), ...u32(limit)),
})

const SENTENCES: Readonly<Record<number, readonly [string, Readonly<Record<number, string>>]>> = {
  1: ['Message Header Error', { 1: 'Connection Not Synchronized', 2: 'Bad Message Length', 3: 'Bad Message Type' }],
  2: [
    'OPEN Message Error',
    {
      1: 'Unsupported Version Number',
      2: 'Bad Peer AS',
      3: 'Bad BGP Identifier',
      4: 'Unsupported Optional Parameter',
      6: 'Unacceptable Hold Time',
      7: 'Unsupported Capability',
      11: 'Role Mismatch',
    },
  ],
  3: [
    'UPDATE Message Error',
    {
      1: 'Malformed Attribute List',
      2: 'Unrecognized Well-known Attribute',
      3: 'Missing Well-known Attribute',
      4: 'Attribute Flags Error',
      5: 'Attribute Length Error',
      6: 'Invalid ORIGIN Attribute',
      8: 'Invalid NEXT_HOP Attribute',
      9: 'Optional Attribute Error',
      10: 'Invalid Network Field',
      11: 'Malformed AS_PATH',
    },
  ],
  4: ['Hold Timer Expired', {}],
  5: ['Finite State Machine Error', { 1: 'in OpenSent', 2: 'in OpenConfirm', 3: 'in Established' }],
  6: [
    'Cease',
    {
      1: 'Maximum Number of Prefixes Reached',
      2: 'Administrative Shutdown',
      3: 'Peer De-configured',
      4: 'Administrative Reset',
      5: 'Connection Rejected',
      6: 'Other Configuration Change',
      7: 'Connection Collision Resolution',
      8: 'Out of Resources',
      9: 'Hard Reset',
      10: 'BFD Down',
    },
  ],
  7: ['ROUTE-REFRESH Message Error', { 1: 'Invalid Message Length' }],
  8: ['Send Hold Timer Expired', {}],
}

/** The registered names of a code and its subcode, such as `Cease/Administrative Shutdown`; numbers where there is no name. */
export function notificationName({ code, subcode }: Pick<Notification, 'code' | 'subcode'>): string {
  const [name = `error ${code}`, subcodes] = SENTENCES[code] ?? []
  if (subcode === 0) return name
  return `${name}/${subcodes?.[subcode] ?? `subcode ${subcode}`}`
}
