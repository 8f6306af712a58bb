import { ETHER_TYPE, ETHERNET_HEADER_LENGTH, serializeEthernet } from '../../wire/ethernet.ts'
import { type NeighborMessage, type NeighborSolicitation, parseNeighborMessage, serializeNeighborMessage } from '../../wire/icmpv6-nd.ts'
import { ALL_NODES, isUnspecified, multicastMac } from '../../wire/ipv6.ts'
import { type AddressKey, ipv6Key } from './address-key.ts'
import {
  accuse,
  conclude,
  isForUs,
  isMac,
  isUnanswerable,
  REPLY_ROOM,
  type ResponderTable,
  type Response,
  uint16,
  type Verdict,
} from './response.ts'

/** Offsets in an Ethernet frame whose ICMPv6 message stands directly behind the IPv6 header. */
const AT = { etherSource: 6, etherType: 12, source: 22, type: 54, target: 62 } as const
const TYPE = { solicitation: 135, advertisement: 136 } as const
const TARGET_END = 78
const UNSPECIFIED = 0n

/**
 * Answers one received frame of neighbour discovery (the first `length` bytes of `frame`) from the table, or says why not. Solicitations to
 * the group and to us alone (hosts revalidate by unicast) are answered alike, with and without the option that carries the asker's MAC:
 * without it the frame's own source is the asker. A solicitation from `::` is a host that wants to take the address: every node is told
 * that it is taken. A solicitation whose *source*, or an advertisement whose target, is an address of ours comes from another host that
 * claims it. Frames about other addresses are told apart before anything is parsed.
 * Source: RFC 4861 sections 7.1.1, 7.1.2, 7.2.3 and 7.2.4; RFC 4862 sections 5.4.3 and 5.4.4.
 */
export function respondNd(frame: Uint8Array, length: number, table: ResponderTable, into: Response): Verdict {
  if (length < TARGET_END || uint16(frame, AT.etherType) !== ETHER_TYPE.ipv6) return conclude(into, 'malformed')
  const type = frame[AT.type]
  if (type !== TYPE.solicitation && type !== TYPE.advertisement) return conclude(into, 'malformed')
  if (!isForUs(frame, table.mac)) return conclude(into, 'other-host')
  const target = ipv6Key(frame, AT.target)
  const source = ipv6Key(frame, AT.source)
  const claimed = type === TYPE.advertisement ? target : source
  const isKnown = table.addresses.has(claimed) || table.probing.has(claimed)
  const isAsked = type === TYPE.solicitation && (table.addresses.has(target) || table.probing.has(target))
  if (!isKnown && !isAsked) return conclude(into, type === TYPE.advertisement ? 'not-a-request' : 'not-ours')
  // Parsing is dear: who has had its answers, or has claimed enough, does not get that far.
  if (!table.admits(frame)) return conclude(into, 'rate-limited', target)
  const message = parseNeighborMessage(frame.subarray(ETHERNET_HEADER_LENGTH, length))
  if (!message.ok) return conclude(into, 'malformed')
  return judge({ frame, message: message.value, claimed, target }, table, into)
}

interface Received {
  readonly frame: Uint8Array
  readonly message: NeighborMessage
  /** The address that the sender says it has: an advertisement's target, or a solicitation's source. */
  readonly claimed: AddressKey
  readonly target: AddressKey
}

function judge({ frame, message, claimed, target }: Received, table: ResponderTable, into: Response): Verdict {
  const option = message.kind === 'solicitation' ? message.sourceMac : message.targetMac
  const mac = option ?? frame.subarray(AT.etherSource, AT.etherSource + 6)
  if (isMac(mac, 0, table.mac)) return conclude(into, 'own-frame')
  if (table.addresses.has(claimed)) return accuse(into, 'foreign-claim', claimed, mac, 0)
  if (table.probing.has(claimed)) return accuse(into, 'taken', claimed, mac, 0)
  if (message.kind === 'advertisement') return conclude(into, 'not-a-request')
  if (!table.addresses.has(target)) {
    // Somebody who asks as we do wants it as we do.
    return claimed === UNSPECIFIED ? accuse(into, 'taken', target, mac, 0) : conclude(into, 'not-ours')
  }
  if (isUnanswerable(mac, 0)) return conclude(into, 'bad-sender', target)
  answer(message, mac, table.mac, into.frame)
  return conclude(into, 'reply', target, REPLY_ROOM)
}

function answer({ source, target }: NeighborSolicitation, asker: Uint8Array, mac: Uint8Array, frame: Uint8Array): void {
  if (isUnspecified(source)) frame.set(advertisement({ mac, target, to: ALL_NODES, toMac: ALL_NODES_MAC, solicited: false }))
  else frame.set(advertisement({ mac, target, to: source, toMac: asker, solicited: true }))
}

const ALL_NODES_MAC = multicastMac(ALL_NODES)

/** What an advertisement of ours says. */
export interface Advertised {
  readonly mac: Uint8Array
  readonly target: Uint8Array
  readonly to: Uint8Array
  readonly toMac: Uint8Array
  readonly solicited: boolean
}

/**
 * The frame that says: `target` (16 bytes) is at `mac`. Override is set, for there is one owner, and what a neighbour remembers of the
 * one before must go; Router never is, because the address is no router whatever its node is. The source is the address itself, as the
 * kernel does it for its own: it needs no other address of the interface, which may still be tentative. Source: RFC 4861 section 4.4.
 */
export function advertisement({ mac, target, to, toMac, solicited }: Advertised): Uint8Array {
  const flags = { router: false, solicited, override: true }
  const payload = serializeNeighborMessage({ kind: 'advertisement', source: target, destination: to, target, ...flags, targetMac: mac })
  return serializeEthernet({ destination: toMac, source: mac, etherType: ETHER_TYPE.ipv6, payload })
}
