import { err, ok, type Result } from '../result.ts'
import type { CodecError } from './codec-error.ts'

/**
 * BFD control packets, the payload of UDP port 3784 (single hop) or 4784 (multihop). RFC 5880 sections 4.1 to 4.4:
 *
 *      0                   1                   2                   3
 *     |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
 *     |                       My Discriminator                        |
 *     |                      Your Discriminator                       |
 *     |            Desired Min TX Interval (microseconds)             |
 *     |           Required Min RX Interval (microseconds)             |
 *     |         Required Min Echo RX Interval (microseconds)          |
 *     |   Auth Type   |   Auth Len    |  Auth Key ID  | Password, or Reserved, Sequence Number, Digest
 */

/** Bytes before the authentication section. */
export const BFD_LENGTH = 24
/** UDP ports of RFC 5881 section 4 and RFC 5883 section 5. */
export const BFD_PORT = { singleHop: 3784, multihop: 4784 } as const

/** In the order of their numbers on the wire. RFC 5880 section 4.1. */
export const BFD_STATES = ['AdminDown', 'Down', 'Init', 'Up'] as const
export type BfdState = (typeof BFD_STATES)[number]

/** Why the sender's session last went down. RFC 5880 section 4.1. */
export const BFD_DIAGNOSTIC = {
  none: 0,
  detectionTimeExpired: 1,
  echoFailed: 2,
  neighborSignaledDown: 3,
  forwardingPlaneReset: 4,
  pathDown: 5,
  concatenatedPathDown: 6,
  administrativelyDown: 7,
  reverseConcatenatedPathDown: 8,
} as const

const AUTH_TYPE = { simple: 1, md5: 2, meticulousMd5: 3, sha1: 4, meticulousSha1: 5 } as const
/** Bytes of a digest, which is also what a key is padded to. RFC 5880 sections 4.3 and 4.4. */
export const DIGEST_LENGTH = { md5: 16, meticulousMd5: 16, sha1: 20, meticulousSha1: 20 } as const
/** Type, length, key id, reserved, sequence number. */
const DIGEST_OFFSET = 8
const PASSWORD_OFFSET = 3
const LONGEST_PASSWORD = 16

export type BfdDigestKind = keyof typeof DIGEST_LENGTH
/** The authentication section. A password is 1 to 16 bytes; a digest 16 (MD5) or 20 (SHA1); numbers are unsigned. */
export type BfdAuthentication =
  | { readonly kind: 'simple'; readonly keyId: number; readonly password: Uint8Array }
  | { readonly kind: BfdDigestKind; readonly keyId: number; readonly sequence: number; readonly digest: Uint8Array }

/** One control packet. Discriminators and intervals are unsigned 32-bit numbers, intervals in microseconds. */
export interface BfdPacket {
  readonly diagnostic: number
  readonly state: BfdState
  readonly poll: boolean
  readonly final: boolean
  readonly controlPlaneIndependent: boolean
  readonly demand: boolean
  readonly detectMultiplier: number
  readonly myDiscriminator: number
  readonly yourDiscriminator: number
  readonly desiredMinTxUs: number
  readonly requiredMinRxUs: number
  readonly requiredMinEchoRxUs: number
  readonly authentication?: BfdAuthentication | undefined
}

const FLAG = { poll: 0x20, final: 0x10, controlPlaneIndependent: 0x08, authentication: 0x04, demand: 0x02, multipoint: 0x01 } as const
const VERSION = 1

const bad = (at: number, field: string, got: number): Result<never, CodecError> => err({ code: 'BAD_FIELD', at, field, got })

/**
 * Reads the control packet that starts `bytes` (the payload of the datagram; what stands behind its length is ignored), with every check
 * that needs the packet alone: version, length, multiplier, multipoint bit, discriminators, and the form of the authentication section,
 * whose digest ../speaker/bfd/authentication.ts verifies. P and F together are refused (RFC 5880 section 6.8.7: never sent so).
 * The result shares no memory with `bytes`. Errors: TRUNCATED, or BAD_FIELD with its offset. Source: RFC 5880 sections 4 and 6.8.6.
 */
export function parseBfd(bytes: Uint8Array): Result<BfdPacket, CodecError> {
  if (bytes.length < BFD_LENGTH) return err({ code: 'TRUNCATED', at: 0, need: BFD_LENGTH, have: bytes.length })
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const refused = refusal(view)
  if (refused !== undefined) return refused
  const flags = view.getUint8(1)
  const has = (flag: number) => (flags & flag) !== 0
  const authentication = has(FLAG.authentication) ? parseAuthentication(bytes.subarray(0, view.getUint8(3))) : ok(undefined)
  if (!authentication.ok) return authentication
  return ok({
    diagnostic: view.getUint8(0) & 0x1f,
    state: BFD_STATES[flags >>> 6] ?? 'AdminDown',
    poll: has(FLAG.poll),
    final: has(FLAG.final),
    controlPlaneIndependent: has(FLAG.controlPlaneIndependent),
    demand: has(FLAG.demand),
    detectMultiplier: view.getUint8(2),
    myDiscriminator: view.getUint32(4),
    yourDiscriminator: view.getUint32(8),
    desiredMinTxUs: view.getUint32(12),
    requiredMinRxUs: view.getUint32(16),
    requiredMinEchoRxUs: view.getUint32(20),
    authentication: authentication.value,
  })
}

