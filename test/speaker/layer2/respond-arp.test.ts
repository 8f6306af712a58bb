import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { formatIp, ipFromBytes } from '../../../src/addr/ip.ts'
import { formatMac, parseMac } from '../../../src/addr/mac.ts'
import { ipv4Key } from '../../../src/speaker/layer2/address-key.ts'
import { respondArp } from '../../../src/speaker/layer2/respond-arp.ts'
import type { IgnoreReason } from '../../../src/speaker/layer2/response.ts'
import { type ArpPacket, parseArp, serializeArp } from '../../../src/wire/arp.ts'
import { BROADCAST_MAC, ETHER_TYPE, parseEthernet, serializeEthernet } from '../../../src/wire/ethernet.ts'

const mac = (text: string): Uint8Array => {
  const parsed = parseMac(text)
  assert(parsed.ok)
  return parsed.value
}
const OWN = mac('02:00:00:00:00:01')
const ASKER = mac('02:00:00:00:00:99')
const VIP = [10, 251, 0, 240]
const HIGH = [192, 168, 255, 254]
const TABLE = { mac: OWN, addresses: new Set([ipv4Key(Uint8Array.from(VIP)), ipv4Key(Uint8Array.from(HIGH))]) }

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
    const response = respondArp(frame(asked), TABLE)
    if (response.kind !== 'reply') return void t.fail(response.reason)
    t.equal(response.address, ipv4Key(Uint8Array.from(asked.targetIp ?? VIP)))
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

const ignored: readonly { readonly name: string; readonly given: Uint8Array; readonly reason: IgnoreReason; readonly address?: number }[] =
  [
    { name: 'an address that is not ours', given: frame({ targetIp: [10, 251, 0, 241] }), reason: 'not-ours' },
    { name: 'a reply', given: frame({ operation: 'reply' }), reason: 'not-a-request' },
    { name: 'a unicast to another host', given: frame({ destination: mac('02:00:00:00:00:02') }), reason: 'other-host' },
    { name: 'our own frame, sent back by a loop', given: frame({ senderMac: OWN }), reason: 'own-frame' },
    { name: 'another protocol', given: frame({ etherType: ETHER_TYPE.ipv4 }), reason: 'malformed' },
    { name: 'half a frame', given: frame({}).subarray(0, 30), reason: 'malformed' },
    { name: 'nothing', given: new Uint8Array(), reason: 'malformed' },
    {
      name: 'an asker without a MAC',
      given: frame({ senderMac: new Uint8Array(6) }),
      reason: 'bad-sender',
      address: ipv4Key(Uint8Array.from(VIP)),
    },
    {
      name: 'an asker with a group MAC: the answer would be a broadcast',
      given: frame({ senderMac: BROADCAST_MAC }),
      reason: 'bad-sender',
      address: ipv4Key(Uint8Array.from(VIP)),
    },
    {
      name: 'the gratuitous request of another host that claims our address',
      given: frame({ senderIp: VIP, targetIp: VIP }),
      reason: 'foreign-claim',
      address: ipv4Key(Uint8Array.from(VIP)),
    },
    {
      name: 'a question of another host that uses our address as its own',
      given: frame({ senderIp: VIP, targetIp: [10, 251, 0, 1] }),
      reason: 'foreign-claim',
      address: ipv4Key(Uint8Array.from(VIP)),
    },
  ]
for (const { name, given, reason, address } of ignored) {
  t.test(`ignores ${name}`, async (t) => {
    t.same(respondArp(given, TABLE), { kind: 'ignore', reason, ...(address === undefined ? {} : { address }) })
  })
}

t.test('any bytes get at most a reply of 42 bytes to one host, from our MAC', async (t) => {
  let replies = 0
  const near = fc.tuple(fc.nat(41), fc.nat(255)).map(([at, byte]) => {
    const bytes = frame({})
    bytes[at] = byte
    return bytes
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), near), (bytes) => {
      const response = respondArp(bytes, TABLE)
      if (response.kind === 'ignore') return
      replies++
      assert.equal(response.frame.length, 42)
      assert.equal((response.frame[0] ?? 1) & 1, 0)
      assert.deepEqual(response.frame.slice(6, 12), OWN)
    }),
    { numRuns: 500 },
  )
  t.ok(replies > 10, `${replies} replies`)
})
