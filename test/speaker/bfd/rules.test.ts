import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { type BfdKey, nextSequence, signBfd, verifyBfd } from '../../../src/speaker/bfd/authentication.ts'
import { type BfdArrival, type BfdPath, demultiplex } from '../../../src/speaker/bfd/demux.ts'
import { detectionTimeUs, jitteredTxUs, txIntervalUs } from '../../../src/speaker/bfd/timers.ts'
import { type BfdPacket, parseBfd } from '../../../src/wire/bfd.ts'

const FOLDER = new URL('../../vectors/bfd/', import.meta.url)
const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const read = (bytes: Uint8Array): BfdPacket => {
  const parsed = parseBfd(bytes)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  return parsed.value
}

const vectors = readdirSync(FOLDER)
  .map((file) => JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')))
  .filter(({ key }) => key !== undefined)
  .map(({ what, bytes, key }) => ({ what, bytes: bytesOf(bytes), key: { ...key, secret: bytesOf(key.secret) } as BfdKey }))

t.test('signed as others sign, and verified; RFC 5880 sections 6.7.2 to 6.7.4', async (t) => {
  t.equal(vectors.length, 3)
  for (const { what, bytes, key } of vectors) {
    const packet = read(bytes)
    const sequence = key.kind === 'simple' ? undefined : 16
    t.same(signBfd(packet, key, 16), bytes, what)
    t.same(verifyBfd(bytes, packet, key, undefined), { sequence }, what)
    t.same(verifyBfd(bytes, packet, { ...key, secret: bytesOf('73656372657a') }, undefined), { refused: 'digest' }, 'another key')
    t.same(verifyBfd(bytes, packet, { ...key, keyId: 99 }, undefined), { refused: 'key-id' })
    t.same(verifyBfd(bytes, packet, { ...key, kind: 'sha1' }, undefined), { refused: 'kind' })
    t.same(verifyBfd(bytes, packet, undefined, undefined), { refused: 'kind' }, 'none is wanted')
    const plain = { ...packet, authentication: undefined }
    t.same(verifyBfd(bytes, plain, key, undefined), { refused: 'kind' }, 'one is wanted')
    t.same(verifyBfd(bytes, plain, undefined, undefined), { sequence: undefined })
    if (key.kind === 'simple') continue
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ 0x01
      const parsed = parseBfd(changed)
      if (parsed.ok) t.ok('refused' in verifyBfd(changed, parsed.value, key, undefined), `byte ${at}`)
    }
  }
})

t.test('sequence numbers: a window of three times the multiplier, and meticulous ones never twice', async (t) => {
  const [packet] = vectors.map(({ bytes }) => read(bytes))
  if (packet === undefined) throw new Error('no vector')
  const verdict = (kind: BfdKey['kind'], last: number, sequence: number) => {
    const key: BfdKey = { kind, keyId: 1, secret: bytesOf('0102') }
    const bytes = signBfd({ ...packet, detectMultiplier: 3, authentication: undefined }, key, sequence)
    return verifyBfd(bytes, read(bytes), key, last)
  }
  const refused = { refused: 'sequence' }
  for (const kind of ['md5', 'sha1'] as const) {
    t.same(verdict(kind, 100, 100), { sequence: 100 }, 'the same again')
    t.same(verdict(kind, 100, 109), { sequence: 109 })
    t.same(verdict(kind, 100, 110), refused)
    t.same(verdict(kind, 100, 99), refused)
  }
  for (const kind of ['meticulousMd5', 'meticulousSha1'] as const) {
    t.same(verdict(kind, 100, 100), refused)
    t.same(verdict(kind, 100, 101), { sequence: 101 })
    t.same(verdict(kind, 100, 109), { sequence: 109 })
    t.same(verdict(kind, 100, 110), refused)
    t.same(verdict(kind, 0xffffffff, 0), { sequence: 0 }, 'it is a circle')
  }
  t.equal(nextSequence(0xffffffff), 0)
  t.throws(() => verdict('md5', 0, 0) && signBfd(packet, { kind: 'md5', keyId: 1, secret: new Uint8Array(17) }, 1), RangeError)
})

t.test('times; RFC 5880 sections 6.8.2, 6.8.4, 6.8.7', async (t) => {
  t.equal(txIntervalUs(300_000, 50_000), 300_000)
  t.equal(txIntervalUs(50_000, 300_000), 300_000)
  t.equal(txIntervalUs(50_000, 0), 0, 'the peer takes none')
  t.equal(detectionTimeUs(3, 50_000, 300_000), 900_000)
  t.equal(detectionTimeUs(3, 300_000, 50_000), 900_000)
  t.same(
    [0, 0.5, 1].map((chance) => jitteredTxUs(100_000, 3, chance)),
    [75_000, 87_500, 100_000],
  )
  t.same(
    [0, 1].map((chance) => jitteredTxUs(100_000, 1, chance)),
    [75_000, 90_000],
  )
  t.throws(() => jitteredTxUs(1, 3, -0.1), RangeError)
})

const LINK: BfdPath = { hops: 'single', remote: '192.0.2.1', local: '192.0.2.9', interface: 'eth0' }
const FAR: BfdPath = { hops: 'multi', remote: '198.51.100.1', local: '192.0.2.9', interface: undefined }
const SESSIONS = [
  { discriminator: 7, path: LINK, minimumTtl: 255 },
  { discriminator: 8, path: { ...LINK, interface: 'eth1' }, minimumTtl: 255 },
  { discriminator: 9, path: FAR, minimumTtl: 250 },
]
const choose = (yourDiscriminator: number, arrival: BfdArrival) => {
  const choice = demultiplex({ yourDiscriminator }, arrival, SESSIONS)
  return 'session' in choice ? choice.session.discriminator : choice.refused
}

t.test('whose packet it is; RFC 5880 section 6.8.6, RFC 5881 sections 3 and 5, RFC 5883', async (t) => {
  const near: BfdArrival = { ...LINK, ttl: 255 }
  t.equal(choose(0, near), 7, 'first contact: by the path')
  t.equal(choose(0, { ...near, interface: 'eth1' }), 8)
  t.equal(choose(0, { ...near, remote: '192.0.2.2' }), 'no-session')
  t.equal(choose(0, { ...near, interface: 'eth2' }), 'no-session')
  t.equal(choose(7, near), 7)
  t.equal(choose(8, near), 'path', 'a discriminator of another link')
  t.equal(choose(9, near), 'path', 'single hop for a multihop session')
  t.equal(choose(5, near), 'no-session')
  t.equal(choose(7, { ...near, ttl: 254 }), 'ttl', 'it has come through a router')
  t.equal(choose(0, { ...near, ttl: 254 }), 'ttl')
  t.equal(choose(7, { ...near, ttl: undefined }), 7, 'the filter of the socket has looked')
  t.equal(choose(9, { ...FAR, ttl: 250 }), 9)
  t.equal(choose(9, { ...FAR, ttl: 249 }), 'ttl')
  t.equal(choose(0, { ...FAR, ttl: 255 }), 9)
})
