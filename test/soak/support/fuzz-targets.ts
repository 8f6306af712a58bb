/** Everything of the speaker that reads bytes which strangers send, with what must hold of each answer besides that there is one. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { addressKey, ipv4Key } from '../../../src/speaker/layer2/address-key.ts'
import { respondArp } from '../../../src/speaker/layer2/respond-arp.ts'
import { respondNd } from '../../../src/speaker/layer2/respond-nd.ts'
import { createResponse, type ResponderTable, type Response } from '../../../src/speaker/layer2/response.ts'
import { deriveKey, open, seal } from '../../../src/speaker/membership/seal.ts'
import { parseArp } from '../../../src/wire/arp.ts'
import { internetChecksum, pseudoHeaderSum } from '../../../src/wire/checksum.ts'
import type { CodecError } from '../../../src/wire/codec-error.ts'
import { ETHER_TYPE, ETHERNET_HEADER_LENGTH, parseEthernet, serializeEthernet } from '../../../src/wire/ethernet.ts'
import { type NeighborMessage, parseNeighborMessage, serializeNeighborMessage, solicitedNodeGroup } from '../../../src/wire/icmpv6-nd.ts'
import { ALL_NODES, IPV6_HEADER_LENGTH, multicastMac } from '../../../src/wire/ipv6.ts'
import {
  entriesPerPacket,
  type MembershipPacket,
  parseMembership,
  serializeMembership,
  wordsPerPacket,
} from '../../../src/wire/membership.ts'
import { fromStream, toStream } from '../../../src/wire/membership-stream.ts'
import { ipOf } from '../../speaker/support/objects.ts'
import { BGP_PARSER_TARGETS } from './bgp-targets.ts'
import type { FuzzTarget } from './fuzz.ts'
import { BFD_TARGETS } from './fuzz-bfd.ts'
import { ROUTER_TARGET } from './fuzz-router.ts'
import type { Mutant } from './mutation.ts'
import type { Random } from './random.ts'

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

/** One field of every vector of a protocol. */
function vectors(protocol: string, field: string): readonly Uint8Array[] {
  const folder = new URL(`../../vectors/${protocol}/`, import.meta.url)
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => bytesOf((JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Record<string, string>)[field] ?? ''))
}

const MAC = bytesOf('020000000099')
const ASKER = bytesOf('02000000000a')
const key = (text: string) => addressKey(ipOf(text))

/** The addresses of the vectors, so that their frames ask for ours, claim ours, and take what we probe. */
const TABLE: ResponderTable = {
  mac: MAC,
  addresses: new Set([key('10.251.0.240'), key('2001:db8::b')]),
  probing: new Set([key('10.251.0.241'), key('192.0.2.9'), key('2001:db8::c')]),
  // The asker's last octet decides: some are always over their rate.
  admits: (frame) => (frame[11] ?? 0) < 0xf0,
}

const refusal = (error: CodecError): string => (error.code === 'TRUNCATED' ? error.code : `${error.code} ${error.field}`)

/** To us alone, as hosts revalidate; the vectors have other hosts' MACs. */
function toUs(frame: Uint8Array): Uint8Array {
  const ours = frame.slice()
  ours.set(MAC)
  return ours
}

const ARP_FRAMES = vectors('arp', 'frame').flatMap((frame) => [frame, toUs(frame)])

function readArp(frame: Uint8Array): ReturnType<typeof parseArp> {
  const ethernet = parseEthernet(frame)
  if (!ethernet.ok) return ethernet
  const { etherType, payload } = ethernet.value
  if (etherType !== ETHER_TYPE.arp) return { ok: false, error: { code: 'BAD_FIELD', at: 12, field: 'type', got: etherType } }
  return parseArp(payload)
}

const arpParser: FuzzTarget = {
  name: 'parseEthernet, parseArp',
  seeds: ARP_FRAMES,
  run(bytes, length) {
    const arp = readArp(bytes.subarray(0, length))
    if (!arp.ok) return refusal(arp.error)
    assert.equal(arp.value.senderMac.length + arp.value.senderIp.length + arp.value.targetMac.length + arp.value.targetIp.length, 20)
    return arp.value.operation
  },
}

/** What holds of every verdict: an address where there is one to name, and bytes for a reply only. */
function judgeResponse(response: Response, isOurs: (address: number | bigint) => boolean): string {
  const { verdict, address, length } = response
  assert.equal(length > 0, verdict === 'reply', 'a length without a reply')
  if (verdict === 'reply' || verdict === 'foreign-claim')
    assert.ok(address !== undefined && isOurs(address), `${verdict} of a stranger's address`)
  return verdict
}

