import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  explainUnsound,
  KEY_SPREAD_MS,
  type KeyRing,
  keysOf,
  type ListedSecrets,
  sameRing,
  secretText,
  turnRing,
} from '../../../src/speaker/membership/keys.ts'
import { deriveKey, open, seal } from '../../../src/speaker/membership/seal.ts'

const S = 1000
const listed = (key: string, previous?: string, ageMs = Number.POSITIVE_INFINITY): ListedSecrets => ({ key, previous, ageMs })

/** One look at the Secret: when, what it says, and what then seals and opens. */
type Look = readonly [atS: number, says: ListedSecrets, seals: string, opens: string]

const timelines: readonly { readonly name: string; readonly looks: readonly Look[] }[] = [
  { name: 'one key seals at once', looks: [[0, listed('A', undefined, 0), 'A', 'A']] },
  {
    name: 'a new key opens at once, seals when everybody has it, and alone opens when nobody seals with the old one',
    looks: [
      [1000, listed('A'), 'A', 'A'],
      [1005, listed('B', undefined, 0), 'A', 'AB'],
      [1124, listed('B', undefined, 119 * S), 'A', 'AB'],
      [1125, listed('B', undefined, 120 * S), 'B', 'AB'],
      [1244, listed('B'), 'B', 'AB'],
      [1245, listed('B'), 'B', 'B'],
    ],
  },
  {
    name: 'the previous key opens for as long as the Secret lists it, and for the same time after',
    looks: [
      [0, listed('A'), 'A', 'A'],
      [5, listed('B', 'A'), 'A', 'AB'],
      [125, listed('B', 'A'), 'B', 'AB'],
      [9000, listed('B', 'A'), 'B', 'AB'],
      [9005, listed('B'), 'B', 'AB'],
      [9244, listed('B'), 'B', 'AB'],
      [9245, listed('B'), 'B', 'B'],
    ],
  },
  {
    name: 'a start while the key is young seals with the previous one',
    looks: [
      [500, listed('B', 'A', 30 * S), 'A', 'AB'],
      [589, listed('B', 'A', 119 * S), 'A', 'AB'],
      [590, listed('B', 'A', 120 * S), 'B', 'AB'],
    ],
  },
  { name: 'a start with an old key seals with it', looks: [[500, listed('B', 'A', 120 * S), 'B', 'AB']] },
  {
    name: 'a second change before the first is through: what seals goes on',
    looks: [
      [0, listed('A'), 'A', 'A'],
      [10, listed('B'), 'A', 'AB'],
      [100, listed('C'), 'A', 'ABC'],
      [219, listed('C'), 'A', 'ABC'],
      [220, listed('C'), 'C', 'ABC'],
      [339, listed('C'), 'C', 'ABC'],
      [340, listed('C'), 'C', 'C'],
    ],
  },
  {
    name: 'a change that is taken back',
    looks: [
      [0, listed('A'), 'A', 'A'],
      [10, listed('B'), 'A', 'AB'],
      [60, listed('A'), 'A', 'AB'],
      [299, listed('A'), 'A', 'AB'],
      [300, listed('A'), 'A', 'A'],
    ],
  },
  {
    name: 'taken back after it sealed',
    looks: [
      [0, listed('A'), 'A', 'A'],
      [10, listed('B'), 'A', 'AB'],
      [130, listed('B'), 'B', 'AB'],
      [140, listed('A'), 'B', 'AB'],
      [260, listed('A'), 'A', 'AB'],
      [380, listed('A'), 'A', 'A'],
    ],
  },
  { name: 'both files say the same', looks: [[0, listed('A', 'A', 0), 'A', 'A']] },
]
for (const { name, looks } of timelines) {
  t.test(name, async (t) => {
    let ring: KeyRing | undefined
    for (const [atS, says, seals, opens] of looks) {
      ring = turnRing(ring, says, atS * S)
      t.same([ring.seal, [...ring.accept.keys()].sort().join('')], [seals, opens], `at ${atS} s`)
    }
  })
}

t.test('two looks at the same Secret make the same ring', async (t) => {
  const first = turnRing(undefined, listed('A', 'B'), 0)
  t.ok(sameRing(first, turnRing(first, listed('A', 'B'), 5000)))
  t.notOk(sameRing(undefined, first))
  t.notOk(sameRing(first, turnRing(first, listed('C', 'B'), 5000)))
})

