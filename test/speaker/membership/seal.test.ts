import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { deriveKey, open, SEAL_LENGTH, seal } from '../../../src/speaker/membership/seal.ts'

const ascii = (text: string) => new Uint8Array(Buffer.from(text))
const hex = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString('hex'))

/**
 * Made with `openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:... -kdfopt info:'openelb membership v1' HKDF` of OpenSSL 3.0 and
 * with an HKDF written out in Python, which agree.
 */
const KNOWN: readonly (readonly [what: string, secret: Uint8Array, key: string])[] = [
  ['one byte', ascii('a'), '59e06ede39ac9e3f1d01961e88554cef547a893bdb25cdf7c6b14209f9e4953c'],
  ['32 bytes', ascii('x'.repeat(32)), 'a2c4965cb3e4c148aa5f27d117dd2439c961ec6d94b0ce93ae08bd3b23f7655c'],
  [
    '33 bytes, of which the first 32 are the same',
    ascii(`${'x'.repeat(32)}y`),
    'e388155d7d0c1873a73ea8a82a3fcf8c9067d00795f6d8277f9bb9aa578eca76',
  ],
  [
    'base64 text as certgen makes it',
    ascii('K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols='),
    '76cb4c1746a395e4ab8eb576425e9635daf13319ab756d6e7e413bd82676ca08',
  ],
  [
    'bytes that are no text',
    Uint8Array.from({ length: 32 }, (_, at) => 0x80 + at),
    'b52d02efac92b119075ed1a885309781e45a16ef2af9ba19894e0c815fee9b15',
  ],
]

t.test('known answers of the key derivation', async (t) => {
  for (const [what, secret, key] of KNOWN) t.equal(hex(deriveKey(secret)), key, what)
  t.throws(() => deriveKey(new Uint8Array()), RangeError)
})

t.test('the secret itself is nowhere in the key', async (t) => {
  // MetalLB's key is the first 32 bytes of the secret: what Go's Sum appends to.
  const secret = ascii('x'.repeat(40))
  t.notSame(deriveKey(secret), secret.subarray(0, 32))
})

t.test('known answers of the seal', async (t) => {
  // RFC 4231, test cases 1 and 3.
  t.equal(
    hex(seal(ascii('Hi There'), new Uint8Array(20).fill(0x0b)).subarray(8)),
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  )
  t.equal(
    hex(seal(new Uint8Array(50).fill(0xdd), new Uint8Array(20).fill(0xaa)).subarray(50)),
    '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
  )
  t.equal(
    hex(seal(ascii('OELB'), deriveKey(ascii('a')))),
    `${hex(ascii('OELB'))}47862e99979b362161422a2b5541bc4798c71c22e37c22bbba4c353e39112232`,
  )
})

const key = deriveKey(ascii('one'))
const other = deriveKey(ascii('other'))

t.test('a sealed packet opens with any accepted key, and with no other', async (t) => {
  const payload = ascii('payload')
  t.same(open(seal(payload, key), [key]), payload)
  t.same(open(seal(payload, other), [key, other]), payload)
  t.equal(open(seal(payload, other), [key]), undefined)
  t.equal(open(seal(payload, key), []), undefined)
  t.same(open(seal(new Uint8Array(), key), [key]), new Uint8Array())
})

t.test('every flipped bit, every cut and every extension is refused', async (t) => {
  let refused = 0
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.uint8Array({ minLength: 1, maxLength: 40 }), (payload, behind) => {
      const sealed = seal(payload, key)
      assert.deepEqual(open(sealed, [other, key]), payload)
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const flipped = sealed.slice()
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        assert.equal(open(flipped, [other, key]), undefined)
        refused++
      }
      for (let length = 0; length < sealed.length; length++) assert.equal(open(sealed.subarray(0, length), [key]), undefined)
      assert.equal(open(new Uint8Array([...sealed, ...behind]), [key]), undefined)
      assert.equal(open(new Uint8Array([...behind, ...sealed]), [key]), undefined)
    }),
    { numRuns: 20 },
  )
  t.ok(refused > 20 * SEAL_LENGTH * 8, `${refused} bits`)
})

t.test('nothing makes open throw', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1500 }), (bytes) => open(bytes, [key, other]) === undefined),
    { numRuns: 200 },
  )
  t.pass()
})
