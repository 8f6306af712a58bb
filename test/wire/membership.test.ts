import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { parseIp } from '../../src/addr/ip.ts'
import {
  entriesPerPacket,
  type HeartbeatEntry,
  MEMBERSHIP_PACKET_MAX,
  type MembershipBody,
  type MembershipPacket,
  type MembershipWord,
  NONCE_LENGTH,
  parseMembership,
  serializeMembership,
  wordsPerPacket,
} from '../../src/wire/membership.ts'
import { fromStream, STREAM_PACKET_MAX, toStream } from '../../src/wire/membership-stream.ts'

interface Vector {
  readonly what: string
  readonly packet: string
  readonly extra?: number
  readonly later?: boolean
  readonly says: Record<string, unknown>
}

const value = <T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}
const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const FOLDER = new URL('../vectors/membership/', import.meta.url)

/** The JSON form of a vector as the packet that it means. */
const READ: Readonly<Record<string, (json: unknown) => unknown>> = {
  incarnation: (json) => BigInt(String(json)),
  sequence: (json) => BigInt(String(json)),
  id: (json) => BigInt(String(json)),
  ageMs: (json) => json ?? Number.POSITIVE_INFINITY,
  nonce: (json) => hex(String(json)),
  echo: (json) => hex(String(json)),
  address: (json) => {
    const ip = value(parseIp(String(json)))
    return ip.family === 'IPv4' ? Number(ip.value) : ip.value
  },
}
const meant = (json: unknown): unknown => {
  if (Array.isArray(json)) return json.map(meant)
  if (typeof json !== 'object' || json === null) return json
  return Object.fromEntries(Object.entries(json).map(([name, inner]) => [name, READ[name]?.(inner) ?? meant(inner)]))
}

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.json'))) {
  const vector = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Vector
  t.test(`${file}: ${vector.what}`, async (t) => {
    const bytes = hex(vector.packet)
    const packet = meant(vector.says) as MembershipPacket
    t.same(value(parseMembership(bytes)), packet)
    const written = serializeMembership(packet)
    if (vector.later !== true) t.same(written, bytes.subarray(0, bytes.length - (vector.extra ?? 0)))
    t.same(value(parseMembership(written)), packet)
  })
}

const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
const u32 = fc.nat(0xffff_ffff)
const nonce = fc.uint8Array({ minLength: NONCE_LENGTH, maxLength: NONCE_LENGTH })
const sender = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 253,
})
const entry: fc.Arbitrary<HeartbeatEntry> = fc.record(
  {
    id: u64,
    incarnation: u64,
    ageMs: fc.oneof(fc.nat(65_534), fc.constant(Number.POSITIVE_INFINITY)),
    serving: fc.boolean(),
    leaving: fc.boolean(),
    ended: fc.boolean(),
  },
  { noNullPrototype: true },
)
const word: fc.Arbitrary<MembershipWord> = fc.record(
  {
    address: fc.oneof(u32, fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })),
    epoch: fc.oneof(fc.nat(5), fc.maxSafeNat()),
    state: fc.constantFrom('held' as const, 'released' as const),
    recorded: fc.boolean(),
  },
  { noNullPrototype: true },
)
const body: fc.Arbitrary<MembershipBody> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('heartbeat' as const),
      serving: fc.boolean(),
      leaving: fc.boolean(),
      entries: fc.array(entry, { maxLength: 60, size: 'max' }),
    },
    { noNullPrototype: true },
  ),
  fc.constant({ kind: 'ping' as const }),
  fc.record(
    { kind: fc.constant('words' as const), batch: u32, words: fc.array(word, { maxLength: 48, size: 'max' }) },
    { noNullPrototype: true },
  ),
  fc.record({ kind: fc.constant('confirm' as const), batch: u32 }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('hello' as const), nonce }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('welcome' as const), nonce, echo: nonce }, { noNullPrototype: true }),
)

/** Cuts lists to what fits behind the name. */
const fitting = (packet: MembershipPacket): MembershipPacket => {
  if (packet.kind === 'heartbeat') return { ...packet, entries: packet.entries.slice(0, entriesPerPacket(packet.sender)) }
  if (packet.kind === 'words') return { ...packet, words: packet.words.slice(0, wordsPerPacket(packet.sender)) }
  return packet
}
const packets: fc.Arbitrary<MembershipPacket> = fc
  .tuple(sender, u64, u64, body)
  .map(([sender, incarnation, sequence, body]) => fitting({ sender, incarnation, sequence, ...body }))

t.test('what is serialized is read back, whatever stands behind it, and fits', async (t) => {
  const kinds = new Set<string>()
  fc.assert(
    fc.property(packets, fc.uint8Array({ maxLength: 32 }), (packet, behind) => {
      const written = serializeMembership(packet)
      assert.ok(written.length <= MEMBERSHIP_PACKET_MAX)
      const bytes = new Uint8Array([...written, ...behind])
      const read = value(parseMembership(bytes))
      bytes.fill(0xee)
      assert.deepEqual(read, packet)
      kinds.add(packet.kind)
    }),
    { numRuns: 300 },
  )
  t.equal(kinds.size, 6)
})

