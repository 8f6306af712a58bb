import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { formatMac } from '../../src/addr/mac.ts'
import { internetChecksum, pseudoHeaderSum } from '../../src/wire/checksum.ts'
import { parseEthernet } from '../../src/wire/ethernet.ts'
import { parseRouterMessage, type RouterMessage, serializeRouterMessage } from '../../src/wire/icmpv6-ra.ts'
import { parseIpv6 } from '../../src/wire/ipv6.ts'

interface Vector {
  readonly what: string
  /** A whole Ethernet frame. */
  readonly frame: string
  /** The frame carries options that the codec skips, so it is not written back the same. */
  readonly unknownOptions?: boolean
  readonly message: Readonly<Record<string, string | number>>
}

const value = <T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  return result.value
}
const FOLDER = new URL('../vectors/ra/', import.meta.url)

function shown({ sourceMac, ...rest }: RouterMessage): Record<string, string | number> {
  return { ...rest, ...(sourceMac === undefined ? {} : { sourceMac: formatMac(sourceMac) }) }
}

for (const file of readdirSync(FOLDER)) {
  const vector = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Vector
  t.test(`${file}: ${vector.what}`, async (t) => {
    const frame = new Uint8Array(Buffer.from(vector.frame.replaceAll(' ', ''), 'hex'))
    const { source, destination, payload } = value(parseIpv6(value(parseEthernet(frame)).payload))
    const message = value(parseRouterMessage(payload))
    t.same(shown(message), vector.message)
    const again = serializeRouterMessage(message)
    if (vector.unknownOptions === true) return t.same(shown(value(parseRouterMessage(again))), vector.message)
    // As the kernel does with what leaves a raw socket.
    const checksum = internetChecksum(again, pseudoHeaderSum(source, destination, again.length, 58))
    again.set([checksum >>> 8, checksum & 0xff], 2)
    return t.same(again, payload)
  })
}

const byte = fc.nat(0xff)
const optionalMac = fc.option(fc.uint8Array({ minLength: 6, maxLength: 6 }), { nil: undefined })
const solicitations: fc.Arbitrary<RouterMessage> = optionalMac.map((sourceMac) => ({ kind: 'router-solicitation', sourceMac }))
const advertisements: fc.Arbitrary<RouterMessage> = fc.record(
  {
    kind: fc.constant('router-advertisement' as const),
    hopLimit: byte,
    flags: byte,
    lifetimeSec: fc.nat(0xffff),
    reachableMs: fc.nat(0xffff_ffff),
    retransmitMs: fc.nat(0xffff_ffff),
    sourceMac: optionalMac,
  },
  { noNullPrototype: true },
)
const messages = fc.oneof(solicitations, advertisements)

t.test('what is written is read back', async () => {
  fc.assert(fc.property(messages, (message) => assert.deepEqual(value(parseRouterMessage(serializeRouterMessage(message))), message)))
})

t.test('any bytes: a message or an error, nothing thrown, nothing behind the end read', async () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    fc
      .tuple(messages, fc.uint8Array({ maxLength: 40 }))
      .map(([message, tail]) => Uint8Array.of(...serializeRouterMessage(message), ...tail)),
    fc.tuple(messages, fc.nat(40), byte).map(([message, at, other]) => serializeRouterMessage(message).with(at % 8, other)),
  )
  fc.assert(
    fc.property(anything, (bytes) => {
      const read = parseRouterMessage(bytes)
      const longer = new Uint8Array(bytes.length + 64).fill(0xa5)
      longer.set(bytes)
      assert.deepEqual(parseRouterMessage(longer.subarray(0, bytes.length)), read)
      if (!read.ok) assert.ok(read.error.at <= bytes.length)
    }),
    { numRuns: 2000 },
  )
})

t.test('every message cut short, and what else is refused', async (t) => {
  const whole = serializeRouterMessage({ kind: 'router-solicitation', sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1) })
  for (let length = 0; length < whole.length; length++) {
    const read = parseRouterMessage(whole.subarray(0, length))
    t.equal(read.ok, length === 8, `${length} bytes`)
  }
  const advertisement = serializeRouterMessage({
    kind: 'router-advertisement',
    hopLimit: 0,
    flags: 0,
    lifetimeSec: 0,
    reachableMs: 0,
    retransmitMs: 0,
    sourceMac: undefined,
  })
  t.match(parseRouterMessage(advertisement.subarray(0, 15)), { ok: false, error: { code: 'TRUNCATED', need: 16, have: 15 } })
  t.match(parseRouterMessage(whole.with(0, 135)), { error: { code: 'BAD_FIELD', field: 'type', got: 135 } })
  t.match(parseRouterMessage(whole.with(1, 1)), { error: { code: 'BAD_FIELD', field: 'code', got: 1 } })
  t.match(parseRouterMessage(whole.with(9, 0)), { error: { code: 'BAD_FIELD', at: 9, field: 'option length' } })
  t.match(parseRouterMessage(whole.with(9, 2)), { error: { code: 'TRUNCATED', at: 8, need: 16, have: 8 } })
  const long = Uint8Array.of(...whole.subarray(0, 8), 1, 2, ...new Uint8Array(14), ...whole.subarray(8))
  t.same(value(parseRouterMessage(long)).sourceMac, whole.subarray(10), 'an address of another length is skipped')
  t.throws(() => serializeRouterMessage({ kind: 'router-solicitation', sourceMac: new Uint8Array(5) }), RangeError)
})
