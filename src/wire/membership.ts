import { err, ok, type Result } from '../result.ts'
import type { CodecError } from './codec-error.ts'
import {
  check,
  ENTRY_LENGTH,
  flagsOf,
  type HeartbeatEntry,
  type MembershipWord,
  readEntry,
  readFlags,
  readWord,
  type SpeakerFlags,
  WORD_LENGTH,
  writeEntry,
  writeU64,
  writeWord,
} from './membership-records.ts'

/**
 * The packets by which speakers know of one another, without the seal that authenticates them. Network byte order throughout:
 *
 *     0      4       5    6        7             7+n           15+n       23+n
 *     | OELB | version | kind | n: u8 | sender: n | incarnation | sequence | body ...
 *
 *     heartbeat  flags: u8, count: u8, count x { id: u64, incarnation: u64, age: u16, flags: u8 }
 *     ping       nothing
 *     words      batch: u32, count: u8, count x { family: u8 (4 or 6), flags: u8, address: 16 bytes, epoch: u64 }
 *     confirm    batch: u32
 *     hello      nonce: 16 bytes
 *     welcome    nonce: 16 bytes, echo: 16 bytes
 *
 * An IPv4 address stands in the last 4 of the 16 bytes, behind zeros. Flag bits that have no meaning here, and bytes behind the body,
 * belong to later releases: they are written as zero, or not at all, and ignored when read, so that neighbouring releases understand
 * each other. A change that an older reader must not misread takes a new version.
 */

export type { HeartbeatEntry, MembershipWord, SpeakerFlags } from './membership-records.ts'

/** Bytes of the longest packet without its seal: with it, 1,400, which no network of Ethernet has to fragment. */
export const MEMBERSHIP_PACKET_MAX = 1368
export const NONCE_LENGTH = 16

/** Who says it. */
export interface MembershipHeader {
  /** The node: 1 to 253 characters of printable ASCII without space, which every Kubernetes name is. */
  readonly sender: string
  /** When its process started, in microseconds since 1970: a later process of the same node has a greater one. */
  readonly incarnation: bigint
  /** Rises with each packet of an incarnation, to whomever it goes. */
  readonly sequence: bigint
}

export type MembershipBody =
  | ({ readonly kind: 'heartbeat'; readonly entries: readonly HeartbeatEntry[] } & SpeakerFlags)
  /** Asks for a heartbeat at once. */
  | { readonly kind: 'ping' }
  /** `batch` names this packet to the `confirm` that answers it: an unsigned 32-bit number. */
  | { readonly kind: 'words'; readonly batch: number; readonly words: readonly MembershipWord[] }
  | { readonly kind: 'confirm'; readonly batch: number }
  /** The first packet of a stream, and the answer, which repeats the other side's nonce: neither can be a recording. */
  | { readonly kind: 'hello'; readonly nonce: Uint8Array }
  | { readonly kind: 'welcome'; readonly nonce: Uint8Array; readonly echo: Uint8Array }

export type MembershipPacket = MembershipHeader & MembershipBody

const MAGIC = 0x4f454c42
const VERSION = 1
const KIND = { heartbeat: 1, ping: 2, words: 3, confirm: 4, hello: 5, welcome: 6 } as const
const PREFIX_LENGTH = 7
const NUMBERS_LENGTH = 16
const LONGEST_SENDER = 253

const room = (sender: string, fixed: number): number => MEMBERSHIP_PACKET_MAX - PREFIX_LENGTH - sender.length - NUMBERS_LENGTH - fixed

/** How many entries one heartbeat of this sender takes: 60, or fewer behind a long name. */
export const entriesPerPacket = (sender: string): number => Math.min(60, Math.floor(room(sender, 2) / ENTRY_LENGTH))

/** How many words one packet of this sender takes: 48, or fewer behind a long name. */
export const wordsPerPacket = (sender: string): number => Math.min(48, Math.floor(room(sender, 5) / WORD_LENGTH))

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const bad = (at: number, field: string, got: number) => err({ code: 'BAD_FIELD', at, field, got } as const)
const truncated = (at: number, need: number, have: number) => err({ code: 'TRUNCATED', at, need, have } as const)

