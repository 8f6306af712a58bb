import { createHash, timingSafeEqual } from 'node:crypto'
import { BFD_LENGTH, type BfdAuthentication, type BfdDigestKind, type BfdPacket, DIGEST_LENGTH, serializeBfd } from '../../wire/bfd.ts'

/** How a session authenticates. A key for MD5 has at most 16 bytes, for SHA1 20, a password 1 to 16. RFC 5880 section 6.7. */
export interface BfdKey {
  readonly kind: BfdAuthentication['kind']
  readonly keyId: number
  readonly secret: Uint8Array
}

/** bfd.RcvAuthSeq; undefined is bfd.AuthSeqKnown = 0: any sequence number is taken next. RFC 5880 section 6.8.1. */
export type ReceivedSequence = number | undefined

const digestOf = (kind: BfdDigestKind): 'md5' | 'sha1' => (kind === 'md5' || kind === 'meticulousMd5' ? 'md5' : 'sha1')
const isMeticulous = (kind: BfdDigestKind): boolean => kind === 'meticulousMd5' || kind === 'meticulousSha1'
const DIGEST_AT = BFD_LENGTH + 8

function padded(secret: Uint8Array, length: number): Uint8Array {
  if (secret.length > length) throw new RangeError(`a key of ${secret.length} bytes where ${length} fit`)
  const key = new Uint8Array(length)
  key.set(secret)
  return key
}

/** The packet with its authentication section if there is a key, as bytes. `sequence` is bfd.XmitAuthSeq. RFC 5880 sections 6.7.2 to 6.7.4. */
export function signBfd(packet: BfdPacket, key: BfdKey | undefined, sequence: number): Uint8Array {
  if (key === undefined) return serializeBfd(packet)
  const { kind, keyId, secret } = key
  if (kind === 'simple') return serializeBfd({ ...packet, authentication: { kind, keyId, password: secret } })
  const bytes = serializeBfd({ ...packet, authentication: { kind, keyId, sequence, digest: padded(secret, DIGEST_LENGTH[kind]) } })
  bytes.set(createHash(digestOf(kind)).update(bytes).digest(), DIGEST_AT)
  return bytes
}

/** bfd.XmitAuthSeq for the next packet: meticulous kinds count each packet, the others may; all of them do here. */
export const nextSequence = (sequence: number): number => (sequence + 1) >>> 0

/**
 * Whether `bytes`, which parseBfd read as `packet`, come from who has the key, and are no repetition: a sequence number lies within three
 * times the multiplier behind the last one, and for meticulous kinds is not the last one again. Without a key, only packets without
 * authentication are taken. Returns the sequence number to remember; `refused` says why not.
 * Source: RFC 5880 sections 6.7.2 to 6.7.4 and 6.8.6.
 */
export function verifyBfd(
  bytes: Uint8Array,
  packet: BfdPacket,
  key: BfdKey | undefined,
  last: ReceivedSequence,
): { readonly sequence: ReceivedSequence } | { readonly refused: 'kind' | 'key-id' | 'sequence' | 'digest' } {
  const { authentication } = packet
  if (authentication === undefined || key === undefined) return authentication === key ? { sequence: last } : { refused: 'kind' }
  if (authentication.kind !== key.kind) return { refused: 'kind' }
  if (authentication.keyId !== key.keyId) return { refused: 'key-id' }
  if (authentication.kind === 'simple') return isEqual(authentication.password, key.secret) ? { sequence: last } : { refused: 'digest' }
  const { kind, sequence, digest } = authentication
  if (last !== undefined) {
    const ahead = (sequence - last) >>> 0
    if (ahead > 3 * packet.detectMultiplier || (ahead === 0 && isMeticulous(kind))) return { refused: 'sequence' }
  }
  const keyed = bytes.slice(0, DIGEST_AT + digest.length)
  keyed.set(padded(key.secret, digest.length), DIGEST_AT)
  return isEqual(createHash(digestOf(kind)).update(keyed).digest(), digest) ? { sequence } : { refused: 'digest' }
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)
