import t from 'tap'
import { ipToBytes } from '../../src/addr/ip.ts'
import { parseArp, serializeArp } from '../../src/wire/arp.ts'
import { ETHER_TYPE, parseEthernet, serializeEthernet } from '../../src/wire/ethernet.ts'
import { parseNeighborMessage, serializeNeighborMessage } from '../../src/wire/icmpv6-nd.ts'
import { ALL_NODES, multicastMac } from '../../src/wire/ipv6.ts'
import { ipOf } from '../speaker/support/objects.ts'
import { addressHex, probeFrame, proberMac, readFrame } from './wire-capture-frames.ts'

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const payloadOf = (frame: Uint8Array): Uint8Array => {
  const ethernet = parseEthernet(frame)
  if (!ethernet.ok) throw new Error(JSON.stringify(ethernet.error))
  return ethernet.value.payload
}

/** The NA for an address, to all or to the one that asked. */
function advertisement(target: Uint8Array, to: Uint8Array | undefined): Uint8Array {
  const flags = { router: false, solicited: to !== undefined, override: true }
  const destination = to ?? ALL_NODES
  const payload = serializeNeighborMessage({ kind: 'advertisement', source: target, destination, target, ...flags, targetMac: MAC })
  const toMac = to === undefined ? multicastMac(ALL_NODES) : proberMac(0)
  return serializeEthernet({ destination: toMac, source: MAC, etherType: ETHER_TYPE.ipv6, payload })
}

const ADDRESS = '10.251.0.240'
const ADDRESS6 = 'fd00:251::f0'

t.test('ARP: a probe and its answer are known by their number', async (t) => {
  const question = probeFrame(addressHex(ADDRESS), 201, proberMac(300))
  t.same(readFrame(question), { kind: 'probe', address: addressHex(ADDRESS), mac: '', id: 201 })
  const asked = parseArp(payloadOf(question))
  if (!asked.ok) throw new Error(JSON.stringify(asked.error))
  const { senderMac, senderIp, targetIp } = asked.value
  t.same([...senderMac], [2, 0x0e, 0x1b, 0x77, 1, 0x2c])
  t.same(targetIp, ipToBytes(ipOf(ADDRESS)))
  const payload = serializeArp({ operation: 'reply', senderMac: MAC, senderIp: targetIp, targetMac: senderMac, targetIp: senderIp })
  const answer = serializeEthernet({ destination: senderMac, source: MAC, etherType: ETHER_TYPE.arp, payload })
  t.same(readFrame(answer), { kind: 'answer', address: addressHex(ADDRESS), mac: '02:00:00:00:00:01', id: 201 })
})

t.test('neighbour discovery: a probe and its answer are known by their number', async (t) => {
  const question = probeFrame(addressHex(ADDRESS6), 7, proberMac(0))
  t.same(readFrame(question), { kind: 'probe', address: addressHex(ADDRESS6), mac: '', id: 7 })
  const asked = parseNeighborMessage(payloadOf(question))
  if (!asked.ok) throw new Error(JSON.stringify(asked.error))
  const answer = advertisement(asked.value.target, asked.value.source)
  t.same(readFrame(answer), { kind: 'answer', address: addressHex(ADDRESS6), mac: '02:00:00:00:00:01', id: 7 })
})

t.test('announcements', async (t) => {
  const request = bytes(`ffffffffffff02000000000108060001080006040001${'0200000000010afb00f0'}ffffffffffff0afb00f0`)
  const announcement = { kind: 'announcement', mac: '02:00:00:00:00:01', id: -1 }
  t.same(readFrame(request), { ...announcement, address: '0afb00f0' })
  t.same(readFrame(advertisement(ipToBytes(ipOf(ADDRESS6)), undefined)), { ...announcement, address: addressHex(ADDRESS6) })
})

t.test('what others ask and answer is nothing of ours', async (t) => {
  const between = (operation: string, sender: string, target: string) =>
    readFrame(bytes(`ffffffffffff02000000000108060001080006040${operation}020000000001${sender}000000000000${target}`))
  t.equal(between('001', '0afb001e', '0afb00f0'), undefined)
  t.equal(between('002', '0afb00f0', '0afb001e'), undefined)
  t.equal(readFrame(new Uint8Array(60)), undefined)
  t.equal(readFrame(new Uint8Array(0)), undefined)
  t.throws(() => addressHex('x'), RangeError)
})
