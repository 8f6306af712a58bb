import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { createLineTable } from '../../../../src/speaker/bgp/rib-out/line-table.ts'
import type { BgpLine } from '../../../../src/speaker/bgp/route.ts'
import { line, lines } from './support/samples.ts'

const texts = (list: readonly BgpLine[]) => list.map(({ text }) => text)

t.test('the difference of two sets is what a comparison one by one says', async (t) => {
  const pool = Array.from({ length: 12 }, (_, index) => lines(6, index % 2 === 0 ? {} : { eips: ['other'] })[index % 6] as BgpLine)
  const sets = fc.uniqueArray(fc.constantFrom(...pool), { selector: ({ text }) => text, size: 'max', maxLength: 6 })
  fc.assert(
    fc.property(fc.array(sets, { minLength: 2, maxLength: 6, size: 'max' }), (history) => {
      const table = createLineTable()
      let before: readonly BgpLine[] = []
      for (const after of history) {
        const { changed, gone } = table.follow(after)
        assert.deepEqual(texts(changed), texts(after.filter((one) => !before.includes(one))))
        assert.deepEqual(texts(gone), texts(before.filter(({ text }) => !after.some((one) => one.text === text))))
        for (const one of pool)
          assert.equal(
            table.get(one.text),
            after.find(({ text }) => text === one.text),
          )
        before = after
      }
    }),
    { numRuns: 1000 },
  )
  t.pass('1,000 histories')
})

t.test('one of ten thousand lines that changes is found in well under a millisecond', async (t) => {
  const table = createLineTable()
  const all = lines(10_000)
  table.follow(all)
  const other = all.with(5000, line('198.18.19.136/32', { eips: ['other'] }))
  const runs = Array.from({ length: 21 }, (_, index) => {
    const start = performance.now()
    const { changed } = table.follow(index % 2 === 0 ? other : all)
    assert.equal(changed.length, 1)
    return performance.now() - start
  })
  const median = runs.toSorted((a, b) => a - b)[10] ?? 99
  t.ok(median < 1, `${median.toFixed(3)} ms`)
})

t.test('lookup: a prefix as it is, an address by the most specific line that covers it', async (t) => {
  const table = createLineTable()
  table.follow([line('198.18.0.0/24'), line('198.18.0.7/32'), line('2001:db8::/64')])
  const found = (text: string) => table.lookup(text)?.text
  t.equal(found('198.18.0.7'), '198.18.0.7/32')
  t.equal(found('198.18.0.8'), '198.18.0.0/24')
  t.equal(found('198.18.0.8/24'), '198.18.0.0/24')
  t.equal(found('198.18.0.8/32'), undefined)
  t.equal(found('2001:db8::99'), '2001:db8::/64')
  t.equal(found('198.18.1.1'), undefined)
  t.equal(found('nonsense'), undefined)
  t.equal(found('nonsense/32'), undefined)
})

t.test('it is ready with the first set, though that is empty', async (t) => {
  const table = createLineTable()
  t.equal(table.isReady(), false)
  table.follow([])
  t.equal(table.isReady(), true)
})
