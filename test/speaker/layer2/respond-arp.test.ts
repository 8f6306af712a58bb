import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { formatIp, ipFromBytes } from '../../../src/addr/ip.ts'
import { formatMac, parseMac } from '../../../src/addr/mac.ts'
import { ipv4Key } from '../../../src/speaker/layer2/address-key.ts'
import { respondArp } from '../../../src/speaker/layer2/respond-arp.ts'
import type { Verdict } from '../../../src/speaker/layer2/response.ts'
import { type ArpPacket, parseArp, serializeArp } from '../../../src/wire/arp.ts'
import { BROADCAST_MAC, ETHER_TYPE, parseEthernet, serializeEthernet } from '../../../src/wire/ethernet.ts'
import { outcomeOf, tableOf } from '../support/responses.ts'

const mac = (text: string): Uint8Array => {
  const parsed = parseMac(text)
  assert(parsed.ok)
  return parsed.value
}
const OWN = mac('02:00:00:00:00:01')
const ASKER = mac('02:00:00:00:00:99')
const VIP = [10, 251, 0, 240]
const HIGH = [192, 168, 255, 254]
const WANTED = [10, 251, 0, 250]
const keyOf = (ip: readonly number[]): number => ipv4Key(Uint8Array.from(ip))
const TABLE = tableOf(OWN, [keyOf(VIP), keyOf(HIGH)], { probing: new Set([keyOf(WANTED)]) })
const respond = (bytes: Uint8Array, table = TABLE) => outcomeOf(respondArp, bytes, table)

interface Asked extends Partial<Omit<ArpPacket, 'senderIp' | 'targetIp'>> {
  readonly destination?: Uint8Array
  readonly etherType?: number
  readonly senderIp?: readonly number[]
  readonly targetIp?: readonly number[]
}

function frame({ destination = BROADCAST_MAC, etherType = ETHER_TYPE.arp, ...asked }: Asked): Uint8Array {
  const payload = serializeArp({
    operation: asked.operation ?? 'request',
    senderMac: asked.senderMac ?? ASKER,
    senderIp: Uint8Array.from(asked.senderIp ?? [10, 251, 0, 30]),
    targetMac: asked.targetMac ?? new Uint8Array(6),
    targetIp: Uint8Array.from(asked.targetIp ?? VIP),
  })
  return serializeEthernet({ destination, source: asked.senderMac ?? ASKER, etherType, payload })
}

const answered: readonly { readonly name: string; readonly asked: Asked }[] = [
  { name: 'a broadcast request', asked: {} },
  { name: 'a unicast request to our own MAC', asked: { destination: OWN, targetMac: OWN } },
  { name: 'a probe from 0.0.0.0', asked: { senderIp: [0, 0, 0, 0] } },
  { name: 'an address with its highest bit set', asked: { targetIp: HIGH } },
]
for (const { name, asked } of answered) {
  t.test(`answers ${name}`, async (t) => {
    const response = respond(frame(asked))
    if (response.frame === undefined) return void t.fail(response.verdict)
    t.equal(response.address, keyOf(asked.targetIp ?? VIP))
    t.equal(response.frame.length, 42)
    const ethernet = parseEthernet(response.frame)
    const arp = ethernet.ok ? parseArp(ethernet.value.payload) : ethernet
    if (!ethernet.ok || !arp.ok) return void t.fail('the reply cannot be read')
    t.equal(formatMac(ethernet.value.destination), formatMac(ASKER), 'to the asker alone')
    t.equal(formatMac(ethernet.value.source), formatMac(OWN), 'from our own MAC: a switch learns the right port')
    t.equal(arp.value.operation, 'reply')
    t.equal(formatMac(arp.value.senderMac), formatMac(OWN))
    t.equal(formatIp(ipFromBytes(arp.value.senderIp)), (asked.targetIp ?? VIP).join('.'))
    t.equal(formatMac(arp.value.targetMac), formatMac(ASKER))
    t.equal(formatIp(ipFromBytes(arp.value.targetIp)), (asked.senderIp ?? [10, 251, 0, 30]).join('.'))
  })
}

