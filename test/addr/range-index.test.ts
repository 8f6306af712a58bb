import fc from 'fast-check'
import t from 'tap'
import { type AddressRange, rangeContains, rangesOverlap } from '../../src/addr/range.ts'
import { createRangeIndex } from '../../src/addr/range-index.ts'

const range = (first: bigint, last: bigint, family: 'IPv4' | 'IPv6' = 'IPv4'): AddressRange => ({ family, first, last })

t.test('the range that has an address, and one that meets a range', async (t) => {
  const index = createRangeIndex<string>()
  t.equal(index.at({ family: 'IPv4', value: 5n }), undefined, 'empty')
  index.add(range(10n, 19n), 'b')
  index.add(range(30n, 30n), 'c')
  index.add(range(0n, 4n), 'a')
  index.add(range(10n, 19n, 'IPv6'), 'six')
  const at = (value: bigint) => index.at({ family: 'IPv4', value })
  t.same([0n, 4n, 5n, 10n, 19n, 20n, 30n, 31n].map(at), ['a', 'a', undefined, 'b', 'b', undefined, 'c', undefined])
  t.equal(index.at({ family: 'IPv6', value: 12n }), 'six')
  t.equal(index.overlapping(range(5n, 9n)), undefined)
  t.equal(index.overlapping(range(4n, 40n)), 'a', 'of several the lowest')
  t.equal(index.overlapping(range(19n, 40n)), 'b')
  t.equal(index.overlapping(range(20n, 40n)), 'c')
  t.equal(index.overlapping(range(20n, 40n, 'IPv6')), undefined)
})

t.test('agrees with a list that is searched from end to end', async (t) => {
  const anyRange = fc
    .tuple(fc.bigInt(0n, 200n), fc.bigInt(0n, 12n), fc.constantFrom<'IPv4' | 'IPv6'>('IPv4', 'IPv6'))
    .map(([first, length, family]) => range(first, first + length, family))
  const result = fc.check(
    fc.property(fc.array(anyRange, { maxLength: 40 }), fc.array(anyRange, { minLength: 1, maxLength: 20 }), (added, asked) => {
      const index = createRangeIndex<number>()
      const list: AddressRange[] = []
      for (const each of added) {
        if (list.some((other) => rangesOverlap(other, each))) continue
        index.add(each, list.length)
        list.push(each)
      }
      return asked.every((each) => {
        const lowest = list.filter((other) => rangesOverlap(other, each)).toSorted((a, b) => (a.first < b.first ? -1 : 1))[0]
        const ip = { family: each.family, value: each.first }
        const has = list.findIndex((other) => rangeContains(other, ip))
        return index.overlapping(each) === (lowest && list.indexOf(lowest)) && index.at(ip) === (has < 0 ? undefined : has)
      })
    }),
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})