t.test('a list that is full fits behind any name', async (t) => {
  const header = (name: string) => ({ sender: name, incarnation: 1n, sequence: 1n })
  const one: MembershipWord = { address: 1, epoch: 1, state: 'held', recorded: false }
  const member: HeartbeatEntry = { id: 1n, incarnation: 1n, ageMs: 1, serving: true, leaving: false, ended: false }
  for (let length = 1; length <= 253; length++) {
    const name = 'x'.repeat(length)
    const words = Array<MembershipWord>(wordsPerPacket(name)).fill(one)
    const entries = Array<HeartbeatEntry>(entriesPerPacket(name)).fill(member)
    const heartbeat = { ...header(name), kind: 'heartbeat', serving: true, leaving: false } as const
    const sizes = [
      serializeMembership({ ...header(name), kind: 'words', batch: 1, words }),
      serializeMembership({ ...heartbeat, entries }),
    ].map((bytes) => bytes.length)
    if (sizes.some((size) => size > MEMBERSHIP_PACKET_MAX)) t.fail(`a name of ${length}: ${sizes}`)
    if (length !== 253) continue
    t.throws(() => serializeMembership({ ...header(name), kind: 'words', batch: 1, words: [...words, one] }), RangeError)
    t.throws(() => serializeMembership({ ...heartbeat, entries: [...entries, member] }), RangeError)
  }
  t.same([entriesPerPacket('node-1'), wordsPerPacket('node-1')], [60, 48])
  t.same([entriesPerPacket('x'.repeat(253)), wordsPerPacket('x'.repeat(253))], [57, 41])
})

/** Half of the inputs are near a real packet, or no fuzz would ever pass the first checks. */
const nearly = fc.oneof(
  fc.uint8Array({ maxLength: 1500 }),
  fc.tuple(packets, fc.nat(), fc.nat(255)).map(([packet, where, byte]) => {
    const bytes = serializeMembership(packet)
    bytes[where % bytes.length] = byte
    return bytes
  }),
  fc.tuple(packets, fc.nat()).map(([packet, where]) => {
    const bytes = serializeMembership(packet)
    return bytes.subarray(0, where % bytes.length)
  }),
)

t.test('no bytes make the parser throw, or read what is not there', async (t) => {
  let accepted = 0
  fc.assert(
    fc.property(nearly, (bytes) => {
      // A view in the middle of a buffer of other bytes: a read past the end would find them.
      const around = new Uint8Array(bytes.length + 2048).fill(0xaa)
      around.set(bytes, 32)
      const own = parseMembership(bytes.slice())
      assert.deepEqual(parseMembership(around.subarray(32, 32 + bytes.length)), own)
      if (own.ok) accepted++
      else if (own.error.code === 'TRUNCATED') assert.ok(own.error.have === bytes.length && own.error.need > bytes.length)
      else assert.ok(own.error.at < bytes.length && Number.isFinite(own.error.got))
    }),
    { numRuns: 1000 },
  )
  t.ok(accepted > 50, `${accepted} inputs were packets`)
})

t.test('every cut of a packet is told as what it is', async (t) => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.json'))) {
    const vector = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Vector
    const bytes = hex(vector.packet)
    const end = bytes.length - (vector.extra ?? 0)
    for (let length = 0; length < end; length++) {
      const read = parseMembership(bytes.subarray(0, length))
      if (read.ok || read.error.code !== 'TRUNCATED') t.fail(`${file}: ${length} bytes of ${end}: ${JSON.stringify(read)}`)
    }
  }
  t.pass('each is TRUNCATED')
})

const ping = serializeMembership({ sender: 'node-1', incarnation: 1n, sequence: 2n, kind: 'ping' })
const words = (one: Partial<MembershipWord>) =>
  serializeMembership({
    sender: 'node-1',
    incarnation: 1n,
    sequence: 2n,
    kind: 'words',
    batch: 1,
    words: [{ address: 1, epoch: 1, state: 'held', recorded: false, ...one }],
  })
