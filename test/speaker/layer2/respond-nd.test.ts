import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { formatIp, ipFromBytes, ipToBytes } from '../../../src/addr/ip.ts'
import { formatMac, parseMac } from '../../../src/addr/mac.ts'
import { addressKey, ipOfKey, ipv6Key } from '../../../src/speaker/layer2/address-key.ts'
import { ADVERTISEMENT_DELAYS_MS, announcementFrames, createGratuitousSchedule } from '../../../src/speaker/layer2/gratuitous.ts'
import { respondNd } from '../../../src/speaker/layer2/respond-nd.ts'
import type { Verdict } from '../../../src/speaker/layer2/response.ts'
import { BROADCAST_MAC, ETHER_TYPE, parseEthernet, serializeEthernet } from '../../../src/wire/ethernet.ts'
import { parseNeighborMessage, serializeNeighborMessage, solicitedNodeGroup } from '../../../src/wire/icmpv6-nd.ts'
import { multicastMac } from '../../../src/wire/ipv6.ts'
import { ipOf } from '../support/objects.ts'
import { outcomeOf, tableOf } from '../support/responses.ts'

const mac = (text: string): Uint8Array => {
  const parsed = parseMac(text)
  assert(parsed.ok)
  return parsed.value
}
const ip = (text: string): Uint8Array => ipToBytes(ipOf(text))
const key = (text: string) => addressKey(ipOf(text))
const OWN = mac('02:00:00:00:00:01')
const ASKER = mac('02:00:00:00:00:99')
const VIP = 'fd00:251::240'
const WANTED = 'fd00:251::250'
const TABLE = tableOf(OWN, [key(VIP), key('fe80::aaaa'), key('10.0.0.1')], { probing: new Set([key(WANTED)]) })
const respond = (bytes: Uint8Array, table = TABLE) => outcomeOf(respondNd, bytes, table)

interface Asked {
  readonly etherDestination?: Uint8Array
  readonly etherSource?: Uint8Array
  readonly etherType?: number
  readonly source?: string
  readonly destination?: Uint8Array
  readonly target?: string
  readonly sourceMac?: Uint8Array | undefined
}

function frame(asked: Asked): Uint8Array {
  const target = ip(asked.target ?? VIP)
  const destination = asked.destination ?? solicitedNodeGroup(target)
  const payload = serializeNeighborMessage({
    kind: 'solicitation',
    source: ip(asked.source ?? 'fd00:251::30'),
    destination,
    target,
    sourceMac: 'sourceMac' in asked ? asked.sourceMac : ASKER,
  })
  return serializeEthernet({
    destination: asked.etherDestination ?? multicastMac(destination),
    source: asked.etherSource ?? ASKER,
    etherType: asked.etherType ?? ETHER_TYPE.ipv6,
    payload,
  })
}

const read = (bytes: Uint8Array) => {
  const ethernet = parseEthernet(bytes)
  const message = ethernet.ok ? parseNeighborMessage(ethernet.value.payload) : ethernet
  if (!ethernet.ok || !message.ok || message.value.kind !== 'advertisement') throw new Error('no advertisement')
  const { source, destination, target, targetMac, router, solicited, override } = message.value
  return {
    toMac: formatMac(ethernet.value.destination),
    fromMac: formatMac(ethernet.value.source),
    source: formatIp(ipFromBytes(source)),
    destination: formatIp(ipFromBytes(destination)),
    target: formatIp(ipFromBytes(target)),
    targetMac: targetMac === undefined ? undefined : formatMac(targetMac),
    flags: `${router ? 'R' : ''}${solicited ? 'S' : ''}${override ? 'O' : ''}`,
  }
}

