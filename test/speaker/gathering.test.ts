import t from 'tap'
import { createGathering } from '../../src/speaker/gathering.ts'
import { createManualClock } from '../support/manual-clock.ts'

t.test('few at once, many together', async (t) => {
  const clock = createManualClock()
  const acts: (readonly string[])[] = []
  let dear = false
  const gathering = createGathering({ clock, isDear: () => dear, act: (names) => acts.push(names) })
  gathering.add('a')
  t.same(acts, [['a']])
  dear = true
  for (const name of ['b', 'c', 'b']) gathering.add(name)
  t.equal(acts.length, 1)
  await clock.advance(10)
  t.same(acts.at(-1), ['b', 'c'])
  gathering.add('d')
  dear = false
  gathering.add('e')
  t.same(acts.at(-1), ['d', 'e'])
  await clock.advance(10)
  t.equal(acts.length, 3)
  dear = true
  gathering.add('f')
  gathering.close()
  await clock.advance(10)
  t.equal(acts.length, 3)
})
