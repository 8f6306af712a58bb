import t from 'tap'
import { merge, type Present, prevails } from '../../src/speaker/assertion.ts'
import { ADDRESS } from './support/contest.ts'

/** The order of the address is n1, n3, n2. */
const say = (node: string, epoch: number, state: Present['state'] = 'held', recorded = false): Present => ({ node, epoch, state, recorded })

const pairs: Readonly<Record<string, readonly [right: Present, wrong: Present]>> = {
  'the higher epoch': [say('n2', 5), say('n1', 4, 'held', true)],
  'a higher epoch that was given up: nobody has it': [say('n2', 5, 'released'), say('n1', 4, 'held', true)],
  'of equal epochs what the claim says': [say('n2', 5, 'held', true), say('n1', 5)],
  'also when it was given up': [say('n2', 5, 'released', true), say('n1', 5)],
  'held before given up': [say('n2', 5), say('n1', 5, 'released')],
  'then the first of the order': [say('n3', 5), say('n2', 5)],
  "a node's own word: what it gave up it has given up": [say('n1', 5, 'released'), say('n1', 5)],
  'although the claim does not say so yet': [say('n1', 5, 'released'), say('n1', 5, 'held', true)],
  'what is recorded knows more': [say('n1', 5, 'held', true), say('n1', 5)],
}
for (const [name, [right, wrong]] of Object.entries(pairs)) {
  t.test(name, async (t) => {
    t.ok(prevails(right, wrong, ADDRESS))
    t.notOk(prevails(wrong, right, ADDRESS))
    t.match(merge(right, wrong, ADDRESS), { node: right.node, epoch: right.epoch, state: right.state })
    t.match(merge(wrong, right, ADDRESS), { node: right.node, epoch: right.epoch, state: right.state })
  })
}

t.test('nothing and something', async (t) => {
  const word = say('n1', 1)
  t.equal(merge(undefined, undefined, ADDRESS), undefined)
  t.equal(merge(word, undefined, ADDRESS), word)
  t.equal(merge(undefined, word, ADDRESS), word)
  t.equal(merge(word, say('n1', 1), ADDRESS), word, 'the same is no news')
})

t.test("a release is of a recorded epoch when the claim says so, whoever's word came first", async (t) => {
  const both = [say('n1', 5, 'released'), say('n1', 5, 'held', true)] as const
  t.same(merge(both[0], both[1], ADDRESS), say('n1', 5, 'released', true))
  t.same(merge(both[1], both[0], ADDRESS), say('n1', 5, 'released', true))
})

const WORDS = ['n1', 'n2', 'n3'].map((node) =>
  [1, 2].flatMap((epoch) =>
    (['held', 'released'] as const).flatMap((state) => [true, false].map((recorded) => say(node, epoch, state, recorded))),
  ),
)
const each = (at: number): readonly (Present | undefined)[] => [undefined, ...(WORDS[at] ?? [])]
const fold = (words: readonly (Present | undefined)[]): Present | undefined =>
  words.reduce((present: Present | undefined, word) => merge(present, word, ADDRESS), undefined)
const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const

t.test('one word of each node: in whatever order they come, all find the same', async (t) => {
  let cases = 0
  for (const first of each(0))
    for (const second of each(1))
      for (const third of each(2)) {
        const words = [first, second, third]
        const texts = ORDERS.map((order) => JSON.stringify(fold(order.map((at) => words[at]))))
        if (new Set(texts).size !== 1) t.fail(`${JSON.stringify(words)}: ${texts.join(' or ')}`)
        cases++
      }
  t.equal(cases, 9 ** 3)
})

t.test('the record first, and one word of each node: in whatever order these come, all find the same', async (t) => {
  let cases = 0
  // The claim gives an epoch to one node: nobody else's word can say that it is recorded at that epoch.
  const records = (WORDS[0] ?? []).filter(({ recorded }) => recorded)
  const isPossible = (record: Present, word: Present | undefined) =>
    word === undefined || word.node === record.node || !word.recorded || word.epoch < record.epoch
  for (const record of records)
    for (const first of each(0))
      for (const second of each(1))
        for (const third of each(2)) {
          const words = [first, second, third]
          if (!words.every((word) => isPossible(record, word))) continue
          const texts = ORDERS.map((order) => JSON.stringify(fold([record, ...order.map((at) => words[at])])))
          if (new Set(texts).size !== 1) t.fail(`${JSON.stringify([record, ...words])}: ${texts.join(' or ')}`)
          cases++
        }
  t.ok(cases > 500, `${cases} cases`)
})