/** Where the word stands in what `words` gives. */
const WORD = 7 + 6 + 16 + 5
const refusals: readonly {
  name: string
  bytes: Uint8Array
  at: number
  byte: number
  error: { at: number; field: string; got: number }
}[] = [
  { name: 'another protocol', bytes: ping, at: 0, byte: 0, error: { at: 0, field: 'magic', got: 0x00454c42 } },
  { name: 'another version', bytes: ping, at: 4, byte: 2, error: { at: 4, field: 'version', got: 2 } },
  { name: 'kind 0', bytes: ping, at: 5, byte: 0, error: { at: 5, field: 'kind', got: 0 } },
  { name: 'an unknown kind', bytes: ping, at: 5, byte: 7, error: { at: 5, field: 'kind', got: 7 } },
  { name: 'no name', bytes: ping, at: 6, byte: 0, error: { at: 6, field: 'name length', got: 0 } },
  { name: 'a name longer than any node has', bytes: ping, at: 6, byte: 254, error: { at: 6, field: 'name length', got: 254 } },
  { name: 'a line break in a name', bytes: ping, at: 8, byte: 10, error: { at: 8, field: 'name', got: 10 } },
  { name: 'a name beyond ASCII', bytes: ping, at: 12, byte: 0xc3, error: { at: 12, field: 'name', got: 0xc3 } },
  { name: 'a family that is none', bytes: words({}), at: WORD, byte: 5, error: { at: WORD, field: 'family', got: 5 } },
  { name: 'IPv4 behind other bytes', bytes: words({}), at: WORD + 2, byte: 1, error: { at: WORD + 2, field: 'IPv4 address', got: 4 } },
  { name: 'IPv4 mapped into IPv6', bytes: words({}), at: WORD + 13, byte: 1, error: { at: WORD + 2, field: 'IPv4 address', got: 4 } },
  {
    name: 'an epoch that is no safe integer',
    bytes: words({ address: 1n }),
    at: WORD + 19,
    byte: 0x20,
    error: { at: WORD + 18, field: 'epoch', got: 0x200000 },
  },
]
for (const { name, bytes, at, byte, error } of refusals) {
  t.test(`refuses ${name}`, async (t) => {
    const changed = bytes.slice()
    changed[at] = byte
    t.same(parseMembership(changed), { ok: false, error: { code: 'BAD_FIELD', ...error } })
  })
}

t.test('what has no place in a packet is a bug of the caller', async (t) => {
  const header = { sender: 'node-1', incarnation: 1n, sequence: 2n }
  const beat = (over: Partial<HeartbeatEntry>): MembershipPacket => ({
    ...header,
    kind: 'heartbeat',
    serving: true,
    leaving: false,
    entries: [{ id: 1n, incarnation: 1n, ageMs: 1, serving: true, leaving: false, ended: false, ...over }],
  })
  const wrong: readonly MembershipPacket[] = [
    { ...header, sender: '', kind: 'ping' },
    { ...header, sender: 'x'.repeat(254), kind: 'ping' },
    { ...header, sender: 'a b', kind: 'ping' },
    { ...header, sender: 'é', kind: 'ping' },
    { ...header, incarnation: -1n, kind: 'ping' },
    { ...header, sequence: 1n << 64n, kind: 'ping' },
    { ...header, kind: 'confirm', batch: 2 ** 32 },
    { ...header, kind: 'confirm', batch: 0.5 },
    { ...header, kind: 'hello', nonce: new Uint8Array(15) },
    { ...header, kind: 'welcome', nonce: new Uint8Array(16), echo: new Uint8Array(17) },
    beat({ ageMs: -1 }),
    beat({ ageMs: Number.NaN }),
    beat({ id: 1n << 64n }),
  ]
  for (const packet of wrong) t.throws(() => serializeMembership(packet), RangeError)
  for (const one of [{ address: -1 }, { address: 2 ** 32 }, { address: 1n << 128n }, { address: -1n }, { epoch: -1 }, { epoch: 2 ** 53 }])
    t.throws(() => words(one), RangeError)
})

t.test('an age is rounded up, and one that is too great is unknown', async (t) => {
  const written = [0, 0.1, 65_533.2, 65_534.1, 1e9, Number.POSITIVE_INFINITY].map((ageMs) => {
    const entries = [{ id: 1n, incarnation: 1n, ageMs, serving: true, leaving: false, ended: false }]
    const header = { sender: 'n', incarnation: 1n, sequence: 2n }
    const read = value(parseMembership(serializeMembership({ ...header, kind: 'heartbeat', serving: true, leaving: false, entries })))
    return read.kind === 'heartbeat' ? read.entries[0]?.ageMs : undefined
  })
  t.same(written, [0, 1, 65_534, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
})

t.test('packets on a stream', async (t) => {
  const sealed = fc.uint8Array({ minLength: 1, maxLength: STREAM_PACKET_MAX, size: 'max' })
  fc.assert(
    fc.property(fc.array(sealed, { maxLength: 6 }), fc.nat(3000), (all, cut) => {
      const stream = Buffer.concat(all.map(toStream))
      const read: Uint8Array[] = []
      let waiting: Uint8Array = new Uint8Array()
      for (const piece of [stream.subarray(0, cut), stream.subarray(cut)]) {
        waiting = Buffer.concat([waiting, piece])
        for (;;) {
          const first = value(fromStream(waiting))
          if (first === undefined) break
          read.push(new Uint8Array(first.packet))
          waiting = first.rest
        }
      }
      assert.equal(waiting.length, 0)
      assert.deepEqual(read, all)
    }),
    { numRuns: 100 },
  )
  t.same(fromStream(Uint8Array.of(0, 0)), { ok: false, error: { code: 'BAD_FIELD', at: 0, field: 'length', got: 0 } })
  t.same(fromStream(Buffer.from('GET / HTTP/1.1')), { ok: false, error: { code: 'BAD_FIELD', at: 0, field: 'length', got: 0x4745 } })
  t.same(fromStream(Uint8Array.of(1)), { ok: true, value: undefined })
  t.throws(() => toStream(new Uint8Array()), RangeError)
  t.throws(() => toStream(new Uint8Array(STREAM_PACKET_MAX + 1)), RangeError)
})
