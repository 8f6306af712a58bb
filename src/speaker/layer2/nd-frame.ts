import { REPLY_ROOM, uint16 } from './response.ts'

/**
 * Frames of neighbour discovery in place: what parseNeighborMessage and serializeNeighborMessage do with copies, for the thread that
 * answers. Offsets are those of an Ethernet frame whose ICMPv6 message stands directly behind the IPv6 header.
 */
export const ND_AT = {
  etherSource: 6,
  etherType: 12,
  ip: 14,
  payloadLength: 18,
  nextHeader: 20,
  hopLimit: 21,
  source: 22,
  destination: 38,
  icmp: 54,
  code: 55,
  checksum: 56,
  flags: 58,
  target: 62,
  options: 78,
} as const
export const ND_TYPE = { solicitation: 135, advertisement: 136 } as const
const ICMPV6 = 58
const HOP_LIMIT = 255
const FIXED_LENGTH = 24
const MULTICAST = 0xff
const SOLICITED = 0x40
const OVERRIDE = 0x20
const OPTION = { sourceMac: 1, targetMac: 2 } as const
/** Options are counted in units of 8 bytes; an Ethernet address with its type and length is one. */
const UNIT = 8
/** Of the group that everybody who has an address listens to: ff02::1:ff, before its last three bytes. */
const GROUP_PREFIX = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff)
const MALFORMED = -1

/**
 * Where in a solicitation or an advertisement (the first `length` bytes of `frame`) the MAC of its sender begins: in its option, and
 * without one in the Ethernet header. -1 for what a receiver has to discard. Source: RFC 4861 sections 7.1.1 and 7.1.2.
 */
export function senderMacAt(frame: Uint8Array, length: number): number {
  const end = ND_AT.icmp + uint16(frame, ND_AT.payloadLength)
  if (length < end || end < ND_AT.icmp + FIXED_LENGTH || !isSound(frame, end)) return MALFORMED
  const isSolicitation = frame[ND_AT.icmp] === ND_TYPE.solicitation
  const optionAt = findMac(frame, end, isSolicitation ? OPTION.sourceMac : OPTION.targetMac)
  if (optionAt === MALFORMED) return MALFORMED
  if (isSolicitation && isZero(frame, ND_AT.source, 16)) {
    if (optionAt !== NO_OPTION || !isGroup(frame, ND_AT.destination)) return MALFORMED
  } else if (!isSolicitation && frame[ND_AT.destination] === MULTICAST && ((frame[ND_AT.flags] ?? 0) & SOLICITED) !== 0) return MALFORMED
  return optionAt === NO_OPTION ? ND_AT.etherSource : optionAt
}

/** The checks that both messages have in common. */
function isSound(frame: Uint8Array, end: number): boolean {
  if ((frame[ND_AT.ip] ?? 0) >>> 4 !== 6 || frame[ND_AT.nextHeader] !== ICMPV6 || frame[ND_AT.hopLimit] !== HOP_LIMIT) return false
  const type = frame[ND_AT.icmp]
  if ((type !== ND_TYPE.solicitation && type !== ND_TYPE.advertisement) || frame[ND_AT.code] !== 0) return false
  if (frame[ND_AT.source] === MULTICAST || frame[ND_AT.target] === MULTICAST) return false
  return checksum(frame, end) === 0
}

/** Over both addresses, the rest of the pseudo-header, and the message; 0 when the right checksum is in it. RFC 8200 section 8.1. */
function checksum(frame: Uint8Array, end: number): number {
  let sum = end - ND_AT.icmp + ICMPV6
  for (let at: number = ND_AT.source; at < end; at += 2) sum += ((frame[at] ?? 0) << 8) | (at + 1 < end ? (frame[at + 1] ?? 0) : 0)
  while (sum > 0xffff) sum = (sum >>> 16) + (sum & 0xffff)
  return ~sum & 0xffff
}

const NO_OPTION = 0

/** Where the MAC of the first option of that type begins. Options that are not of one unit are skipped. */
function findMac(frame: Uint8Array, end: number, type: number): number {
  let found = NO_OPTION
  for (let at: number = ND_AT.options; at < end; ) {
    if (at + 2 > end) return MALFORMED
    const length = (frame[at + 1] ?? 0) * UNIT
    if (length === 0 || at + length > end) return MALFORMED
    if (found === NO_OPTION && frame[at] === type && length === UNIT) found = at + 2
    at += length
  }
  return found
}

function isZero(bytes: Uint8Array, from: number, count: number): boolean {
  for (let at = from; at < from + count; at++) if (bytes[at] !== 0) return false
  return true
}

function isGroup(bytes: Uint8Array, from: number): boolean {
  for (let at = 0; at < GROUP_PREFIX.length; at++) if (bytes[from + at] !== GROUP_PREFIX[at]) return false
  return true
}

/** Every node's group and its MAC. */
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1)

/**
 * Writes the answer to a solicitation into `reply`: what advertisement() of respond-nd.ts says, REPLY_ROOM bytes. `askerAt` is where the
 * MAC of the asker begins in `asked`. A solicitation from `::` is answered to every node. Source: RFC 4861 sections 4.4 and 7.2.4.
 */
export function writeAnswer(asked: Uint8Array, askerAt: number, mac: Uint8Array, reply: Uint8Array): void {
  const isProbe = isZero(asked, ND_AT.source, 16)
  for (let octet = 0; octet < 6; octet++) {
    reply[octet] = (isProbe ? ALL_NODES_MAC[octet] : asked[askerAt + octet]) ?? 0
    reply[ND_AT.etherSource + octet] = mac[octet] ?? 0
    reply[ND_AT.options + 2 + octet] = mac[octet] ?? 0
  }
  for (let at: number = ND_AT.etherType; at < ND_AT.source; at++) reply[at] = HEADER[at - ND_AT.etherType] ?? 0
  for (let octet = 0; octet < 16; octet++) {
    const target = asked[ND_AT.target + octet] ?? 0
    reply[ND_AT.source + octet] = target
    reply[ND_AT.target + octet] = target
    reply[ND_AT.destination + octet] = (isProbe ? ALL_NODES[octet] : asked[ND_AT.source + octet]) ?? 0
  }
  for (let at: number = ND_AT.icmp; at < ND_AT.target; at++) reply[at] = 0
  reply[ND_AT.icmp] = ND_TYPE.advertisement
  reply[ND_AT.flags] = isProbe ? OVERRIDE : OVERRIDE | SOLICITED
  reply[ND_AT.options] = OPTION.targetMac
  reply[ND_AT.options + 1] = 1
  const sum = checksum(reply, REPLY_ROOM)
  reply[ND_AT.checksum] = sum >>> 8
  reply[ND_AT.checksum + 1] = sum & 0xff
}

/** From the type of the frame to the hop limit: IPv6, traffic class and flow label 0, 32 bytes of ICMPv6. */
const HEADER = Uint8Array.of(0x86, 0xdd, 0x60, 0, 0, 0, 0, FIXED_LENGTH + UNIT, ICMPV6, HOP_LIMIT)
