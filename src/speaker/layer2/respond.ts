import { parseArp, serializeArp } from '../../wire/arp.ts'
import { ETHER_TYPE, parseEthernet, serializeEthernet } from '../../wire/ethernet.ts'

/** Why a frame got no answer. Closed: it is a metric label. */
export const IGNORE_REASONS = ['malformed', 'not-a-request', 'other-host', 'not-ours', 'own-frame', 'foreign-claim', 'bad-sender'] as const
export type IgnoreReason = (typeof IGNORE_REASONS)[number]

/** What one interface answers for. Addresses are IPv4 as an unsigned 32-bit number: one hash lookup a frame, whatever the table's size. */
export interface ResponderTable {
  readonly mac: Uint8Array
  readonly addresses: { has(address: number): boolean }
}

/** `address` is set as soon as the frame asks for, or claims, an address of the table. */
export type Response =
  | { readonly kind: 'reply'; readonly address: number; readonly frame: Uint8Array }
  | { readonly kind: 'ignore'; readonly reason: IgnoreReason; readonly address?: number }

const ignore = (reason: IgnoreReason): Response => ({ kind: 'ignore', reason })

/** Four bytes in network byte order as an unsigned number. */
export function ipv4Number(bytes: Uint8Array): number {
  return (((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)) >>> 0
}

const sameMac = (a: Uint8Array, b: Uint8Array): boolean => {
  for (let at = 0; at < 6; at++) if (a[at] !== b[at]) return false
  return true
}

const isGroup = (mac: Uint8Array): boolean => ((mac[0] ?? 0) & 1) !== 0
const isZero = (mac: Uint8Array): boolean => mac.every((byte) => byte === 0)

/**
 * Answers one received Ethernet frame from the table, or says why not. Requests to the broadcast address and to our own MAC are answered
 * alike (hosts revalidate by unicast), and probes from 0.0.0.0 too (RFC 5227: that is how a stranger learns that the address is taken).
 * The reply goes to the asker alone; its Ethernet source, its ARP sender and the interface's own MAC are one and the same, or a switch
 * would learn a wrong port. A request whose *sender* is an address of ours comes from another host that claims it: no reply, but counted.
 * Source: RFC 826 "Packet Reception"; RFC 5227 section 2.1.1.
 */
export function respond(frame: Uint8Array, table: ResponderTable): Response {
  const ethernet = parseEthernet(frame)
  if (!ethernet.ok || ethernet.value.etherType !== ETHER_TYPE.arp) return ignore('malformed')
  const { destination, payload } = ethernet.value
  const arp = parseArp(payload)
  if (!arp.ok) return ignore('malformed')
  const { operation, senderMac, senderIp, targetIp } = arp.value
  if (operation !== 'request') return ignore('not-a-request')
  if (!isGroup(destination) && !sameMac(destination, table.mac)) return ignore('other-host')
  if (sameMac(senderMac, table.mac)) return ignore('own-frame')
  const sender = ipv4Number(senderIp)
  if (table.addresses.has(sender)) return { kind: 'ignore', reason: 'foreign-claim', address: sender }
  const address = ipv4Number(targetIp)
  if (!table.addresses.has(address)) return ignore('not-ours')
  if (isGroup(senderMac) || isZero(senderMac)) return { kind: 'ignore', reason: 'bad-sender', address }
  const reply = serializeArp({ operation: 'reply', senderMac: table.mac, senderIp: targetIp, targetMac: senderMac, targetIp: senderIp })
  return {
    kind: 'reply',
    address,
    frame: serializeEthernet({ destination: senderMac, source: table.mac, etherType: ETHER_TYPE.arp, payload: reply }),
  }
}
