import t from 'tap'
import { createRegainedQuorum, WORDS_WITHIN_MS } from '../../src/speaker/regained-quorum.ts'

t.test('a majority that is regained counts when the words of the others are here', async (t) => {
  const quorum = createRegainedQuorum()
  t.equal(quorum.at('majority', 0), 'majority', 'at the start membership itself waits')
  t.equal(quorum.at('minority', 10), 'minority', 'a loss counts at once')
  t.equal(quorum.at('majority', 20), 'minority')
  t.equal(quorum.at('majority', 20 + WORDS_WITHIN_MS - 1), 'minority')
  t.equal(quorum.at('majority', 20 + WORDS_WITHIN_MS), 'majority')
  t.equal(quorum.at('one-of-two', 1000), 'one-of-two')
  t.equal(quorum.at('majority', 1001), 'one-of-two')
  t.equal(quorum.at('minority', 1002), 'minority')
  t.equal(quorum.at('alone', 1003), 'alone')
  t.equal(quorum.at('majority', 1004), 'majority', 'a first peer')
})
