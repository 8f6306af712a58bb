import fc from 'fast-check'
import t from 'tap'
import { createIntervalSet } from '../../src/addr/interval-set.ts'

t.test('behaves as a Set of numbers does', async () => {
  const span = 40
  const operation = fc.record({
    kind: fc.constantFrom('add', 'delete', 'gap', 'last-gap'),
    value: fc.integer({ min: 0, max: span }),
    last: fc.integer({ min: 0, max: span }),
  })
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const model = new Set<number>()
      const set = createIntervalSet()
      for (const { kind, value, last } of operations) {
        if (kind === 'add') {
          if (set.add(BigInt(value)) === model.has(value)) return false
          model.add(value)
        } else if (kind === 'delete') {
          if (set.delete(BigInt(value)) !== model.delete(value)) return false
        } else {
          let want: bigint | undefined
          for (let at = value; at <= last && want === undefined; at++) if (!model.has(at)) want = BigInt(at)
          let highest: bigint | undefined
          for (let at = last; at >= value && highest === undefined; at--) if (!model.has(at)) highest = BigInt(at)
          const [from, to] = [BigInt(value), BigInt(last)]
          if (kind === 'gap' ? set.firstGap(from, to) !== want : set.lastGap(from, to) !== highest) return false
        }
        if (set.size !== model.size) return false
      }
      for (let at = -1; at <= span + 1; at++) if (set.has(BigInt(at)) !== model.has(at)) return false
      return true
    }),
    { numRuns: 1000 },
  )
})

t.test('wide ranges cost nothing', async (t) => {
  const set = createIntervalSet()
  const first = 0xfd00n << 112n
  const last = first + (1n << 64n) - 1n
  t.equal(set.firstGap(first, last), first)
  t.ok(set.add(last))
  t.ok(set.add(first))
  t.equal(set.firstGap(first, last), first + 1n)
  t.equal(set.firstGap(last, last), undefined)
  t.equal(set.size, 2)
})

t.test('65,536 single holdings, filled in the worst order and emptied', async (t) => {
  const set = createIntervalSet()
  for (let value = 0n; value < 65_536n; value += 2n) set.add(value)
  for (let value = 1n; value < 65_536n; value += 2n) set.add(value)
  t.equal(set.size, 65_536)
  t.equal(set.firstGap(0n, 65_535n), undefined)
  t.equal(set.firstGap(0n, 65_536n), 65_536n)
  t.ok(set.delete(40_000n))
  t.equal(set.firstGap(0n, 65_535n), 40_000n)
})

t.test('runs of full blocks are skipped, and a hole in the middle of them is found', async () => {
  const blocks = fc.uniqueArray(fc.integer({ min: 0, max: 12 }), { maxLength: 12 })
  fc.assert(
    fc.property(
      blocks,
      fc.array(fc.integer({ min: 0, max: 13 * 256 }), { maxLength: 8 }),
      fc.integer({ min: 0, max: 13 * 256 }),
      (fullBlocks, holes, from) => {
        const model = new Set<number>()
        const set = createIntervalSet()
        for (const block of fullBlocks) {
          for (let value = block * 256; value < block * 256 + 256; value++) {
            model.add(value)
            set.add(BigInt(value))
          }
        }
        for (const hole of holes) if (set.delete(BigInt(hole)) !== model.delete(hole)) return false
        let want = from
        while (model.has(want)) want++
        return set.firstGap(BigInt(from), 100_000n) === BigInt(want) && set.size === model.size
      },
    ),
    { numRuns: 200 },
  )
})

t.test('values that end in the byte 0 or 255 are passed over, in both directions, among full and empty blocks', async () => {
  const held = fc.uniqueArray(fc.integer({ min: 0, max: 1023 }), { minLength: 0, maxLength: 1024 })
  const fillings = fc.tuple(held, fc.uniqueArray(fc.integer({ min: 0, max: 3 })), fc.integer({ min: 0, max: 1023 }), fc.nat(1023))
  fc.assert(
    fc.property(fillings, ([single, innerFull, from, span]) => {
      const set = createIntervalSet()
      const isHeld = new Set([...single, ...innerFull.flatMap((block) => Array.from({ length: 254 }, (_, at) => block * 256 + 1 + at))])
      for (const value of isHeld) set.add(BigInt(value))
      const isFree = (value: number) => !isHeld.has(value) && value % 256 !== 0 && value % 256 !== 255
      const to = from + span
      const free = Array.from({ length: span + 1 }, (_, at) => from + at).filter(isFree)
      const text = (value: bigint | number | undefined) => String(value)
      return (
        text(set.firstGap(BigInt(from), BigInt(to), true)) === text(free[0]) &&
        text(set.lastGap(BigInt(from), BigInt(to), true)) === text(free.at(-1))
      )
    }),
    { numRuns: 300 },
  )
})
