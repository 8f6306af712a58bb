import type { MembershipPacket } from '../../wire/membership.ts'
import { REJECTIONS, type Rejection } from './effect.ts'

/** What the membership thread counts and the main thread reads, in shared memory. One writer; 64-bit floats are read in one piece. */
export interface MembershipCounters {
  readonly memory: SharedArrayBuffer
  count(direction: Direction, kind: PacketKind, bytes: number): void
  packets(direction: Direction, kind: PacketKind): number
  /** Of UDP and what it carries, without the headers below it. */
  bytes(direction: Direction): number
  reject(reason: Rejection): void
  rejected(reason: Rejection): number
  /** One turn of the thread. */
  turn(): void
  turns(): number
}

export const DIRECTIONS = ['sent', 'received'] as const
export type Direction = (typeof DIRECTIONS)[number]
export type PacketKind = MembershipPacket['kind']
export const PACKET_KINDS = ['heartbeat', 'ping', 'words', 'confirm', 'hello', 'welcome'] as const satisfies readonly PacketKind[]

const FIRST_BYTES = DIRECTIONS.length * PACKET_KINDS.length
const FIRST_REJECTION = FIRST_BYTES + DIRECTIONS.length
const TURN = FIRST_REJECTION + REJECTIONS.length

/** Allocates the memory, or looks at that of another thread. */
export function createMembershipCounters(memory = new SharedArrayBuffer((TURN + 1) * 8)): MembershipCounters {
  const cells = new Float64Array(memory)
  const read = (at: number): number => cells[at] ?? 0
  const add = (at: number, more: number): void => {
    cells[at] = read(at) + more
  }
  const ofPacket = (direction: Direction, kind: PacketKind) =>
    DIRECTIONS.indexOf(direction) * PACKET_KINDS.length + PACKET_KINDS.indexOf(kind)
  const ofBytes = (direction: Direction) => FIRST_BYTES + DIRECTIONS.indexOf(direction)
  const ofRejection = (reason: Rejection) => FIRST_REJECTION + REJECTIONS.indexOf(reason)
  return {
    memory,
    count(direction, kind, bytes) {
      add(ofPacket(direction, kind), 1)
      add(ofBytes(direction), bytes)
    },
    packets: (direction, kind) => read(ofPacket(direction, kind)),
    bytes: (direction) => read(ofBytes(direction)),
    reject: (reason) => add(ofRejection(reason), 1),
    rejected: (reason) => read(ofRejection(reason)),
    turn: () => add(TURN, 1),
    turns: () => read(TURN),
  }
}
