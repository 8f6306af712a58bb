import { ipv4Key } from './address-key.ts'
import { accuse, conclude, isForUs, isMac, isUnanswerable, type ResponderTable, type Response, uint16, type Verdict } from './response.ts'

/** Offsets in an Ethernet frame that carries ARP for IPv4 (RFC 826, "Packet format"). */
const AT = {
  etherType: 12,
  hardware: 14,
  protocol: 16,
  lengths: 18,
  operation: 20,
  senderMac: 22,
  senderIp: 28,
  targetMac: 32,
  targetIp: 38,
} as const
export const ARP_FRAME_LENGTH = 42
const OPERATION = { request: 1, reply: 2 } as const
/** Ethernet, IPv4, and the lengths of their addresses, as they stand from AT.etherType on. */
const FIXED = [
  [AT.etherType, 0x0806],
  [AT.hardware, 1],
  [AT.protocol, 0x0800],
  [AT.lengths, 0x0604],
] as const
const NOBODY = 0

/**
 * Answers one received ARP frame (the first `length` bytes of `frame`) from the table, or says why not. Requests to the broadcast address
 * and to our own MAC are answered alike (hosts revalidate by unicast), and probes from 0.0.0.0 too (RFC 5227: that is how a stranger
 * learns that the address is taken). The reply goes to the asker alone; its Ethernet source, its ARP sender and the interface's own MAC are
 * one and the same, or a switch would learn a wrong port. A request or a reply whose *sender* is an address of ours comes from another
 * host that claims it. Reads in place what parseArp would copy, and accepts the same frames.
 * Source: RFC 826 "Packet Reception"; RFC 5227 sections 2.1.1 and 2.4.
 */
export function respondArp(frame: Uint8Array, length: number, table: ResponderTable, into: Response): Verdict {
  if (!isArp(frame, length)) return conclude(into, 'malformed')
  if (!isForUs(frame, table.mac)) return conclude(into, 'other-host')
  if (isMac(frame, AT.senderMac, table.mac)) return conclude(into, 'own-frame')
  const sender = ipv4Key(frame, AT.senderIp)
  if (table.addresses.has(sender)) return accuse(into, 'foreign-claim', sender, frame, AT.senderMac)
  if (table.probing.has(sender)) return accuse(into, 'taken', sender, frame, AT.senderMac)
  if (uint16(frame, AT.operation) !== OPERATION.request) return conclude(into, 'not-a-request')
  const address = ipv4Key(frame, AT.targetIp)
  if (!table.addresses.has(address)) {
    // Somebody who asks as we do wants it as we do.
    if (sender === NOBODY && table.probing.has(address)) return accuse(into, 'taken', address, frame, AT.senderMac)
    return conclude(into, 'not-ours')
  }
  if (isUnanswerable(frame, AT.senderMac)) return conclude(into, 'bad-sender', address)
  if (!table.admits(frame)) return conclude(into, 'rate-limited', address)
  writeReply(frame, table.mac, into.frame)
  return conclude(into, 'reply', address, ARP_FRAME_LENGTH)
}

function isArp(frame: Uint8Array, length: number): boolean {
  if (length < ARP_FRAME_LENGTH) return false
  for (const [at, value] of FIXED) if (uint16(frame, at) !== value) return false
  const operation = uint16(frame, AT.operation)
  return operation === OPERATION.request || operation === OPERATION.reply
}

function writeReply(asked: Uint8Array, mac: Uint8Array, reply: Uint8Array): void {
  for (let at = AT.etherType; at < AT.operation; at++) reply[at] = asked[at] ?? 0
  reply[AT.operation] = 0
  reply[AT.operation + 1] = OPERATION.reply
  for (let octet = 0; octet < 6; octet++) {
    const own = mac[octet] ?? 0
    const asker = asked[AT.senderMac + octet] ?? 0
    reply[octet] = asker
    reply[6 + octet] = own
    reply[AT.senderMac + octet] = own
    reply[AT.targetMac + octet] = asker
  }
  for (let octet = 0; octet < 4; octet++) {
    reply[AT.senderIp + octet] = asked[AT.targetIp + octet] ?? 0
    reply[AT.targetIp + octet] = asked[AT.senderIp + octet] ?? 0
  }
}
