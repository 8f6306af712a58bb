import { ETHER_TYPE, parseEthernet, serializeEthernet } from '../../wire/ethernet.ts'
import { type NeighborSolicitation, parseNeighborMessage, serializeNeighborMessage } from '../../wire/icmpv6-nd.ts'
import { ALL_NODES, isUnspecified, multicastMac } from '../../wire/ipv6.ts'
import { ipv6Key } from './address-key.ts'
import { ignore, isGroup, isZero, type ResponderTable, type Response, sameMac } from './response.ts'

/**
 * Answers one received frame of neighbour discovery from the table, or says why not. Solicitations to the group and to us alone (hosts
 * revalidate by unicast) are answered alike, with and without the option that carries the asker's MAC: without it the frame's own source
 * is the asker. A solicitation from `::` is a host that wants to take the address: every node is told that it is taken.
 * A solicitation whose *source* is an address of ours comes from another host that uses it: no answer, but counted.
 * Source: RFC 4861 sections 7.1.1, 7.2.3 and 7.2.4; RFC 4862 section 5.4.3.
 */
export function respondNd(frame: Uint8Array, table: ResponderTable): Response {
  const ethernet = parseEthernet(frame)
  if (!ethernet.ok || ethernet.value.etherType !== ETHER_TYPE.ipv6) return ignore('malformed')
  const { destination, source, payload } = ethernet.value
  const message = parseNeighborMessage(payload)
  if (!message.ok) return ignore('malformed')
  if (message.value.kind !== 'solicitation') return ignore('not-a-request')
  if (!isGroup(destination) && !sameMac(destination, table.mac)) return ignore('other-host')
  const asker = message.value.sourceMac ?? source
  if (sameMac(asker, table.mac)) return ignore('own-frame')
  const sender = ipv6Key(message.value.source)
  if (table.addresses.has(sender)) return { kind: 'ignore', reason: 'foreign-claim', address: sender }
  const address = ipv6Key(message.value.target)
  if (!table.addresses.has(address)) return ignore('not-ours')
  if (isGroup(asker) || isZero(asker)) return { kind: 'ignore', reason: 'bad-sender', address }
  return { kind: 'reply', address, frame: answerTo(message.value, asker, table.mac) }
}

function answerTo({ source, target }: NeighborSolicitation, asker: Uint8Array, mac: Uint8Array): Uint8Array {
  return isUnspecified(source)
    ? advertisement({ mac, target, to: ALL_NODES, toMac: multicastMac(ALL_NODES), solicited: false })
    : advertisement({ mac, target, to: source, toMac: asker, solicited: true })
}

/**
 * The frame that says: `target` (16 bytes) is at `mac`. Override is set, for there is one owner, and what a neighbour remembers of the
 * one before must go; Router never is, because the address is no router whatever its node is. The source is the address itself, as the
 * kernel does it for its own: it needs no other address of the interface, which may still be tentative. Source: RFC 4861 section 4.4.
 */
export function advertisement(says: {
  readonly mac: Uint8Array
  readonly target: Uint8Array
  readonly to: Uint8Array
  readonly toMac: Uint8Array
  readonly solicited: boolean
}): Uint8Array {
  const { mac, target, to, toMac, solicited } = says
  const flags = { router: false, solicited, override: true }
  const payload = serializeNeighborMessage({ kind: 'advertisement', source: target, destination: to, target, ...flags, targetMac: mac })
  return serializeEthernet({ destination: toMac, source: mac, etherType: ETHER_TYPE.ipv6, payload })
}
