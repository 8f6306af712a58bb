import { ETHER_TYPE, serializeEthernet } from '../../wire/ethernet.ts'
import { serializeNeighborMessage } from '../../wire/icmpv6-nd.ts'
import { type AddressKey, ipv6Key } from './address-key.ts'
import { ND_AT, ND_TYPE, senderMacAt, writeAnswer } from './nd-frame.ts'
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

const UNSPECIFIED = 0n

/**
 * Answers one received frame of neighbour discovery (the first `length` bytes of `frame`) from the table, or says why not. Solicitations to
 * the group and to us alone (hosts revalidate by unicast) are answered alike, with and without the option that carries the asker's MAC:
 * without it the frame's own source is the asker. A solicitation from `::` is a host that wants to take the address: every node is told
 * that it is taken. A solicitation whose *source*, or an advertisement whose target, is an address of ours comes from another host that
 * claims it. Only frames about addresses of the table are looked at as a whole.
 * Source: RFC 4861 sections 7.1.1, 7.1.2, 7.2.3 and 7.2.4; RFC 4862 sections 5.4.3 and 5.4.4.
 */
export function respondNd(frame: Uint8Array, length: number, table: ResponderTable, into: Response): Verdict {
  if (length < ND_AT.options || uint16(frame, ND_AT.etherType) !== ETHER_TYPE.ipv6) return conclude(into, 'malformed')
  const type = frame[ND_AT.icmp]
  if (type !== ND_TYPE.solicitation && type !== ND_TYPE.advertisement) return conclude(into, 'malformed')
  if (!isForUs(frame, table.mac)) return conclude(into, 'other-host')
  const target = ipv6Key(frame, ND_AT.target)
  const claimed = type === ND_TYPE.advertisement ? target : ipv6Key(frame, ND_AT.source)
  const isClaim = table.addresses.has(claimed) || table.probing.has(claimed)
  if (!isClaim) {
    if (type === ND_TYPE.advertisement) return conclude(into, 'not-a-request')
    if (!table.addresses.has(target) && !table.probing.has(target)) return conclude(into, 'not-ours')
  }
  // Who has had its answers, or has claimed enough, does not get further.
  if (!table.admits(frame)) return conclude(into, 'rate-limited', target)
  const macAt = senderMacAt(frame, length)
  if (macAt < 0) return conclude(into, 'malformed')
  if (isMac(frame, macAt, table.mac)) return conclude(into, 'own-frame')
  if (isClaim) return accuse(into, table.addresses.has(claimed) ? 'foreign-claim' : 'taken', claimed, frame, macAt)
  return answer({ frame, macAt, target, claimed }, table, into)
}

interface Solicitation {
  readonly frame: Uint8Array
  /** Where the asker's MAC begins. */
  readonly macAt: number
  readonly target: AddressKey
  /** The source. */
  readonly claimed: AddressKey
}

function answer({ frame, macAt, target, claimed }: Solicitation, table: ResponderTable, into: Response): Verdict {
  if (!table.addresses.has(target)) {
    // Somebody who asks as we do wants it as we do.
    return claimed === UNSPECIFIED ? accuse(into, 'taken', target, frame, macAt) : conclude(into, 'not-ours')
  }
  if (isUnanswerable(frame, macAt)) return conclude(into, 'bad-sender', target)
  writeAnswer(frame, macAt, table.mac, into.frame)
  return conclude(into, 'reply', target, REPLY_ROOM)
}

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