/** The checks of RFC 5880 section 6.8.6 in its order; `view` has BFD_LENGTH bytes or more. */
function refusal(view: DataView): Result<never, CodecError> | undefined {
  const [first, flags, multiplier, length] = [view.getUint8(0), view.getUint8(1), view.getUint8(2), view.getUint8(3)]
  if (first >>> 5 !== VERSION) return bad(0, 'version', first >>> 5)
  if (length < BFD_LENGTH + ((flags & FLAG.authentication) === 0 ? 0 : 2)) return bad(3, 'length', length)
  if (length > view.byteLength) return err({ code: 'TRUNCATED', at: 0, need: length, have: view.byteLength })
  if (multiplier === 0) return bad(2, 'detection multiplier', 0)
  if ((flags & FLAG.multipoint) !== 0) return bad(1, 'multipoint', flags)
  if ((flags & FLAG.poll) !== 0 && (flags & FLAG.final) !== 0) return bad(1, 'poll and final', flags)
  if (view.getUint32(4) === 0) return bad(4, 'my discriminator', 0)
  const isDown = flags >>> 6 <= 1
  return view.getUint32(8) === 0 && !isDown ? bad(8, 'your discriminator', 0) : undefined
}

/** `packet` ends with its authentication section, which has 2 bytes or more. */
function parseAuthentication(packet: Uint8Array): Result<BfdAuthentication, CodecError> {
  const section = packet.subarray(BFD_LENGTH)
  const [type = 0, length = 0, keyId = 0] = section
  if (length !== section.length) return bad(BFD_LENGTH + 1, 'authentication length', length)
  if (type === AUTH_TYPE.simple) {
    const isLong = length > PASSWORD_OFFSET && length <= PASSWORD_OFFSET + LONGEST_PASSWORD
    return isLong
      ? ok({ kind: 'simple', keyId, password: section.slice(PASSWORD_OFFSET) })
      : bad(BFD_LENGTH + 1, 'authentication length', length)
  }
  const kind = (Object.keys(DIGEST_LENGTH) as BfdDigestKind[]).find((name) => AUTH_TYPE[name] === type)
  if (kind === undefined) return bad(BFD_LENGTH, 'authentication type', type)
  if (length !== DIGEST_OFFSET + DIGEST_LENGTH[kind]) return bad(BFD_LENGTH + 1, 'authentication length', length)
  const sequence = new DataView(section.buffer, section.byteOffset, DIGEST_OFFSET).getUint32(4)
  return ok({ kind, keyId, sequence, digest: section.slice(DIGEST_OFFSET) })
}

/** The inverse of parseBfd. Throws RangeError on a packet that parseBfd would refuse, which is a bug of the caller. */
export function serializeBfd(packet: BfdPacket): Uint8Array {
  const section = packet.authentication === undefined ? new Uint8Array(0) : serializeAuthentication(packet.authentication)
  const bytes = new Uint8Array(BFD_LENGTH + section.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, (VERSION << 5) | byte(packet.diagnostic, 0x1f))
  view.setUint8(1, flagsOf(packet))
  view.setUint8(2, byte(packet.detectMultiplier, 0xff))
  view.setUint8(3, bytes.length)
  view.setUint32(4, packet.myDiscriminator)
  view.setUint32(8, packet.yourDiscriminator)
  view.setUint32(12, packet.desiredMinTxUs)
  view.setUint32(16, packet.requiredMinRxUs)
  view.setUint32(20, packet.requiredMinEchoRxUs)
  bytes.set(section, BFD_LENGTH)
  const refused = refusal(view)
  if (refused !== undefined && !refused.ok) throw new RangeError(JSON.stringify(refused.error))
  return bytes
}

function byte(value: number, most: number): number {
  if (!Number.isInteger(value) || value < 0 || value > most) throw new RangeError(`${value} is not 0 to ${most}`)
  return value
}

function flagsOf(packet: BfdPacket): number {
  let flags = BFD_STATES.indexOf(packet.state) << 6
  for (const flag of ['poll', 'final', 'controlPlaneIndependent', 'demand'] as const) if (packet[flag]) flags |= FLAG[flag]
  return packet.authentication === undefined ? flags : flags | FLAG.authentication
}

function serializeAuthentication(authentication: BfdAuthentication): Uint8Array {
  const { kind, keyId } = authentication
  if (kind === 'simple') {
    const { password } = authentication
    if (password.length < 1 || password.length > LONGEST_PASSWORD) throw new RangeError(`a password of ${password.length} bytes`)
    return Uint8Array.of(AUTH_TYPE.simple, PASSWORD_OFFSET + password.length, byte(keyId, 0xff), ...password)
  }
  const { digest, sequence } = authentication
  if (digest.length !== DIGEST_LENGTH[kind]) throw new RangeError(`a digest of ${digest.length} bytes`)
  const section = new Uint8Array(DIGEST_OFFSET + digest.length)
  section.set([AUTH_TYPE[kind], section.length, byte(keyId, 0xff)])
  new DataView(section.buffer).setUint32(4, sequence)
  section.set(digest, DIGEST_OFFSET)
  return section
}
