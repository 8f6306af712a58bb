import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { formatIp, ipFromBytes, ipToBytes, parseIp } from '../../src/addr/ip.ts'
import { formatMac, parseMac } from '../../src/addr/mac.ts'
import { internetChecksum, pseudoHeaderSum } from '../../src/wire/checksum.ts'
import { ETHER_TYPE, parseEthernet, serializeEthernet } from '../../src/wire/ethernet.ts'
import { type NeighborMessage, parseNeighborMessage, serializeNeighborMessage, solicitedNodeGroup } from '../../src/wire/icmpv6-nd.ts'
import { ALL_NODES, IPV6_HEADER_LENGTH, multicastMac, parseIpv6, serializeIpv6 } from '../../src/wire/ipv6.ts'

interface Vector {
  readonly what: string
  readonly frame: string
  readonly etherDestination: string
  readonly etherSource: string
  /** The frame carries options that the codec skips, so it is not written back the same. */
  readonly unknownOptions?: boolean
  readonly message: Readonly<Record<string, string | boolean>>
}

const value = <T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}
const mac = (text: string) => value(parseMac(text))
const ip = (text: string) => ipToBytes(value(parseIp(text)))
const FOLDER = new URL('../vectors/nd/', import.meta.url)

/** Addresses and MACs as text, what is absent left out. */
function shown(message: NeighborMessage): Record<string, string | boolean> {
  const { kind, source, destination, target, ...rest } = message
  const text = Object.entries(rest).flatMap(([name, field]) =>
    field === undefined ? [] : [[name, field instanceof Uint8Array ? formatMac(field) : field] as const],
  )
  const address = (bytes: Uint8Array) => formatIp(ipFromBytes(bytes))
  return { kind, source: address(source), destination: address(destination), target: address(target), ...Object.fromEntries(text) }
}

for (const file of readdirSync(FOLDER)) {
  const vector = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Vector
  t.test(`${file}: ${vector.what}`, async (t) => {
    const bytes = new Uint8Array(Buffer.from(vector.frame.replaceAll(' ', ''), 'hex'))
    const ethernet = value(parseEthernet(bytes))
    t.equal(formatMac(ethernet.destination), vector.etherDestination)
    t.equal(formatMac(ethernet.source), vector.etherSource)
    const message = value(parseNeighborMessage(ethernet.payload))
    t.same(shown(message), vector.message)
    const again = serializeEthernet({
      destination: mac(vector.etherDestination),
      source: mac(vector.etherSource),
      etherType: ETHER_TYPE.ipv6,
      payload: serializeNeighborMessage(message),
    })
    if (vector.unknownOptions === true) t.same(shown(value(parseNeighborMessage(again.subarray(14)))), vector.message)
    else t.same(again, bytes)
  })
}

t.test('the checksum: the example of RFC 1071, an odd length, and a carry out of a carry', async (t) => {
  t.equal(internetChecksum(Uint8Array.of(0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7)), ~0xddf2 & 0xffff)
  t.equal(internetChecksum(Uint8Array.of(0x12)), ~0x1200 & 0xffff)
  t.equal(internetChecksum(Uint8Array.of(0xff, 0xff, 0, 1)), 0xfffe)
  t.equal(internetChecksum(new Uint8Array(0)), 0xffff)
  t.equal(pseudoHeaderSum(new Uint8Array(16), new Uint8Array(16), 0x1_0002, 58), 1 + 2 + 58)
})

t.test('groups: of an address, and their MAC', async (t) => {
  t.same(solicitedNodeGroup(ip('4037::1:800:200e:8c6c')), ip('ff02::1:ff0e:8c6c'), 'the example of RFC 4291')
  t.equal(formatMac(multicastMac(ip('ff02::1:ff0e:8c6c'))), '33:33:ff:0e:8c:6c')
  t.equal(formatMac(multicastMac(ALL_NODES)), '33:33:00:00:00:01')
})

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const unicast = bytesOf(16).map((bytes) => Uint8Array.of(0x20 | ((bytes[0] ?? 0) & 0x1f), ...bytes.subarray(1)))
const anybody = fc.oneof(
  unicast,
  bytesOf(15).map((rest) => Uint8Array.of(0xff, ...rest)),
)
const optionalMac = fc.option(bytesOf(6), { nil: undefined })
const solicitations: fc.Arbitrary<NeighborMessage> = fc.record(
  { kind: fc.constant('solicitation' as const), source: unicast, destination: anybody, target: unicast, sourceMac: optionalMac },
  { noNullPrototype: true },
)
const probes: fc.Arbitrary<NeighborMessage> = unicast.map((target) => ({
  kind: 'solicitation',
  source: new Uint8Array(16),
  destination: solicitedNodeGroup(target),
  target,
  sourceMac: undefined,
}))
const advertisements: fc.Arbitrary<NeighborMessage> = fc
  .record(
    {
      kind: fc.constant('advertisement' as const),
      source: unicast,
      destination: anybody,
      target: unicast,
      router: fc.boolean(),
      solicited: fc.boolean(),
      override: fc.boolean(),
      targetMac: optionalMac,
    },
    { noNullPrototype: true },
  )
  .map((message) => ({ ...message, solicited: message.solicited && message.destination[0] !== 0xff }))
