import { FAMILY_BITS, type Family } from '../../addr/ip.ts'
import { type Prefix, prefixOf } from '../../addr/prefix.ts'
import { ok, type Result } from '../../result.ts'
import { readU32, u32 } from './bytes.ts'
import { type Malformed, malformed } from './update-error.ts'

/**
 * Prefixes as they stand in an UPDATE: a length in bits, then as many bytes as hold them (RFC 4271 section 4.3); before each a path
 * identifier of four bytes, when that was agreed on (RFC 7911 section 3). The bytes have been checked and not been decoded: whoever
 * only counts a million routes does not build them. They share memory with the message.
 */
export interface Nlri {
  readonly family: Family
  readonly pathIds: boolean
  readonly bytes: Uint8Array
  readonly count: number
}

/** One prefix, and its path identifier (32 bits) when there is one. */
export interface NlriEntry {
  readonly prefix: Prefix
  readonly pathId: number | undefined
}

const PATH_ID_LENGTH = 4

/** Bytes of the longest entry: with a path identifier, a length and a whole IPv6 address. */
export const LONGEST_ENTRY = PATH_ID_LENGTH + 1 + 16

/**
 * Checks that `bytes` are prefixes from the first to the last byte. RFC 7606 section 5.3: a length above that of the family's addresses,
 * or a prefix that ends behind the field, is `prefix`. Bits behind the length are of no meaning.
 */
export function checkNlri(bytes: Uint8Array, family: Family, pathIds: boolean): Result<Nlri, Malformed> {
  const most = FAMILY_BITS[family]
  let count = 0
  for (let at = 0; at < bytes.length; count++) {
    const start = pathIds ? at + PATH_ID_LENGTH : at
    if (start >= bytes.length) return malformed('prefix', 'a path identifier without a prefix')
    const length = bytes[start] ?? 0
    if (length > most) return malformed('prefix', `the prefix length ${length} (${family} takes 0 to ${most})`)
    at = start + 1 + ((length + 7) >>> 3)
    if (at > bytes.length) return malformed('prefix', 'a prefix that ends behind its field')
  }
  return ok({ family, pathIds, bytes, count })
}

/** The prefixes of a checked list, one by one, host bits masked away. */
export function* entriesOf({ family, pathIds, bytes }: Nlri): Generator<NlriEntry, void, undefined> {
  const width = FAMILY_BITS[family] >>> 3
  const address = new Uint8Array(width)
  for (let at = 0; at < bytes.length; ) {
    const start = pathIds ? at + PATH_ID_LENGTH : at
    const length = bytes[start] ?? 0
    const end = start + 1 + ((length + 7) >>> 3)
    address.fill(0).set(bytes.subarray(start + 1, end))
    let value = 0n
    for (let word = 0; word < width; word += 4) value = (value << 32n) | BigInt(readU32(address, word))
    yield { prefix: prefixOf({ family, value }, length), pathId: pathIds ? readU32(bytes, at) : undefined }
    at = end
  }
}

/** Writes one entry at `at` and returns where it ends. Throws RangeError when path identifiers are agreed on and it has none, and reversely. */
export function writeEntry(into: Uint8Array, at: number, { prefix, pathId }: NlriEntry, pathIds: boolean): number {
  if (pathIds !== (pathId !== undefined))
    throw new RangeError(`path identifier ${pathId} in a session ${pathIds ? 'with' : 'without'} them`)
  let position = at
  if (pathId !== undefined) {
    into.set(u32(pathId), at)
    position += PATH_ID_LENGTH
  }
  const { family, base, length } = prefix
  into[position++] = length
  const bits = FAMILY_BITS[family]
  for (let written = 0; written < length; written += 32) {
    const word = Number((base >> BigInt(bits - 32 - written)) & 0xffff_ffffn)
    for (let shift = 24; shift >= 0 && written + 24 - shift < length; shift -= 8) into[position++] = (word >>> shift) & 0xff
  }
  return position
}

/**
 * The entries as bytes, in pieces of at most `room` bytes (at least LONGEST_ENTRY), each made when it is asked for. They keep their order.
 */
export function* chunkEntries(entries: Iterable<NlriEntry>, pathIds: boolean, room: number): Generator<Uint8Array, void, undefined> {
  if (room < LONGEST_ENTRY) throw new RangeError(`room for ${room} bytes`)
  const scratch = new Uint8Array(room + LONGEST_ENTRY)
  let used = 0
  for (const entry of entries) {
    const end = writeEntry(scratch, used, entry, pathIds)
    if (end > room) {
      yield scratch.slice(0, used)
      scratch.copyWithin(0, used, end)
      used = end - used
    } else used = end
  }
  if (used > 0) yield scratch.slice(0, used)
}