const PROBE: Asked = { source: '::', sourceMac: undefined }
const answered: readonly { readonly name: string; readonly asked: Asked; readonly to?: object }[] = [
  { name: 'a solicitation to the group', asked: {} },
  { name: 'a solicitation to us alone', asked: { etherDestination: OWN, destination: ip(VIP) } },
  { name: 'one without the option: the frame tells who asks', asked: { sourceMac: undefined } },
  { name: 'one from a link-local address', asked: { source: 'fe80::30' }, to: { destination: 'fe80::30' } },
  {
    name: 'one whose option names another MAC than the frame: a proxy asks for somebody',
    asked: { sourceMac: mac('02:00:00:00:00:77') },
    to: { toMac: '02:00:00:00:00:77' },
  },
  { name: 'one for a link-local address of ours', asked: { target: 'fe80::aaaa' }, to: { target: 'fe80::aaaa', source: 'fe80::aaaa' } },
  {
    name: 'duplicate address detection, and tells everybody',
    asked: PROBE,
    to: { toMac: '33:33:00:00:00:01', destination: 'ff02::1', flags: 'O' },
  },
]
for (const { name, asked, to } of answered) {
  t.test(`answers ${name}`, async (t) => {
    const response = respond(frame(asked))
    if (response.frame === undefined) return void t.fail(response.verdict)
    t.equal(response.address, key(asked.target ?? VIP))
    t.same(read(response.frame), {
      toMac: '02:00:00:00:00:99',
      fromMac: '02:00:00:00:00:01',
      source: VIP,
      destination: 'fd00:251::30',
      target: VIP,
      targetMac: '02:00:00:00:00:01',
      flags: 'SO',
      ...to,
    })
  })
}

/** An advertisement to all nodes, or as said. */
function advertised(over: { target?: string; targetMac?: Uint8Array | undefined; etherSource?: Uint8Array } = {}): Uint8Array {
  const target = ip(over.target ?? VIP)
  const flags = { router: false, solicited: false, override: true }
  const targetMac = 'targetMac' in over ? over.targetMac : ASKER
  const payload = serializeNeighborMessage({
    kind: 'advertisement',
    source: target,
    destination: ip('ff02::1'),
    target,
    ...flags,
    targetMac,
  })
  const source = over.etherSource ?? ASKER
  return serializeEthernet({ destination: multicastMac(ip('ff02::1')), source, etherType: ETHER_TYPE.ipv6, payload })
}

const passedOn = frame({})
passedOn[21] = 254
const damaged = frame({})
damaged[57] = (damaged[57] ?? 0) ^ 1
const ignored: readonly {
  readonly name: string
  readonly given: Uint8Array
  readonly verdict: Verdict
  readonly address?: string
  readonly mac?: Uint8Array
}[] = [
  { name: 'an address that is not ours', given: frame({ target: 'fd00:251::241' }), verdict: 'not-ours' },
  {
    name: 'an address of ours in its last three bytes only: it shares the group',
    given: frame({ target: 'fd00:252::240' }),
    verdict: 'not-ours',
  },
  { name: 'the number of an IPv4 address of ours', given: frame({ target: '::a00:1' }), verdict: 'not-ours' },
  { name: 'an advertisement of another address', given: advertised({ target: 'fd00:251::30' }), verdict: 'not-a-request' },
  { name: 'an advertisement of our address', given: advertised(), verdict: 'foreign-claim', address: VIP, mac: ASKER },
  {
    name: 'one without its option: the frame tells who claims',
    given: advertised({ targetMac: undefined }),
    verdict: 'foreign-claim',
    address: VIP,
    mac: ASKER,
  },
  { name: 'our own advertisement, sent back by a loop', given: advertised({ targetMac: OWN, etherSource: OWN }), verdict: 'own-frame' },
  { name: 'the answer to our probe', given: advertised({ target: WANTED }), verdict: 'taken', address: WANTED, mac: ASKER },
  {
    name: 'the probe of another host for what we ask for',
    given: frame({ ...PROBE, target: WANTED }),
    verdict: 'taken',
    address: WANTED,
    mac: ASKER,
  },
  { name: 'our own probe, sent back by a loop', given: frame({ ...PROBE, target: WANTED, etherSource: OWN }), verdict: 'own-frame' },
  { name: 'a plain question about what we ask for', given: frame({ target: WANTED }), verdict: 'not-ours' },
  {
    name: 'a question of a host that has what we ask for',
    given: frame({ source: WANTED }),
    verdict: 'taken',
    address: WANTED,
    mac: ASKER,
  },
  { name: 'a unicast to another host', given: frame({ etherDestination: mac('02:00:00:00:00:02') }), verdict: 'other-host' },
  { name: 'our own frame, sent back by a loop', given: frame({ etherSource: OWN, sourceMac: OWN }), verdict: 'own-frame' },
  { name: 'ARP', given: frame({ etherType: ETHER_TYPE.arp }), verdict: 'malformed' },
  { name: 'half a frame', given: frame({}).subarray(0, 60), verdict: 'malformed' },
  { name: 'nothing', given: new Uint8Array(), verdict: 'malformed' },
  { name: 'what a router has passed on', given: passedOn, verdict: 'malformed' },
  { name: 'a damaged checksum', given: damaged, verdict: 'malformed' },
  { name: 'an asker without a MAC', given: frame({ sourceMac: new Uint8Array(6) }), verdict: 'bad-sender', address: VIP },
  { name: 'an asker with a group MAC', given: frame({ sourceMac: BROADCAST_MAC }), verdict: 'bad-sender', address: VIP },
  {
    name: 'a host that uses our address',
    given: frame({ source: VIP, target: 'fd00:251::1' }),
    verdict: 'foreign-claim',
    address: VIP,
    mac: ASKER,
  },
]
for (const { name, given, verdict, address, mac } of ignored) {
  t.test(`ignores ${name}`, async (t) => {
    const more = { ...(address === undefined ? {} : { address: key(address) }), ...(mac === undefined ? {} : { mac }) }
    t.same(respond(given), { verdict, ...more })
  })
}