const messages = fc.oneof(solicitations, probes, advertisements)

/** Writes length and checksum anew, so that a change further in is what the parser finds. */
function mended(packet: Uint8Array): Uint8Array {
  const { source, destination, ...head } = value(parseIpv6(Uint8Array.of(0x60, ...packet.subarray(1, 4), 0, 0, ...packet.subarray(6))))
  const payload = packet.slice(IPV6_HEADER_LENGTH)
  if (payload.length >= 4) {
    payload.set([0, 0], 2)
    const sum = internetChecksum(payload, pseudoHeaderSum(source, destination, payload.length, 58))
    payload.set([sum >>> 8, sum & 0xff], 2)
  }
  return serializeIpv6({ ...head, source, destination, payload })
}

t.test('what is serialized is read back, whatever stands behind it, and with whatever options among its own', async (t) => {
  const unknown = fc.array(
    fc.tuple(fc.integer({ min: 3, max: 255 }), fc.integer({ min: 1, max: 3 })).map(([type, units]) => {
      const option = new Uint8Array(units * 8).fill(0x5a)
      option.set([type, units])
      return option
    }),
    { maxLength: 3 },
  )
  fc.assert(
    fc.property(messages, unknown, fc.uint8Array({ maxLength: 32 }), (message, options, padding) => {
      const bytes = mended(new Uint8Array([...serializeNeighborMessage(message), ...options.flatMap((option) => [...option])]))
      const read = value(parseNeighborMessage(new Uint8Array([...bytes, ...padding])))
      assert.deepEqual(shown(read), shown(message))
      assert.deepEqual(serializeNeighborMessage(read), serializeNeighborMessage(message))
    }),
    { numRuns: 300 },
  )
  t.pass('300 messages')
})

const mutated = fc
  .tuple(messages, fc.array(fc.tuple(fc.nat(95), fc.nat(255)), { minLength: 1, maxLength: 3 }), fc.nat(20))
  .map(([message, changes, cut]) => {
    const bytes = serializeNeighborMessage(message)
    for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte
    return bytes.slice(0, Math.max(IPV6_HEADER_LENGTH, bytes.length - cut))
  })
const junk = fc.oneof(
  fc.uint8Array({ maxLength: 120 }),
  mutated,
  mutated.map(mended),
  fc.tuple(messages, fc.nat(95)).map(([message, length]) => serializeNeighborMessage(message).slice(0, length)),
)

t.test('no bytes make a parser throw, or read what is not there', async (t) => {
  let accepted = 0
  fc.assert(
    fc.property(junk, (bytes) => {
      // A view in the middle of a buffer of other bytes: a read past the end would find them.
      const around = new Uint8Array(bytes.length + 128).fill(0xaa)
      around.set(bytes, 64)
      const view = around.subarray(64, 64 + bytes.length)
      const own = parseNeighborMessage(bytes)
      const inside = parseNeighborMessage(view)
      assert.equal(own.ok, inside.ok)
      if (!own.ok || !inside.ok) return void assert.deepEqual(inside, own)
      accepted++
      assert.deepEqual(shown(inside.value), shown(own.value))
      // What is accepted can be written, and reads the same.
      assert.deepEqual(shown(value(parseNeighborMessage(serializeNeighborMessage(own.value)))), shown(own.value))
    }),
    { numRuns: 3000 },
  )
  t.ok(accepted > 100, `${accepted} inputs were messages`)
})