const ignored: readonly {
  readonly name: string
  readonly given: Uint8Array
  readonly verdict: Verdict
  readonly address?: number
  readonly mac?: Uint8Array
}[] = [
  { name: 'an address that is not ours', given: frame({ targetIp: [10, 251, 0, 241] }), verdict: 'not-ours' },
  { name: 'a reply to a question of ours', given: frame({ operation: 'reply', destination: OWN }), verdict: 'not-a-request' },
  {
    name: 'the reply of another host that has our address',
    given: frame({ operation: 'reply', senderIp: VIP, destination: OWN }),
    verdict: 'foreign-claim',
    address: keyOf(VIP),
    mac: ASKER,
  },
  {
    name: 'our own gratuitous reply, sent back by a loop',
    given: frame({ operation: 'reply', senderIp: VIP, targetIp: VIP, senderMac: OWN }),
    verdict: 'own-frame',
  },
  {
    name: 'a question of a host that has what we ask for',
    given: frame({ senderIp: WANTED }),
    verdict: 'taken',
    address: keyOf(WANTED),
    mac: ASKER,
  },
  {
    name: 'the answer to our probe',
    given: frame({ operation: 'reply', senderIp: WANTED, destination: OWN }),
    verdict: 'taken',
    address: keyOf(WANTED),
    mac: ASKER,
  },
  {
    name: 'the probe of another host for what we ask for',
    given: frame({ senderIp: [0, 0, 0, 0], targetIp: WANTED }),
    verdict: 'taken',
    address: keyOf(WANTED),
    mac: ASKER,
  },
  { name: 'a plain question about what we ask for', given: frame({ targetIp: WANTED }), verdict: 'not-ours' },
  {
    name: 'our own probe, sent back by a loop',
    given: frame({ senderIp: [0, 0, 0, 0], targetIp: WANTED, senderMac: OWN }),
    verdict: 'own-frame',
  },
  { name: 'a unicast to another host', given: frame({ destination: mac('02:00:00:00:00:02') }), verdict: 'other-host' },
  { name: 'our own frame, sent back by a loop', given: frame({ senderMac: OWN }), verdict: 'own-frame' },
  { name: 'another protocol', given: frame({ etherType: ETHER_TYPE.ipv4 }), verdict: 'malformed' },
  { name: 'half a frame', given: frame({}).subarray(0, 30), verdict: 'malformed' },
  { name: 'nothing', given: new Uint8Array(), verdict: 'malformed' },
  {
    name: 'an asker without a MAC',
    given: frame({ senderMac: new Uint8Array(6) }),
    verdict: 'bad-sender',
    address: keyOf(VIP),
  },
  {
    name: 'an asker with a group MAC: the answer would be a broadcast',
    given: frame({ senderMac: BROADCAST_MAC }),
    verdict: 'bad-sender',
    address: keyOf(VIP),
  },
  {
    name: 'the gratuitous request of another host that claims our address',
    given: frame({ senderIp: VIP, targetIp: VIP }),
    verdict: 'foreign-claim',
    address: keyOf(VIP),
    mac: ASKER,
  },
  {
    name: 'a question of another host that uses our address as its own',
    given: frame({ senderIp: VIP, targetIp: [10, 251, 0, 1] }),
    verdict: 'foreign-claim',
    address: keyOf(VIP),
    mac: ASKER,
  },
]
for (const { name, given, verdict, address, mac } of ignored) {
  t.test(`ignores ${name}`, async (t) => {
    t.same(respond(given), { verdict, ...(address === undefined ? {} : { address }), ...(mac === undefined ? {} : { mac }) })
  })
}

t.test('an asker that has had its share gets no answer; what is not for us costs it nothing', async (t) => {
  const asked: string[] = []
  const table = tableOf(OWN, [keyOf(VIP)], {
    admits(bytes) {
      asked.push(formatMac(bytes.slice(6, 12)))
      return false
    },
  })
  t.same(respond(frame({}), table), { verdict: 'rate-limited', address: keyOf(VIP) })
  t.equal(respond(frame({ targetIp: HIGH }), table).verdict, 'not-ours')
  t.same(asked, [formatMac(ASKER)])
})

t.test('reads what parseArp reads, and nothing else', async (t) => {
  let accepted = 0
  const near = fc.tuple(fc.nat(41), fc.nat(255), fc.nat(60)).map(([at, byte, length]) => {
    const bytes = new Uint8Array(60)
    bytes.set(frame({}))
    bytes[at] = byte
    return bytes.subarray(0, Math.max(length, 30))
  })
  fc.assert(
    fc.property(near, (bytes) => {
      const ethernet = parseEthernet(bytes)
      const isRead = ethernet.ok && ethernet.value.etherType === ETHER_TYPE.arp && parseArp(ethernet.value.payload).ok
      if (isRead) accepted++
      assert.equal(respond(bytes).verdict === 'malformed', !isRead)
    }),
    { numRuns: 1000 },
  )
  t.ok(accepted > 100, `${accepted} accepted`)
})

t.test('any bytes get at most a reply of 42 bytes to one host, from our MAC', async (t) => {
  let replies = 0
  const near = fc.tuple(fc.nat(41), fc.nat(255)).map(([at, byte]) => {
    const bytes = frame({})
    bytes[at] = byte
    return bytes
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), near), (bytes) => {
      const response = respond(bytes)
      if (response.frame === undefined) return
      replies++
      assert.equal(response.frame.length, 42)
      assert.equal((response.frame[0] ?? 1) & 1, 0)
      assert.deepEqual(response.frame.slice(6, 12), OWN)
    }),
    { numRuns: 500 },
  )
  t.ok(replies > 10, `${replies} replies`)
})
