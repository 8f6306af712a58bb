import fc from 'fast-check'
import t from 'tap'
import { type AddressRange, rangeContains, rangesOverlap } from '../../src/addr/range.ts'
import { activePools, compareAge, distinctRanges, findOverlap } from '../../src/policy/overlap.ts'
import type { Pool } from '../../src/policy/pool.ts'
import { pool } from '../support/policy-objects.ts'

t.test('overlap', async (t) => {
  const old = pool('old', '10.0.0.10-10.0.0.20', { created: '2026-01-01T00:00:00Z' })
  const chain = pool('chain', '10.0.0.20-10.0.0.30', { created: '2026-01-02T00:00:00Z' })
  const tail = pool('tail', '10.0.0.30-10.0.0.40', { created: '2026-01-03T00:00:00Z' })
  const v6 = pool('v6', '::10.0.0.10', { created: '2026-01-04T00:00:00Z' })
  t.equal(findOverlap(chain.ranges, [v6, tail, old])?.name, 'tail', 'the first in list order, as OpenELB names it')
  t.equal(findOverlap(v6.ranges, [old, chain, tail]), undefined, 'families do not meet')
  t.equal(findOverlap([...v6.ranges, ...chain.ranges], [old])?.name, 'old', 'any range counts')
  t.equal(findOverlap([], [old]), undefined)
  const standing = Object.fromEntries(activePools([tail, v6, chain, old]))
  t.same(standing, {
    old: { kind: 'active' },
    chain: { kind: 'overlap', with: 'old' },
    tail: { kind: 'active' },
    v6: { kind: 'active' },
  })
  const sameSecond = [pool('b', '10.0.0.1'), pool('a', '10.0.0.1')]
  t.same(Object.fromEntries(activePools(sameSecond)), { a: { kind: 'active' }, b: { kind: 'overlap', with: 'a' } })
  const twice = pool('twice', { address: '10.0.0.0/29', addresses: ['10.0.0.4-10.0.0.12', '10.0.0.0/30'] })
  t.same(Object.fromEntries(activePools([twice])), { twice: { kind: 'active' } }, 'a pool is no rival of itself')
})

const PREFIXES = ['10.0.0.', 'fd00::'] as const
/** From a start and a length, in one of the two families: `10.0.0.3-10.0.0.7`. */
const anyRange = fc
  .tuple(fc.constantFrom(...PREFIXES), fc.integer({ min: 0, max: 80 }), fc.integer({ min: 0, max: 9 }))
  .map(([prefix, from, length]) => {
    const radix = prefix === 'fd00::' ? 16 : 10
    return `${prefix}${from.toString(radix)}-${prefix}${(from + length).toString(radix)}`
  })

const anyPools = fc
  .array(fc.tuple(fc.array(anyRange, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 9 })), { maxLength: 20 })
  .map((given) =>
    given.map(([[address = '', ...addresses], day], at) =>
      pool(`p${at}`, { address, addresses }, { created: `2026-01-0${day}T00:00:00Z` }),
    ),
  )

t.test('activePools agrees with the definition, for any pools in any order', async (t) => {
  const result = fc.check(
    fc.property(anyPools, fc.infiniteStream(fc.nat()), (pools, random) => {
      const keys = new Map(pools.map(({ name }) => [name, random.next().value as number]))
      const shuffled = pools.toSorted((a, b) => (keys.get(a.name) ?? 0) - (keys.get(b.name) ?? 0))
      const standings = activePools(shuffled)
      const active: Pool[] = []
      return pools.toSorted(compareAge).every((candidate) => {
        const rivals = active.filter((other) => other.ranges.some((theirs) => candidate.ranges.some((ours) => rangesOverlap(ours, theirs))))
        if (rivals.length === 0) active.push(candidate)
        const standing = standings.get(candidate.name)
        // Of several rivals any may be named, but it must be one.
        if (standing?.kind === 'overlap') return rivals.some(({ name }) => name === standing.with)
        return standing?.kind === 'active' && rivals.length === 0
      })
    }),
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})

t.test('the named rival does not depend on the order in which pools are listed', async (t) => {
  const result = fc.check(
    fc.property(anyPools, (pools) => JSON.stringify([...activePools(pools)]) === JSON.stringify([...activePools(pools.toReversed())])),
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})

t.test('distinct ranges: the same addresses, none of them twice', async (t) => {
  const holding = (ranges: readonly AddressRange[], family: 'IPv4' | 'IPv6', value: bigint) =>
    ranges.filter((range) => rangeContains(range, { family, value })).length
  const result = fc.check(
    fc.property(anyPools, (pools) =>
      pools.every((each) => {
        const distinct = distinctRanges(each)
        return each.ranges.every(({ family, first, last }) => {
          for (let value = first; value <= last; value++) if (holding(distinct, family, value) !== 1) return false
          return distinct.every(
            (range) => holding(each.ranges, range.family, range.first) > 0 && holding(each.ranges, range.family, range.last) > 0,
          )
        })
      }),
    ),
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})