const SOLICITATION: NeighborMessage = {
  kind: 'solicitation',
  source: ip('fe80::a'),
  destination: ip('ff02::1:ff00:b'),
  target: ip('2001:db8::b'),
  sourceMac: mac('02:00:00:00:00:0a'),
}
const ADVERTISEMENT: NeighborMessage = {
  kind: 'advertisement',
  source: ip('2001:db8::b'),
  destination: ip('ff02::1'),
  target: ip('2001:db8::b'),
  router: false,
  solicited: true,
  override: true,
  targetMac: mac('02:00:00:00:00:0b'),
}
const bad = (at: number, field: string, got: number) => ({ code: 'BAD_FIELD', at, field, got })
const refusals: readonly {
  readonly name: string
  readonly of?: NeighborMessage
  /** Bytes to write, by offset; the checksum is mended unless `unmended`. */
  readonly write?: Readonly<Record<number, readonly number[]>>
  readonly append?: readonly number[]
  readonly length?: number
  readonly unmended?: boolean
  readonly want: object
}[] = [
  { name: 'IPv4', write: { 0: [0x45] }, unmended: true, want: bad(0, 'version', 4) },
  { name: 'half a header', length: 39, unmended: true, want: { code: 'TRUNCATED', at: 0, need: 40, have: 39 } },
  { name: 'a payload that is not there', length: 71, unmended: true, want: { code: 'TRUNCATED', at: 40, need: 72, have: 71 } },
  { name: 'TCP', write: { 6: [6] }, want: bad(6, 'next header', 6) },
  { name: 'extension headers', write: { 6: [0] }, want: bad(6, 'next header', 0) },
  { name: 'what a router has passed on', write: { 7: [254] }, want: bad(7, 'hop limit', 254) },
  { name: 'a group as its source', write: { 8: [0xff] }, want: bad(8, 'source', 0xff) },
  { name: 'a message that ends in its target', length: 63, want: { code: 'TRUNCATED', at: 40, need: 24, have: 23 } },
  { name: 'an echo request', write: { 40: [128] }, want: bad(40, 'type', 128) },
  { name: 'a code', write: { 41: [1] }, want: bad(41, 'code', 1) },
  { name: 'a group as its target', write: { 48: [0xff, 2] }, want: bad(48, 'target', 0xff) },
  { name: 'one wrong bit', write: { 60: [1] }, unmended: true, want: { code: 'BAD_FIELD', at: 42, field: 'checksum' } },
  { name: 'an option of length 0, which would never end', write: { 65: [0] }, want: bad(65, 'option length', 0) },
  { name: 'an option longer than the message', write: { 65: [2] }, want: { code: 'TRUNCATED', at: 64, need: 16, have: 8 } },
  { name: 'one byte of an option', append: [1], want: { code: 'TRUNCATED', at: 72, need: 2, have: 1 } },
  {
    name: 'a probe that says a MAC',
    of: { ...SOLICITATION, source: new Uint8Array(16) },
    want: bad(64, 'link-layer address of a probe', 1),
  },
  {
    name: 'a probe to everybody',
    of: { ...SOLICITATION, source: new Uint8Array(16), destination: ALL_NODES, sourceMac: undefined },
    want: bad(24, 'destination of a probe', 0xff),
  },
  { name: 'an answer to a group that claims to be asked for', of: ADVERTISEMENT, want: bad(44, 'solicited flag to a group', 0x60) },
]
for (const { name, of = SOLICITATION, write = {}, append = [], length, unmended = false, want } of refusals) {
  t.test(`refuses ${name}`, async (t) => {
    const bytes = new Uint8Array([...serializeNeighborMessage(of), ...append]).slice(0, length)
    for (const [at, change] of Object.entries(write)) bytes.set(change, Number(at))
    t.match(parseNeighborMessage(unmended ? bytes : mended(bytes)), { ok: false, error: want })
  })
}

t.test('link-layer addresses that are not of Ethernet are skipped, and of two the first counts', async (t) => {
  const withOptions = (...options: readonly number[]) =>
    parseNeighborMessage(
      mended(new Uint8Array([...serializeNeighborMessage({ ...SOLICITATION, sourceMac: undefined } as NeighborMessage), ...options])),
    )
  const long = [1, 2, ...new Array<number>(14).fill(9)]
  t.match(value(withOptions(...long)), { sourceMac: undefined })
  t.match(value(withOptions(...long, 1, 1, 2, 0, 0, 0, 0, 1, 1, 1, 2, 0, 0, 0, 0, 2)), { sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1) })
})

t.test('the wrong length of an address is a bug of the caller', async (t) => {
  t.throws(() => serializeNeighborMessage({ ...SOLICITATION, target: new Uint8Array(4) }), RangeError)
  t.throws(() => serializeNeighborMessage({ ...SOLICITATION, source: new Uint8Array(4) }), RangeError)
  t.throws(() => serializeNeighborMessage({ ...ADVERTISEMENT, targetMac: new Uint8Array(8) }), RangeError)
  const packet = { nextHeader: 58, hopLimit: 255, source: ALL_NODES, destination: ALL_NODES, payload: new Uint8Array(0x1_0000) }
  t.throws(() => serializeIpv6(packet), RangeError)
})