t.test('the keys of a ring', async (t) => {
  const ring = turnRing(undefined, listed('B', 'A', 0), 0)
  const keys = keysOf(ring)
  const of = (text: string) => deriveKey(Buffer.from(text))
  t.same(keys, { seal: of('A'), accept: [of('A'), of('B')] })
  const packet = Buffer.from('packet')
  t.ok(open(seal(packet, of('B')), keys.accept))
  t.notOk(open(seal(packet, of('C')), keys.accept))
})

t.test('secrets that protect nothing', async (t) => {
  t.equal(explainUnsound('a key'), undefined)
  t.match(explainUnsound(secretText(Buffer.from(' \n'))), /is empty/)
  t.match(explainUnsound(secretText(Buffer.from('openelb-speakers\n'))), /public default "openelb-speakers"/)
})

t.test('bytes that are no text keep what they are', async (t) => {
  const bytes = Uint8Array.from({ length: 64 }, (_, at) => 0x80 + at)
  const shifted = bytes.map((byte) => byte ^ 1)
  t.notSame(secretText(bytes), secretText(shifted), 'two of them are two secrets')
  t.same(keysOf(turnRing(undefined, listed(secretText(Uint8Array.of(0xe9, 0x41))), 0)).seal, deriveKey(Uint8Array.of(0xe9, 0x41)))
})

/** A speaker of the model: its view of the Secret is late, it looks every 5 s, and its container may restart. */
interface Speaker {
  readonly delayS: readonly number[]
  readonly looksAtS: number
  readonly restartsAtS: ReadonlySet<number>
}
/** What the Secret says from when on; the steps are as far apart as the documentation asks. */
const STEPS = [
  { fromS: 0, key: 'A', previous: undefined },
  { fromS: 300, key: 'B', previous: 'A' },
  { fromS: 600, key: 'B', previous: undefined },
  { fromS: 900, key: 'C', previous: 'B' },
  { fromS: 1200, key: 'C', previous: undefined },
] as const
const END_S = 1600
const MOST_LATE_S = KEY_SPREAD_MS / S - 10

const speakers: fc.Arbitrary<Speaker> = fc
  .tuple(
    fc.array(fc.nat(MOST_LATE_S), { minLength: STEPS.length, maxLength: STEPS.length }),
    fc.nat(4),
    fc.array(fc.nat(END_S), { maxLength: 3 }),
  )
  .map(([delayS, looksAtS, restarts]) => ({ delayS, looksAtS, restartsAtS: new Set(restarts) }))

t.test('while the key is changed twice, and containers restart, each speaker opens what every other seals', async (t) => {
  fc.assert(
    fc.property(fc.array(speakers, { minLength: 2, maxLength: 4 }), (fleet) => {
      const rings = new Map<Speaker, KeyRing>()
      for (let atS = 0; atS <= END_S; atS++) {
        for (const one of fleet) {
          const isRestart = one.restartsAtS.has(atS)
          if (!isRestart && rings.has(one) && atS % 5 !== one.looksAtS) continue
          const step = STEPS.findLastIndex(({ fromS }, index) => index === 0 || fromS + (one.delayS[index] ?? 0) <= atS)
          const { fromS, key, previous } = STEPS[step] ?? STEPS[0]
          // The kubelet writes every file anew at each change: the file is as old as the change is here.
          const ageMs = step === 0 ? Number.POSITIVE_INFINITY : (atS - fromS - (one.delayS[step] ?? 0)) * S
          rings.set(one, turnRing(isRestart ? undefined : rings.get(one), { key, previous, ageMs }, atS * S))
        }
        for (const [, from] of rings) for (const [, to] of rings) assert.ok(to.accept.has(from.seal), `${from.seal} at ${atS} s`)
      }
      for (const [, ring] of rings) assert.deepEqual([ring.seal, [...ring.accept.keys()]], ['C', ['C']])
    }),
    { numRuns: 100 },
  )
  t.pass()
})

t.test('a key that is changed without naming the previous one goes unnoticed by speakers that run', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(MOST_LATE_S), fc.nat(4)), { minLength: 2, maxLength: 5 }), (fleet) => {
      const rings = fleet.map(() => turnRing(undefined, listed('A'), 0))
      for (let atS = 1; atS <= 400; atS++) {
        for (const [index, [delayS, looksAtS]] of fleet.entries())
          if (atS % 5 === looksAtS) rings[index] = turnRing(rings[index], listed(atS < 10 + delayS ? 'A' : 'B'), atS * S)
        for (const from of rings) for (const to of rings) assert.ok(to.accept.has(from.seal), `${from.seal} at ${atS} s`)
      }
      for (const ring of rings) assert.deepEqual([ring.seal, [...ring.accept.keys()]], ['B', ['B']])
    }),
    { numRuns: 100 },
  )
  t.pass()
})