const arpResponse = createResponse()
const arpResponder: FuzzTarget = {
  name: 'respondArp',
  seeds: ARP_FRAMES,
  run(bytes, length) {
    const before = bytes.slice(0, length)
    respondArp(bytes, length, TABLE, arpResponse)
    const verdict = judgeResponse(arpResponse, (address) => TABLE.addresses.has(address))
    const asked = readArp(before)
    // It reads in place what the codec would copy, and must accept the same frames.
    assert.equal(verdict !== 'malformed', asked.ok, 'the codec says otherwise')
    if (verdict !== 'reply' || !asked.ok) return verdict
    const reply = arpResponse.frame.subarray(0, arpResponse.length)
    const says = readArp(reply)
    assert.ok(says.ok && says.value.operation === 'reply')
    assert.deepEqual([reply.slice(0, 6), reply.slice(6, 12)], [asked.value.senderMac, MAC], 'to the asker alone, from our own MAC')
    assert.deepEqual(says.value, {
      operation: 'reply',
      senderMac: MAC,
      senderIp: asked.value.targetIp,
      targetMac: asked.value.senderMac,
      targetIp: asked.value.senderIp,
    })
    assert.ok(TABLE.addresses.has(ipv4Key(says.value.senderIp)))
    return verdict
  },
}

const OURS_V6 = bytesOf('20010db800000000000000000000000b')
const PROBED_V6 = bytesOf('20010db800000000000000000000000c')
const STRANGER_V6 = bytesOf('20010db800000000000000000000000a')

/** Questions and claims about what we answer and what we probe, as the vectors have them about others. */
function neighbourFrames(): readonly Uint8Array[] {
  const frame = (destination: Uint8Array, message: NeighborMessage) =>
    serializeEthernet({ destination, source: ASKER, etherType: ETHER_TYPE.ipv6, payload: serializeNeighborMessage(message) })
  const flags = { router: false, solicited: false, override: true }
  return [OURS_V6, PROBED_V6].flatMap((target) => {
    const group = solicitedNodeGroup(target)
    const ask = { kind: 'solicitation', source: STRANGER_V6, target } as const
    return [
      frame(multicastMac(group), { ...ask, destination: group, sourceMac: ASKER }),
      frame(MAC, { ...ask, destination: target, sourceMac: undefined }),
      frame(multicastMac(group), { ...ask, source: new Uint8Array(16), destination: group, sourceMac: undefined }),
      frame(multicastMac(ALL_NODES), {
        kind: 'advertisement',
        source: target,
        destination: ALL_NODES,
        target,
        ...flags,
        targetMac: ASKER,
      }),
    ]
  })
}

const ND_FRAMES = [...vectors('nd', 'frame'), ...neighbourFrames()].flatMap((frame) => [frame, toUs(frame)])
const ND_AT = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH
const ICMPV6 = 58
/** RFC 4861 section 7.1: a packet that passed a router has less. */
const HOP_LIMIT = 255

/** Puts length, hop limit and checksum right in most inputs, or nothing behind the checksum would ever be reached. */
function repairNd(random: Random, { bytes, length }: Mutant): void {
  if (length < ND_AT + 4 || random.below(4) === 0) return
  const payload = bytes.subarray(ND_AT, length)
  if (random.below(4) > 0) {
    bytes.set([payload.length >>> 8, payload.length & 0xff, ICMPV6, HOP_LIMIT], ETHERNET_HEADER_LENGTH + 4)
  }
  payload.fill(0, 2, 4)
  const [source, destination] = [bytes.subarray(22, 38), bytes.subarray(38, 54)]
  const checksum = internetChecksum(payload, pseudoHeaderSum(source, destination, payload.length, ICMPV6))
  payload.set([checksum >>> 8, checksum & 0xff], 2)
}

/** The checksum as RFC 1071 words it, over pseudo-header and message; an odd last byte is followed by a zero. */
function isSummed(packet: Uint8Array): boolean {
  const length = ((packet[4] ?? 0) << 8) | (packet[5] ?? 0)
  const message = packet.subarray(IPV6_HEADER_LENGTH, IPV6_HEADER_LENGTH + length)
  const all = [...packet.subarray(8, 40), 0, 0, length >>> 8, length & 0xff, 0, 0, 0, ICMPV6, ...message]
  let sum = 0
  for (const [at, byte] of all.entries()) sum += at % 2 === 0 ? byte * 256 : byte
  return sum % 0xffff === 0
}

const ndParser: FuzzTarget = {
  name: 'parseNeighborMessage',
  seeds: ND_FRAMES,
  repair: repairNd,
  run(bytes, length) {
    const packet = bytes.subarray(Math.min(ETHERNET_HEADER_LENGTH, length), length)
    const message = parseNeighborMessage(packet)
    if (!message.ok) return refusal(message.error)
    assert.ok(isSummed(packet) && packet[7] === HOP_LIMIT, 'a wrong checksum, or one hop too many, is taken')
    const mac = message.value.kind === 'solicitation' ? message.value.sourceMac : message.value.targetMac
    assert.ok(message.value.target.length === 16 && (mac === undefined || mac.length === 6))
    return message.value.kind
  },
}

