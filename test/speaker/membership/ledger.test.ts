import fc from 'fast-check'
import t from 'tap'
import { type Batch, createLedger, isLastBatch, type Ledger } from '../../../src/speaker/membership/ledger.ts'
import type { AddressWord } from '../../../src/speaker/membership/message.ts'

const word = (address: number, epoch = 1): AddressWord => ({ address, epoch, state: 'held', recorded: false })
const addressesOf = (batches: readonly Batch[]) => batches.flatMap(({ words }) => words.map(({ address }) => address)).sort()
const confirmAll = (ledger: Ledger, batches: readonly Batch[]) => {
  for (const { node, batch } of batches) ledger.confirm(node, batch)
}

t.test('a peer that appears is told everything, and last that this was all', async (t) => {
  const ledger = createLedger(4)
  ledger.say(
    Array.from({ length: 10 }, (_, index) => word(index)),
    [],
  )
  t.equal(ledger.nextMs(), Number.POSITIVE_INFINITY, 'nobody is there')
  ledger.appear('b')
  t.equal(ledger.nextMs(), 0)
  const first = ledger.due(0)
  t.equal(first.length, 3)
  t.same(addressesOf(first), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  t.notOk(
    first.some(({ batch }) => isLastBatch(batch)),
    'the end is said when the rest is confirmed',
  )
  t.same(ledger.due(1), [])
  confirmAll(ledger, first)
  const last = ledger.due(2)
  t.match(last, [{ node: 'b', words: [] }])
  t.ok(last.every(({ batch }) => isLastBatch(batch)))
  confirmAll(ledger, last)
  t.same(ledger.due(5000), [])
  t.equal(ledger.nextMs(), Number.POSITIVE_INFINITY)
})

t.test('what is not confirmed is repeated: after 40 ms, then twice as late each time, up to a second', async (t) => {
  const ledger = createLedger(4)
  ledger.appear('b')
  confirmAll(ledger, ledger.due(0))
  ledger.say([word(1)], [])
  let atMs = 100
  const [sent] = ledger.due(atMs)
  const gaps: number[] = []
  for (let count = 0; count < 7; count++) {
    const nextMs = ledger.nextMs()
    gaps.push(nextMs - atMs)
    t.same(ledger.due(nextMs - 1), [])
    t.same(ledger.due(nextMs), [sent])
    atMs = nextMs
  }
  t.same(gaps, [40, 80, 160, 320, 640, 1000, 1000])
  ledger.hasten('b')
  t.same(ledger.due(atMs + 1), [sent], 'at once when the peer is heard again')
})

t.test('a change goes to everybody, before what a new peer has to learn; what is taken back is repeated no more', async (t) => {
  const ledger = createLedger(2)
  ledger.say([word(1), word(2), word(3)], [])
  ledger.appear('b')
  ledger.appear('c')
  ledger.say([word(9)], [])
  const due = ledger.due(0)
  for (const node of ['b', 'c']) {
    const own = due.filter((one) => one.node === node)
    t.same(own[0]?.words, [word(9)])
    t.same(addressesOf(own.slice(1)), [1, 2, 3])
  }
  ledger.say([word(2, 5)], [9])
  t.same(
    ledger.due(10).map(({ node, words }) => [node, words]),
    [
      ['b', [word(2, 5)]],
      ['c', [word(2, 5)]],
    ],
  )
  const repeated = ledger.due(60)
  t.notOk(addressesOf(repeated).includes(9))
  t.ok(
    repeated.every(({ words }) => words.every(({ address, epoch }) => address !== 2 || epoch === 5)),
    'repeated as it is now',
  )
  ledger.disappear('c')
  ledger.repeat([1, 77])
  t.same(
    ledger.due(61).map(({ node, words }) => [node, words]),
    [['b', [word(1)]]],
  )
})

t.test('no more than 16 packets to a peer are on their way', async (t) => {
  const ledger = createLedger(1)
  ledger.say(
    Array.from({ length: 100 }, (_, index) => word(index)),
    [],
  )
  ledger.appear('b')
  const first = ledger.due(0)
  t.equal(first.length, 16)
  ledger.confirm('b', first[0]?.batch ?? 0)
  t.equal(ledger.due(1).length, 1)
  ledger.confirm('stranger', 3)
  ledger.confirm('b', 12_345)
  t.equal(ledger.due(2).length, 0)
})

t.test('whatever is lost and whatever changes, the peer ends with every word as it is', async (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('say' as const), address: fc.nat(20), epoch: fc.nat(50) }),
    fc.record({ kind: fc.constant('remove' as const), address: fc.nat(20) }),
    fc.record({ kind: fc.constant('exchange' as const), lost: fc.boolean(), confirmLost: fc.boolean() }),
    fc.record({ kind: fc.constant('appear' as const) }),
  )
  const holds = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const ledger = createLedger(3)
    const own = new Map<number, number>()
    const heard = new Map<number, number>()
    ledger.appear('b')
    let nowMs = 0
    const exchange = (lost: boolean, confirmLost: boolean) => {
      nowMs += 1100
      for (const { batch, words } of ledger.due(nowMs)) {
        if (lost) continue
        for (const { address, epoch } of words) heard.set(Number(address), epoch)
        if (!confirmLost) ledger.confirm('b', batch)
      }
    }
    for (const one of steps) {
      if (one.kind === 'say') {
        own.set(one.address, one.epoch)
        ledger.say([word(one.address, one.epoch)], [])
      } else if (one.kind === 'remove') {
        own.delete(one.address)
        ledger.say([], [one.address])
      } else if (one.kind === 'appear') ledger.appear('b')
      else exchange(one.lost, one.confirmLost)
    }
    for (let round = 0; round < 20; round++) exchange(false, false)
    return [...own].every(([address, epoch]) => heard.get(address) === epoch) && ledger.nextMs() === Number.POSITIVE_INFINITY
  })
  fc.assert(holds, { numRuns: 300 })
  t.pass()
})