t.test('an asker that has had its share gets no answer; what is not for us costs it nothing', async (t) => {
  const asked: string[] = []
  const table = tableOf(OWN, [key(VIP)], {
    admits(bytes) {
      asked.push(formatMac(bytes.slice(6, 12)))
      return false
    },
  })
  t.same(respond(frame({}), table), { verdict: 'rate-limited', address: key(VIP) })
  t.equal(respond(frame({ target: 'fd00:251::241' }), table).verdict, 'not-ours')
  t.same(asked, [formatMac(ASKER)])
})

t.test('at a take-over every node is told, with Override and nothing else', async (t) => {
  t.same(announcementFrames(OWN, key(VIP)).map(read), [
    {
      toMac: '33:33:00:00:00:01',
      fromMac: '02:00:00:00:00:01',
      source: VIP,
      destination: 'ff02::1',
      target: VIP,
      targetMac: '02:00:00:00:00:01',
      flags: 'O',
    },
  ])
  t.equal(announcementFrames(OWN, key('10.0.0.1')).length, 2, 'the pair of ARP')
})

t.test('no more than three advertisements, a second apart', async (t) => {
  const schedule = createGratuitousSchedule()
  schedule.start(key(VIP), 0)
  const sentAt: number[] = []
  for (let nowMs = 0; nowMs < 10_000; nowMs += 10) {
    for (const address of schedule.due(nowMs, 8)) {
      sentAt.push(nowMs)
      schedule.sent(address, nowMs)
    }
  }
  t.same(sentAt, [...ADVERTISEMENT_DELAYS_MS])
  t.same(sentAt, [0, 1000, 2000])
})

t.test('keys: bytes, texts and addresses agree, and the families never meet', async (t) => {
  for (const text of ['::', '::1', VIP, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']) {
    t.equal(ipv6Key(ip(text)), key(text))
    t.same(ipOfKey(key(text)), ipOf(text))
  }
  t.same(ipOfKey(key('255.255.255.254')), ipOf('255.255.255.254'))
  t.not(new Set([key('0.0.0.1')]).has(key('::1')), true)
})

t.test('any bytes get at most one advertisement of 86 bytes, from our MAC', async (t) => {
  let replies = 0
  const near = fc.tuple(fc.constantFrom<Asked>({}, PROBE), fc.nat(85), fc.nat(255)).map(([asked, at, byte]) => {
    const bytes = frame(asked)
    if (at < bytes.length) bytes[at] = byte
    return bytes
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), near), (bytes) => {
      const response = respond(bytes)
      if (response.frame === undefined) return
      replies++
      assert.equal(response.frame.length, 86)
      assert.deepEqual(response.frame.slice(6, 12), OWN)
      const { flags, destination } = read(response.frame)
      assert.equal(flags, destination === 'ff02::1' ? 'O' : 'SO')
    }),
    { numRuns: 1000 },
  )
  t.ok(replies > 20, `${replies} replies`)
})
