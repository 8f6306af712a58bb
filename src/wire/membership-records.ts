import { err, ok, type Result } from '../result.ts'
import type { CodecError } from './codec-error.ts'

/** The records of fixed length that membership packets carry; ./membership.ts has the drawing. */

/** What a speaker says of itself. */
export interface SpeakerFlags {
  readonly serving: boolean
  readonly leaving: boolean
}

/** What the sender knows of one member. */
export interface HeartbeatEntry extends SpeakerFlags {
  /** 64 bits that stand for the name of the member's node. */
  readonly id: bigint
  readonly incarnation: bigint
  /**
   * How old the freshest sign of life is that the sender knows, in milliseconds. On the wire 0 to 65,534, rounded up, so that hearsay is
   * never fresher than what it tells of; from there on, and when there never was one, Infinity.
   */
  readonly ageMs: number
  /** This incarnation's process is gone: its kernel said so. */
  readonly ended: boolean
}

/** One address of the sender. IPv4 is an unsigned 32-bit number, IPv6 a bigint. `epoch` is a safe integer. */
export interface MembershipWord {
  readonly address: number | bigint
  readonly epoch: number
  readonly state: 'held' | 'released'
  readonly recorded: boolean
}

export const ENTRY_LENGTH = 19
export const WORD_LENGTH = 26

const FLAG = { serving: 1, leaving: 2, ended: 4, held: 1, recorded: 2 } as const
const UNKNOWN_AGE = 0xffff
const U64_MAX = (1n << 64n) - 1n

export const readFlags = (flags: number): SpeakerFlags => ({ serving: (flags & FLAG.serving) !== 0, leaving: (flags & FLAG.leaving) !== 0 })

/** Reads the entry at `at`, where ENTRY_LENGTH bytes are. */
export function readEntry(view: DataView, at: number): HeartbeatEntry {
  const age = view.getUint16(at + 16)
  const flags = view.getUint8(at + 18)
  return {
    id: view.getBigUint64(at),
    incarnation: view.getBigUint64(at + 8),
    ageMs: age === UNKNOWN_AGE ? Number.POSITIVE_INFINITY : age,
    ...readFlags(flags),
    ended: (flags & FLAG.ended) !== 0,
  }
}

/** Reads the word at `at`, where WORD_LENGTH bytes are. Errors: those of parseMembership that speak of words. */
export function readWord(view: DataView, at: number): Result<MembershipWord, CodecError> {
  const family = view.getUint8(at)
  if (family !== 4 && family !== 6) return bad(at, 'family', family)
  const flags = view.getUint8(at + 1)
  const high = view.getBigUint64(at + 2)
  const low = view.getBigUint64(at + 10)
  if (family === 4 && (high !== 0n || low > 0xffff_ffffn)) return bad(at + 2, 'IPv4 address', family)
  const epoch = view.getBigUint64(at + 18)
  if (epoch > BigInt(Number.MAX_SAFE_INTEGER)) return bad(at + 18, 'epoch', view.getUint32(at + 18))
  return ok({
    address: family === 4 ? Number(low) : (high << 64n) | low,
    epoch: Number(epoch),
    state: (flags & FLAG.held) === 0 ? 'released' : 'held',
    recorded: (flags & FLAG.recorded) !== 0,
  })
}

const bad = (at: number, field: string, got: number) => err({ code: 'BAD_FIELD', at, field, got } as const)

/** Throws RangeError on what has no place in a packet, which is a bug of the caller. */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new RangeError(`${what} has no place in a membership packet`)
}

export const flagsOf = (says: SpeakerFlags): number => (says.serving ? FLAG.serving : 0) | (says.leaving ? FLAG.leaving : 0)

export function writeEntry(view: DataView, at: number, entry: HeartbeatEntry): void {
  check(entry.ageMs >= 0, `an age of ${entry.ageMs} ms`)
  writeU64(view, at, entry.id)
  writeU64(view, at + 8, entry.incarnation)
  view.setUint16(at + 16, Math.min(Math.ceil(entry.ageMs), UNKNOWN_AGE))
  view.setUint8(at + 18, flagsOf(entry) | (entry.ended ? FLAG.ended : 0))
}

export function writeWord(view: DataView, at: number, { address, epoch, state, recorded }: MembershipWord): void {
  const isIpv4 = typeof address === 'number'
  check(!isIpv4 || (Number.isInteger(address) && address >= 0 && address <= 0xffff_ffff), `the address ${address}`)
  check(Number.isSafeInteger(epoch) && epoch >= 0, `the epoch ${epoch}`)
  view.setUint8(at, isIpv4 ? 4 : 6)
  view.setUint8(at + 1, (state === 'held' ? FLAG.held : 0) | (recorded ? FLAG.recorded : 0))
  writeU64(view, at + 2, isIpv4 ? 0n : address >> 64n)
  writeU64(view, at + 10, BigInt(address) & U64_MAX)
  writeU64(view, at + 18, BigInt(epoch))
}

export function writeU64(view: DataView, at: number, value: bigint): void {
  check(value >= 0n && value <= U64_MAX, `the number ${value}`)
  view.setBigUint64(at, value)
}
