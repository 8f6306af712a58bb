import { err, ok, type Result } from '../result.ts'
import type { CodecError } from './codec-error.ts'

/** Bytes in one ARP message for Ethernet and IPv4. */
export const ARP_LENGTH = 28

const OPCODE = { request: 1, reply: 2 } as const

/** Fields that have one value on Ethernet with IPv4: name, offset, value. */
const FIXED = [
  ['hardware type', 0, 1],
  ['protocol type', 2, 0x0800],
  ['address lengths', 4, 0x0604],
] as const

/** One ARP message. MACs are 6 bytes and IPv4 addresses 4 bytes, in network byte order. */
export interface ArpPacket {
  readonly operation: keyof typeof OPCODE
  readonly senderMac: Uint8Array
  readonly senderIp: Uint8Array
  readonly targetMac: Uint8Array
  readonly targetIp: Uint8Array
}

/**
 * Reads the ARP message that starts `bytes` (an Ethernet payload, its header already removed). Bytes past ARP_LENGTH are Ethernet
 * padding and are ignored. The result shares no memory with `bytes`.
 * Errors: TRUNCATED under 28 bytes; BAD_FIELD (with the byte offset) for any hardware type but Ethernet, any protocol but IPv4, other
 * address lengths, or an opcode that is neither request nor reply.
 * Source: RFC 826, "Packet format" and "Definitions".
 */
export function parseArp(bytes: Uint8Array): Result<ArpPacket, CodecError> {
  if (bytes.length < ARP_LENGTH) return err({ code: 'TRUNCATED', at: 0, need: ARP_LENGTH, have: bytes.length })
  const view = new DataView(bytes.buffer, bytes.byteOffset, ARP_LENGTH)
  for (const [field, at, want] of FIXED) {
    const got = view.getUint16(at)
    if (got !== want) return err({ code: 'BAD_FIELD', at, field, got })
  }
  const opcode = view.getUint16(6)
  if (opcode !== OPCODE.request && opcode !== OPCODE.reply) return err({ code: 'BAD_FIELD', at: 6, field: 'opcode', got: opcode })
  return ok({
    operation: opcode === OPCODE.request ? 'request' : 'reply',
    senderMac: bytes.slice(8, 14),
    senderIp: bytes.slice(14, 18),
    targetMac: bytes.slice(18, 24),
    targetIp: bytes.slice(24, 28),
  })
}

/** The inverse of parseArp: always ARP_LENGTH bytes. Throws RangeError on a wrong address length, which is a bug. */
export function serializeArp(packet: ArpPacket): Uint8Array {
  const bytes = new Uint8Array(ARP_LENGTH)
  bytes.set([0, 1, 8, 0, 6, 4, 0, OPCODE[packet.operation]])
  let at = 8
  const parts = [
    [packet.senderMac, 6],
    [packet.senderIp, 4],
    [packet.targetMac, 6],
    [packet.targetIp, 4],
  ] as const
  for (const [value, length] of parts) {
    if (value.length !== length) throw new RangeError(`address at ${at} has ${value.length} bytes, not ${length}`)
    bytes.set(value, at)
    at += length
  }
  return bytes
}