/**
 * Reads one packet, its seal already checked and removed. The result shares no memory with `bytes`.
 * Errors: TRUNCATED where a length or a count promises more bytes than there are; BAD_FIELD for another magic, version or kind, a name
 * that is empty, too long or not of printable ASCII, a family that is neither 4 nor 6, an IPv4 address with anything but zeros before it,
 * or an epoch above 2^53 - 1 (`got` is then its upper half).
 */
export function parseMembership(bytes: Uint8Array): Result<MembershipPacket, CodecError> {
  if (bytes.length < PREFIX_LENGTH) return truncated(0, PREFIX_LENGTH, bytes.length)
  const view = viewOf(bytes)
  if (view.getUint32(0) !== MAGIC) return bad(0, 'magic', view.getUint32(0))
  if (view.getUint8(4) !== VERSION) return bad(4, 'version', view.getUint8(4))
  const length = view.getUint8(6)
  if (length === 0 || length > LONGEST_SENDER) return bad(6, 'name length', length)
  const at = PREFIX_LENGTH + length
  if (bytes.length < at + NUMBERS_LENGTH) return truncated(PREFIX_LENGTH, at + NUMBERS_LENGTH, bytes.length)
  const name = readName(bytes, PREFIX_LENGTH, at)
  if (!name.ok) return name
  const body = parseBody(view, at + NUMBERS_LENGTH)
  if (!body.ok) return body
  return ok({ sender: name.value, incarnation: view.getBigUint64(at), sequence: view.getBigUint64(at + 8), ...body.value })
}

function readName(bytes: Uint8Array, from: number, end: number): Result<string, CodecError> {
  let name = ''
  for (let at = from; at < end; at++) {
    const byte = bytes[at] ?? 0
    if (!isNameByte(byte)) return bad(at, 'name', byte)
    name += String.fromCharCode(byte)
  }
  return ok(name)
}

const isNameByte = (byte: number): boolean => byte > 0x20 && byte < 0x7f

/** `have` bytes are in the view; `need` is where the body has to end. */
function parseBody(view: DataView, at: number): Result<MembershipBody, CodecError> {
  const have = view.byteLength
  const kind = view.getUint8(5)
  switch (kind) {
    case KIND.heartbeat:
      return parseHeartbeat(view, at)
    case KIND.ping:
      return ok({ kind: 'ping' })
    case KIND.words:
      return parseWords(view, at)
    case KIND.confirm:
      return have < at + 4 ? truncated(at, at + 4, have) : ok({ kind: 'confirm', batch: view.getUint32(at) })
    case KIND.hello:
      return have < at + NONCE_LENGTH ? truncated(at, at + NONCE_LENGTH, have) : ok({ kind: 'hello', nonce: readNonce(view, at) })
    case KIND.welcome: {
      const need = at + 2 * NONCE_LENGTH
      if (have < need) return truncated(at, need, have)
      return ok({ kind: 'welcome', nonce: readNonce(view, at), echo: readNonce(view, at + NONCE_LENGTH) })
    }
    default:
      return bad(5, 'kind', kind)
  }
}

const readNonce = (view: DataView, at: number): Uint8Array => new Uint8Array(view.buffer, view.byteOffset + at, NONCE_LENGTH).slice()

function parseHeartbeat(view: DataView, start: number): Result<MembershipBody, CodecError> {
  const have = view.byteLength
  if (have < start + 2) return truncated(start, start + 2, have)
  const count = view.getUint8(start + 1)
  const end = start + 2 + count * ENTRY_LENGTH
  if (have < end) return truncated(start + 2, end, have)
  const entries: HeartbeatEntry[] = []
  for (let at = start + 2; at < end; at += ENTRY_LENGTH) entries.push(readEntry(view, at))
  return ok({ kind: 'heartbeat', ...readFlags(view.getUint8(start)), entries })
}

