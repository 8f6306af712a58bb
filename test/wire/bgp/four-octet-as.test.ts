import fc from 'fast-check'
import t from 'tap'
import type { AsPath } from '../../../src/wire/bgp/attributes/as-path.ts'
import { as4Attributes, mergeFourOctetAs, pathLength } from '../../../src/wire/bgp/four-octet-as.ts'
import { AS_TRANS } from '../../../src/wire/bgp/iana.ts'
import { asPaths } from './arbitrary.ts'

const sequence = (...ases: number[]) => ({ kind: 'sequence', ases }) as const
const set = (...ases: number[]) => ({ kind: 'set', ases }) as const
const confederation = (...ases: number[]) => ({ kind: 'confed-sequence', ases }) as const
const LONG = 4_200_000_001

const merges: readonly { readonly name: string; readonly asPath: AsPath; readonly as4Path: AsPath; readonly want: AsPath }[] = [
  { name: 'all of it', asPath: [sequence(1, AS_TRANS)], as4Path: [sequence(1, LONG)], want: [sequence(1, LONG)] },
  { name: 'old routers in front', asPath: [sequence(7, 8, 1, AS_TRANS)], as4Path: [sequence(1, LONG)], want: [sequence(7, 8, 1, LONG)] },
  { name: 'AS4_PATH is longer: it is of another route', asPath: [sequence(1)], as4Path: [sequence(1, LONG)], want: [sequence(1)] },
  { name: 'AS4_PATH is empty', asPath: [sequence(1, 2)], as4Path: [], want: [sequence(1, 2)] },
  { name: 'both are empty', asPath: [], as4Path: [], want: [] },
  {
    name: 'a set counts as one',
    asPath: [sequence(9), set(1, 2, AS_TRANS)],
    as4Path: [set(1, 2, LONG)],
    want: [sequence(9), set(1, 2, LONG)],
  },
  { name: 'a set in front', asPath: [set(5, 6), sequence(AS_TRANS)], as4Path: [sequence(LONG)], want: [set(5, 6), sequence(LONG)] },
  {
    name: 'a leading confederation is kept, and counts as none',
    asPath: [confederation(64512), sequence(1, AS_TRANS)],
    as4Path: [sequence(1, LONG)],
    want: [confederation(64512), sequence(1, LONG)],
  },
  {
    name: 'one behind what is prepended is kept too',
    asPath: [sequence(9), confederation(64512), sequence(AS_TRANS)],
    as4Path: [sequence(LONG)],
    want: [sequence(9), confederation(64512), sequence(LONG)],
  },
  {
    name: 'one behind the cut is not',
    asPath: [sequence(9, AS_TRANS), confederation(64512)],
    as4Path: [sequence(LONG)],
    want: [sequence(9, LONG)],
  },
]
for (const { name, asPath, as4Path, want } of merges) {
  t.test(`RFC 6793 section 4.2.3, AS4_PATH: ${name}`, async (t) => t.same(mergeFourOctetAs({ asPath, as4Path }), { asPath: want }))
}

t.test('RFC 6793 section 4.2.3, AS4_AGGREGATOR', async (t) => {
  const asPath = [sequence(1, AS_TRANS)]
  const as4Path = [sequence(1, LONG)]
  const trans = { as: AS_TRANS, routerId: 5 }
  const own = { as: 9, routerId: 6 }
  const as4Aggregator = { as: LONG, routerId: 5 }
  t.same(mergeFourOctetAs({ asPath, as4Path, aggregator: trans, as4Aggregator }), { asPath: as4Path, aggregator: as4Aggregator })
  t.same(
    mergeFourOctetAs({ asPath, as4Path, aggregator: own, as4Aggregator }),
    { asPath, aggregator: own },
    'an old router has aggregated since: both are out of date',
  )
  t.same(mergeFourOctetAs({ asPath, as4Path, aggregator: own }), { asPath: as4Path, aggregator: own })
  t.same(mergeFourOctetAs({ asPath, as4Aggregator }), { asPath }, 'without an aggregator it means nothing')
  t.same(mergeFourOctetAs({ as4Path, as4Aggregator }), {})
})

t.test('what is split for a neighbour with two bytes is put together again', async (t) => {
  const narrow = (path: AsPath): AsPath => path.map(({ kind, ases }) => ({ kind, ases: ases.map((as) => (as > 0xffff ? AS_TRANS : as)) }))
  fc.assert(
    fc.property(asPaths, (asPath) => {
      const { as4Path } = as4Attributes({ asPath })
      const merged = mergeFourOctetAs({ asPath: narrow(asPath), ...(as4Path && { as4Path }) })
      if (JSON.stringify(merged.asPath) !== JSON.stringify(asPath)) throw new Error(JSON.stringify(merged))
    }),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(asPaths, asPaths, (asPath, as4Path) => {
      const merged = mergeFourOctetAs({ asPath, as4Path }).asPath ?? []
      if (pathLength(merged) !== pathLength(asPath)) throw new Error(`${pathLength(merged)} instead of ${pathLength(asPath)}`)
    }),
    { numRuns: 300 },
  )
  t.pass('600 paths, none longer or shorter than AS_PATH')
})

t.test('confederations have no place in AS4_PATH', async (t) => {
  t.same(as4Attributes({ asPath: [confederation(LONG), sequence(1)] }), {})
  t.same(as4Attributes({ asPath: [confederation(2), sequence(LONG)] }), { as4Path: [sequence(LONG)] })
})
