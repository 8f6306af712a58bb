import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { electionOrder, electionScore, PATIENCE_STEP_MS, patienceMs } from '../../src/speaker/election.ts'

/** Seen on the wire of OpenELB 0.6.0: the nodes in order with the first digits of their scores. */
const OBSERVED: Readonly<Record<string, string>> = {
  '10.251.0.240': 'n1 065335, n3 359cf2, n2 7ffaa7',
  '10.251.0.241': 'n3 1e1704, n2 40086f, n1 6a5242',
  '10.251.0.242': 'n3 06309f, n1 218510, n2 f38886',
  '10.251.0.243': 'n2 11d62e, n1 79308d, n3 9ad987',
  '10.251.0.244': 'n1 47ec9c, n3 7f7e4f, n2 87c878',
  '10.251.0.245': 'n2 739b49, n1 b497a5, n3 ff806f',
}

t.test('the order is that of the original', async (t) => {
  for (const [address, order] of Object.entries(OBSERVED)) {
    const ours = electionOrder(['n1', 'n2', 'n3'], address).map((node) => `${node} ${electionScore(node, address).slice(0, 6)}`)
    t.equal(ours.join(', '), order, address)
  }
})

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 12 })
const addresses = fc.ipV4()

t.test('the same for every node that computes it, and a leaver moves only what was its own', async (t) => {
  fc.assert(
    fc.property(names, addresses, fc.nat(), (nodes, address, pick) => {
      const order = electionOrder(nodes, address)
      assert.deepEqual(electionOrder(nodes.toReversed(), address), order)
      assert.deepEqual(new Set(order), new Set(nodes))
      const leaver = nodes[pick % nodes.length]
      assert.deepEqual(
        electionOrder(
          nodes.filter((node) => node !== leaver),
          address,
        ),
        order.filter((node) => node !== leaver),
      )
    }),
  )
  t.pass('100 clusters')
})

t.test('patience: the first does not wait; the others in turn, never two ranks at once', async (t) => {
  for (const stepMs of Object.values(PATIENCE_STEP_MS)) {
    t.equal(patienceMs(0, 'ffff', stepMs), 0)
    t.equal(patienceMs(-1, 'ffff', stepMs), 0)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), names, addresses, (rank, [node = ''], address) => {
        const waitMs = patienceMs(rank, electionScore(node, address), stepMs)
        assert(waitMs >= rank * stepMs && waitMs < (rank + 0.25) * stepMs)
      }),
    )
  }
})

t.test('weights come first, and then the order is the same as without', async (t) => {
  const weights: Readonly<Record<string, number>> = { n2: 100, n1: 5 }
  t.same(
    electionOrder(['n1', 'n2', 'n3', 'n4'], '10.251.0.240', (node) => weights[node] ?? 0),
    ['n2', 'n1', ...electionOrder(['n3', 'n4'], '10.251.0.240')],
  )
  fc.assert(
    fc.property(names, addresses, fc.nat(100), (nodes, address, weight) => {
      assert.deepEqual(
        electionOrder(nodes, address, () => weight),
        electionOrder(nodes, address),
      )
    }),
  )
})