function parseWords(view: DataView, start: number): Result<MembershipBody, CodecError> {
  const have = view.byteLength
  if (have < start + 5) return truncated(start, start + 5, have)
  const end = start + 5 + view.getUint8(start + 4) * WORD_LENGTH
  if (have < end) return truncated(start + 5, end, have)
  const words: MembershipWord[] = []
  for (let at = start + 5; at < end; at += WORD_LENGTH) {
    const word = readWord(view, at)
    if (!word.ok) return word
    words.push(word.value)
  }
  return ok({ kind: 'words', batch: view.getUint32(start), words })
}

/**
 * The inverse of parseMembership. Throws RangeError on what has no place in the packet (a name, a number or a nonce out of its bounds,
 * more entries or words than entriesPerPacket and wordsPerPacket say), which is a bug of the caller.
 */
export function serializeMembership(packet: MembershipPacket): Uint8Array {
  const { sender } = packet
  check(sender.length > 0 && sender.length <= LONGEST_SENDER, `a name of ${sender.length} characters`)
  const at = PREFIX_LENGTH + sender.length
  const bytes = new Uint8Array(at + NUMBERS_LENGTH + bodyLength(packet))
  const view = viewOf(bytes)
  view.setUint32(0, MAGIC)
  bytes.set([VERSION, KIND[packet.kind], sender.length], 4)
  for (let index = 0; index < sender.length; index++) {
    const code = sender.charCodeAt(index)
    check(isNameByte(code), `the name ${JSON.stringify(sender)}`)
    bytes[PREFIX_LENGTH + index] = code
  }
  writeU64(view, at, packet.incarnation)
  writeU64(view, at + 8, packet.sequence)
  writeBody(view, at + NUMBERS_LENGTH, packet)
  return bytes
}

function bodyLength(packet: MembershipPacket): number {
  switch (packet.kind) {
    case 'heartbeat':
      return 2 + packet.entries.length * ENTRY_LENGTH
    case 'ping':
      return 0
    case 'words':
      return 5 + packet.words.length * WORD_LENGTH
    case 'confirm':
      return 4
    case 'hello':
      return NONCE_LENGTH
    case 'welcome':
      return 2 * NONCE_LENGTH
  }
}

function writeBody(view: DataView, at: number, packet: MembershipPacket): void {
  switch (packet.kind) {
    case 'heartbeat':
      check(packet.entries.length <= entriesPerPacket(packet.sender), `${packet.entries.length} entries`)
      view.setUint8(at, flagsOf(packet))
      view.setUint8(at + 1, packet.entries.length)
      for (const [index, entry] of packet.entries.entries()) writeEntry(view, at + 2 + index * ENTRY_LENGTH, entry)
      return
    case 'ping':
      return
    case 'words':
      check(packet.words.length <= wordsPerPacket(packet.sender), `${packet.words.length} words`)
      writeBatch(view, at, packet.batch)
      view.setUint8(at + 4, packet.words.length)
      for (const [index, word] of packet.words.entries()) writeWord(view, at + 5 + index * WORD_LENGTH, word)
      return
    case 'confirm':
      writeBatch(view, at, packet.batch)
      return
    case 'hello':
      writeNonce(view, at, packet.nonce)
      return
    case 'welcome':
      writeNonce(view, at, packet.nonce)
      writeNonce(view, at + NONCE_LENGTH, packet.echo)
  }
}

function writeBatch(view: DataView, at: number, batch: number): void {
  check(Number.isInteger(batch) && batch >= 0 && batch <= 0xffff_ffff, `the batch ${batch}`)
  view.setUint32(at, batch)
}

function writeNonce(view: DataView, at: number, nonce: Uint8Array): void {
  check(nonce.length === NONCE_LENGTH, `a nonce of ${nonce.length} bytes`)
  new Uint8Array(view.buffer, at, NONCE_LENGTH).set(nonce)
}