const ndResponse = createResponse()
const ndResponder: FuzzTarget = {
  name: 'respondNd',
  seeds: ND_FRAMES,
  repair: repairNd,
  run(bytes, length) {
    const asked = parseNeighborMessage(bytes.slice(Math.min(ETHERNET_HEADER_LENGTH, length), length))
    respondNd(bytes, length, TABLE, ndResponse)
    const verdict = judgeResponse(ndResponse, (address) => TABLE.addresses.has(address))
    const isDeep = verdict === 'reply' || verdict === 'taken' || verdict === 'foreign-claim' || verdict === 'bad-sender'
    assert.ok(asked.ok || !isDeep, `${verdict} of what is no message`)
    if (verdict !== 'reply') return verdict
    const frame = ndResponse.frame.subarray(0, ndResponse.length)
    const says = parseNeighborMessage(frame.subarray(ETHERNET_HEADER_LENGTH))
    assert.ok(says.ok && says.value.kind === 'advertisement', 'a reply that is no advertisement')
    assert.deepEqual([says.value.target, says.value.targetMac, frame.slice(6, 12)], [OURS_V6, MAC, MAC])
    assert.ok(says.value.override && !says.value.router)
    return verdict
  },
}

const HEADER = { sender: 'node-1', incarnation: 1_764_000_000_000_000n, sequence: 41n }
/** The longest packets; the vectors have one of each kind. */
const LONGEST: readonly MembershipPacket[] = [
  {
    ...HEADER,
    kind: 'words',
    batch: 7,
    words: Array.from({ length: wordsPerPacket(HEADER.sender) }, (_, at) => ({
      address: at % 2 === 0 ? 0xc000_0200 + at : (0x2001_0db8n << 96n) | BigInt(at),
      epoch: at,
      state: at % 3 === 0 ? 'released' : 'held',
      recorded: at % 5 === 0,
    })),
  },
  {
    ...HEADER,
    kind: 'heartbeat',
    serving: true,
    leaving: false,
    entries: Array.from({ length: entriesPerPacket(HEADER.sender) }, (_, at) => ({
      id: BigInt(at) << 40n,
      incarnation: HEADER.incarnation,
      ageMs: at * 20,
      serving: true,
      leaving: at % 7 === 0,
      ended: at % 9 === 0,
    })),
  },
]
const PACKETS = [...vectors('membership', 'packet'), ...LONGEST.map(serializeMembership)]

/** Whether serializeMembership takes it: a list may be longer than what we send. */
const isSendable = (packet: MembershipPacket): boolean =>
  packet.kind === 'heartbeat'
    ? packet.entries.length <= entriesPerPacket(packet.sender)
    : packet.kind !== 'words' || packet.words.length <= wordsPerPacket(packet.sender)

const membershipParser: FuzzTarget = {
  name: 'parseMembership',
  seeds: PACKETS,
  run(bytes, length) {
    const packet = parseMembership(bytes.subarray(0, length))
    if (!packet.ok) return refusal(packet.error)
    if (!isSendable(packet.value)) return `${packet.value.kind}, longer than ours`
    const again = parseMembership(serializeMembership(packet.value))
    assert.ok(again.ok && again.value.kind === packet.value.kind && again.value.sequence === packet.value.sequence)
    return packet.value.kind
  },
}

const STREAMS = PACKETS.map((packet, at) => new Uint8Array(Buffer.concat([toStream(packet), toStream(PACKETS[at - 1] ?? packet)])))
const streamReader: FuzzTarget = {
  name: 'fromStream',
  seeds: STREAMS.filter(({ length }) => length <= 1400),
  run(bytes, length) {
    let waiting = bytes.subarray(0, length)
    for (let packets = 0; ; packets++) {
      const first = fromStream(waiting)
      if (!first.ok) return refusal(first.error)
      if (first.value === undefined) return packets > 2 ? 'many packets' : `${packets} packets`
      assert.equal(first.value.packet.length + first.value.rest.length + 2, waiting.length)
      waiting = first.value.rest
    }
  },
}

const KEYS = ['one', 'other'].map((text) => deriveKey(Buffer.from(text)))
const [SEALING = new Uint8Array()] = KEYS
const SEALED = PACKETS.map((packet) => seal(packet, SEALING))
const GENUINE = new Set(SEALED.map((bytes) => Buffer.from(bytes).toString('latin1')))
const opener: FuzzTarget = {
  name: 'open, parseMembership',
  seeds: SEALED,
  run(bytes, length) {
    const sealed = bytes.subarray(0, length)
    const payload = open(sealed, KEYS.toReversed())
    if (payload === undefined) return 'refused'
    assert.ok(GENUINE.has(Buffer.from(sealed).toString('latin1')), 'a forged packet opens')
    assert.ok(parseMembership(payload).ok)
    return 'opened'
  },
}

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  arpParser,
  arpResponder,
  ndParser,
  ndResponder,
  membershipParser,
  streamReader,
  opener,
  ROUTER_TARGET,
  ...BFD_TARGETS,
  ...BGP_PARSER_TARGETS,
]
