import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { formatIp, ipFromBytes, ipToBytes, parseIp } from '../../src/addr/ip.ts'
import { formatMac, parseMac } from '../../src/addr/mac.ts'
import { ARP_LENGTH, type ArpPacket, parseArp, serializeArp } from '../../src/wire/arp.ts'
import { ETHER_TYPE, ETHERNET_HEADER_LENGTH, parseEthernet, serializeEthernet } from '../../src/wire/ethernet.ts'

interface Vector {
  readonly what: string
  readonly frame: string
  readonly destination: string
  readonly source: string
  readonly padding?: number
  readonly arp: Record<'senderMac' | 'senderIp' | 'targetMac' | 'targetIp', string> & { operation: 'request' | 'reply' }
}

const value = <T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}
const mac = (text: string) => value(parseMac(text))
const ip = (text: string) => ipToBytes(value(parseIp(text)))
const FOLDER = new URL('../vectors/arp/', import.meta.url)

for (const file of readdirSync(FOLDER)) {
  const vector = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Vector
  t.test(`${file}: ${vector.what}`, async (t) => {
    const bytes = new Uint8Array(Buffer.from(vector.frame.replaceAll(' ', ''), 'hex'))
    const ethernet = value(parseEthernet(bytes))
    t.equal(formatMac(ethernet.destination), vector.destination)
    t.equal(formatMac(ethernet.source), vector.source)
    t.equal(ethernet.etherType, ETHER_TYPE.arp)
    const arp = value(parseArp(ethernet.payload))
    t.same(
      {
        operation: arp.operation,
        senderMac: formatMac(arp.senderMac),
        senderIp: formatIp(ipFromBytes(arp.senderIp)),
        targetMac: formatMac(arp.targetMac),
        targetIp: formatIp(ipFromBytes(arp.targetIp)),
      },
      vector.arp,
    )
    const again = serializeEthernet({
      destination: mac(vector.destination),
      source: mac(vector.source),
      etherType: ETHER_TYPE.arp,
      payload: serializeArp({
        operation: vector.arp.operation,
        senderMac: mac(vector.arp.senderMac),
        senderIp: ip(vector.arp.senderIp),
        targetMac: mac(vector.arp.targetMac),
        targetIp: ip(vector.arp.targetIp),
      }),
    })
    t.same(again, bytes.subarray(0, bytes.length - (vector.padding ?? 0)))
  })
}

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const packets: fc.Arbitrary<ArpPacket> = fc.record(
  {
    operation: fc.constantFrom('request' as const, 'reply' as const),
    senderMac: bytesOf(6),
    senderIp: bytesOf(4),
    targetMac: bytesOf(6),
    targetIp: bytesOf(4),
  },
  { noNullPrototype: true },
)

t.test('what is serialized is read back, whatever stands behind it', async (t) => {
  fc.assert(
    fc.property(packets, fc.uint8Array({ maxLength: 32 }), (packet, padding) => {
      const bytes = new Uint8Array([...serializeArp(packet), ...padding])
      const read = value(parseArp(bytes))
      bytes.fill(0xee)
      assert.deepEqual(read, packet)
    }),
    { numRuns: 200 },
  )
  fc.assert(
    fc.property(
      bytesOf(6),
      bytesOf(6),
      fc.integer({ min: 0x0600, max: 0xffff }),
      fc.uint8Array(),
      (destination, source, etherType, payload) => {
        const frame = { destination, source, etherType, payload }
        assert.deepEqual(value(parseEthernet(serializeEthernet(frame))), frame)
      },
    ),
    { numRuns: 100 },
  )
  t.pass('300 messages')
})

/** Half of the inputs are near a real message, or no fuzz would ever pass the first checks. */
const nearly = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc.tuple(packets, fc.nat(ARP_LENGTH - 1), fc.nat(255)).map(([packet, at, byte]) => {
    const bytes = serializeArp(packet)
    bytes[at] = byte
    return bytes
  }),
  fc.tuple(packets, fc.nat(ARP_LENGTH)).map(([packet, length]) => serializeArp(packet).slice(0, length)),
)

t.test('no bytes make a parser throw, or read what is not there', async (t) => {
  let accepted = 0
  fc.assert(
    fc.property(nearly, (bytes) => {
      // A view in the middle of a buffer of other bytes: a read past the end would find them.
      const around = new Uint8Array(bytes.length + 64).fill(0xaa)
      around.set(bytes, 32)
      const view = around.subarray(32, 32 + bytes.length)
      const own = parseArp(bytes)
      assert.deepEqual(parseArp(view), own)
      if (own.ok) accepted++
      else if (bytes.length < ARP_LENGTH) assert.deepEqual(own.error, { code: 'TRUNCATED', at: 0, need: ARP_LENGTH, have: bytes.length })
      const frame = parseEthernet(view)
      if (bytes.length < ETHERNET_HEADER_LENGTH) assert.equal(frame.ok, false)
      if (frame.ok) assert.equal(frame.value.payload.length, bytes.length - ETHERNET_HEADER_LENGTH)
    }),
    { numRuns: 500 },
  )
  t.ok(accepted > 20, `${accepted} inputs were messages`)
})

const request = serializeArp({
  operation: 'request',
  senderMac: new Uint8Array(6),
  senderIp: new Uint8Array(4),
  targetMac: new Uint8Array(6),
  targetIp: new Uint8Array(4),
})
const refusals: readonly {
  readonly name: string
  readonly at: number
  readonly byte: number
  readonly field: string
  readonly got: number
}[] = [
  { name: 'IEEE 802 networks other than Ethernet', at: 1, byte: 6, field: 'hardware type', got: 6 },
  { name: 'IPv6 has no ARP', at: 2, byte: 0x86, field: 'protocol type', got: 0x8600 },
  { name: 'InfiniBand addresses', at: 4, byte: 20, field: 'address lengths', got: 0x1404 },
  { name: 'addresses of six bytes', at: 5, byte: 6, field: 'address lengths', got: 0x0606 },
  { name: 'RARP', at: 7, byte: 3, field: 'opcode', got: 3 },
]
for (const { name, at, byte, field, got } of refusals) {
  t.test(`refuses ${name}`, async (t) => {
    const bytes = request.slice()
    bytes[at] = byte
    t.same(parseArp(bytes), { ok: false, error: { code: 'BAD_FIELD', at: at & ~1, field, got } })
  })
}

t.test('the wrong length of an address is a bug of the caller', async (t) => {
  const good = value(parseArp(request))
  t.throws(() => serializeArp({ ...good, senderIp: new Uint8Array(16) }), RangeError)
  t.throws(() => serializeArp({ ...good, targetMac: new Uint8Array(8) }), RangeError)
  t.throws(
    () => serializeEthernet({ destination: new Uint8Array(5), source: new Uint8Array(6), etherType: 0x0806, payload: request }),
    RangeError,
  )
  t.throws(
    () => serializeEthernet({ destination: new Uint8Array(6), source: new Uint8Array(6), etherType: 28, payload: request }),
    RangeError,
  )
})

t.test('an IEEE 802.3 length is no type', async (t) => {
  const bytes = new Uint8Array(60)
  bytes[13] = 46
  t.same(parseEthernet(bytes), { ok: false, error: { code: 'BAD_FIELD', at: 12, field: 'type', got: 46 } })
})
