import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { senderMacAt, writeAnswer } from '../../../src/speaker/layer2/nd-frame.ts'
import { advertisement } from '../../../src/speaker/layer2/respond-nd.ts'
import { internetChecksum, pseudoHeaderSum } from '../../../src/wire/checksum.ts'
import { type NeighborSolicitation, parseNeighborMessage, serializeNeighborMessage } from '../../../src/wire/icmpv6-nd.ts'
import { ALL_NODES, isUnspecified, multicastMac } from '../../../src/wire/ipv6.ts'

const FOLDER = new URL('../../vectors/nd/', import.meta.url)
const FRAMES = readdirSync(FOLDER).map((file) => {
  const { frame } = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as { frame: string }
  return new Uint8Array(Buffer.from(frame.replaceAll(' ', ''), 'hex'))
})
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)

/** The sender's MAC by the codec of the wire, which copies. */
function readByCodec(frame: Uint8Array): Uint8Array | undefined {
  const message = parseNeighborMessage(frame.subarray(14))
  if (!message.ok) return undefined
  return (message.value.kind === 'solicitation' ? message.value.sourceMac : message.value.targetMac) ?? frame.subarray(6, 12)
}

function readInPlace(frame: Uint8Array): Uint8Array | undefined {
  const at = senderMacAt(frame, frame.length)
  return at < 0 ? undefined : frame.subarray(at, at + 6)
}

/** Sets the right checksum, so that what is wrong elsewhere is found. */
function mend(frame: Uint8Array): void {
  const end = 54 + (((frame[18] ?? 0) << 8) | (frame[19] ?? 0))
  if (end > frame.length || end < 58) return
  frame.set([0, 0], 56)
  const sum = internetChecksum(frame.subarray(54, end), pseudoHeaderSum(frame.subarray(22, 38), frame.subarray(38, 54), end - 54, 58))
  frame.set([sum >>> 8, sum & 0xff], 56)
}

t.test('the messages of the vectors are read as the codec reads them', async (t) => {
  t.ok(FRAMES.length > 5)
  for (const frame of FRAMES) t.same(readInPlace(frame), readByCodec(frame))
})

t.test('whatever comes is read, or refused, as by the codec', async (t) => {
  let read = 0
  let refused = 0
  const change = fc.record({
    at: fc.integer({ min: 14, max: 110 }),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 8, 255, 135, 136)),
  })
  const options = fc.uint8Array({ maxLength: 24 })
  fc.assert(
    fc.property(
      fc.constantFrom(...FRAMES),
      fc.array(change, { maxLength: 3 }),
      options,
      fc.boolean(),
      fc.boolean(),
      (base, changes, more, grow, whole) => {
        const frame = new Uint8Array(base.length + more.length)
        frame.set(base)
        frame.set(more, base.length)
        if (grow) frame[19] = (frame[19] ?? 0) + more.length
        for (const { at, byte } of changes) if (at < frame.length) frame[at] = byte
        if (whole) mend(frame)
        const expected = readByCodec(frame)
        assert.deepEqual(readInPlace(frame), expected)
        if (expected === undefined) refused++
        else read++
      },
    ),
    { numRuns: 5000 },
  )
  t.ok(read > 300 && refused > 300, `${read} read, ${refused} refused`)
})

t.test('a frame that was cut is refused, at any length', async (t) => {
  for (const frame of FRAMES) for (let length = 0; length < frame.length; length++) assert.ok(senderMacAt(frame, length) < 0)
  t.pass()
})

t.test('the answer is that of the codec, byte for byte', async (t) => {
  const address = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => {
    bytes[0] = 0xfd
    return bytes
  })
  fc.assert(
    fc.property(address, fc.oneof(address, fc.constant(new Uint8Array(16))), (target, source) => {
      const asker = Uint8Array.of(2, 9, 8, 7, 6, 5)
      const isProbe = isUnspecified(source)
      const asked: NeighborSolicitation = {
        kind: 'solicitation',
        source,
        destination: target,
        target,
        sourceMac: isProbe ? undefined : asker,
      }
      const frame = new Uint8Array([...target.subarray(0, 6), ...asker, 0x86, 0xdd, ...serializeNeighborMessage(asked)])
      const reply = new Uint8Array(86).fill(0xee)
      writeAnswer(frame, isProbe ? 6 : 80, MAC, reply)
      const [to, toMac] = isProbe ? [ALL_NODES, multicastMac(ALL_NODES)] : [source, asker]
      assert.deepEqual(reply, advertisement({ mac: MAC, target, to, toMac, solicited: !isProbe }))
    }),
  )
  t.pass()
})
