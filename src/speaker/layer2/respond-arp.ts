import { parseArp, serializeArp } from '../../wire/arp.ts'
import { ETHER_TYPE, parseEthernet, serializeEthernet } from '../../wire/ethernet.ts'
import { ipv4Key } from './address-key.ts'
import { ignore, isGroup, isZero, type ResponderTable, type Response, sameMac } from './response.ts'

/**
 * Answers one received ARP frame from the table, or says why not. Requests to the broadcast address and to our own MAC are answered
 * alike (hosts revalidate by unicast), and probes from 0.0.0.0 too (RFC 5227: that is how a stranger learns that the address is taken).
 * The reply goes to the asker alone; its Ethernet source, its ARP sender and the interface's own MAC are one and the same, or a switch
 * would learn a wrong port. A request whose *sender* is an address of ours comes from another host that claims it: no reply, but counted.
 * Source: RFC 826 "Packet Reception"; RFC 5227 section 2.1.1.
 */
export function respondArp(frame: Uint8Array, table: ResponderTable): Response {
  const ethernet = parseEthernet(frame)
  if (!ethernet.ok || ethernet.value.etherType !== ETHER_TYPE.arp) return ignore('malformed')
  const { destination, payload } = ethernet.value
  const arp = parseArp(payload)
  if (!arp.ok) return ignore('malformed')
  const { operation, senderMac, senderIp, targetIp } = arp.value
  if (operation !== 'request') return ignore('not-a-request')
  if (!isGroup(destination) && !sameMac(destination, table.mac)) return ignore('other-host')
  if (sameMac(senderMac, table.mac)) return ignore('own-frame')
  const sender = ipv4Key(senderIp)
  if (table.addresses.has(sender)) return { kind: 'ignore', reason: 'foreign-claim', address: sender }
  const address = ipv4Key(targetIp)
  if (!table.addresses.has(address)) return ignore('not-ours')
  if (isGroup(senderMac) || isZero(senderMac)) return { kind: 'ignore', reason: 'bad-sender', address }
  const reply = serializeArp({ operation: 'reply', senderMac: table.mac, senderIp: targetIp, targetMac: senderMac, targetIp: senderIp })
  return {
    kind: 'reply',
    address,
    frame: serializeEthernet({ destination: senderMac, source: table.mac, etherType: ETHER_TYPE.arp, payload: reply }),
  }
}
