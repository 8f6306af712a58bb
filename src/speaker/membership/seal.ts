import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'

/** The seal of a packet: HMAC-SHA-256 over all of it (RFC 2104, FIPS 198-1), behind it. */

export const SEAL_LENGTH = 32
/** A secret with this label gives this key, in this protocol only. */
const LABEL = 'openelb membership v1'

/**
 * The 32 bytes that seal, from the bytes of the Secret: HKDF with SHA-256 (RFC 5869), no salt. All bytes count, however many there are.
 * Throws RangeError on an empty secret: checkSecret refuses it before.
 */
export function deriveKey(secret: Uint8Array): Uint8Array {
  if (secret.length === 0) throw new RangeError('an empty secret')
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), LABEL, SEAL_LENGTH))
}

/** Keys as OpenSSL wants them, by their bytes, which nobody writes to: made anew for each packet they would cost more than the rest. */
const prepared = new WeakMap<Uint8Array, KeyObject>()

function prepare(key: Uint8Array): KeyObject {
  const known = prepared.get(key)
  if (known !== undefined) return known
  const made = createSecretKey(key)
  prepared.set(key, made)
  return made
}

const hmac = (payload: Uint8Array, key: Uint8Array): Uint8Array => createHmac('sha256', prepare(key)).update(payload).digest()

/** The payload with its seal behind it. */
export function seal(payload: Uint8Array, key: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(payload.length + SEAL_LENGTH)
  sealed.set(payload)
  sealed.set(hmac(payload, key), payload.length)
  return sealed
}

/**
 * The payload, when one of the keys made its seal; undefined for anything else, of whatever length. It shares memory with `sealed`. The
 * time that it takes tells nothing of a key.
 */
export function open(sealed: Uint8Array, keys: readonly Uint8Array[]): Uint8Array | undefined {
  const end = sealed.length - SEAL_LENGTH
  if (end < 0) return undefined
  const payload = sealed.subarray(0, end)
  const its = sealed.subarray(end)
  return keys.some((key) => timingSafeEqual(hmac(payload, key), its)) ? payload : undefined
}
