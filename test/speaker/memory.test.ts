import t from 'tap'
import { electionOrder } from '../../src/speaker/election.ts'
import { createClaimMemory } from '../../src/speaker/memory.ts'

t.test('each vacancy has its own beginning, however many are asked about in one look, and an owner ends all of them', async (t) => {
  const memory = createClaimMemory()
  // What decides waits for the one, what reports for the other: neither may start the wait of the other anew.
  for (const nowMs of [0, 100, 200]) {
    t.equal(memory.vacantForMs('10.0.0.1', 'released/n2/1', nowMs), nowMs)
    t.equal(memory.vacantForMs('10.0.0.1', 'unowned', nowMs), nowMs)
  }
  t.equal(memory.vacantForMs('10.0.0.1', 'released/n3/2', 300), 0, 'another vacancy')
  t.equal(memory.vacantForMs('10.0.0.2', 'unowned', 300), 0, 'another claim')
  memory.settled('10.0.0.1')
  t.equal(memory.vacantForMs('10.0.0.1', 'unowned', 400), 0)
  t.equal(memory.vacantForMs('10.0.0.1', 'released/n2/1', 400), 0)
  t.equal(memory.vacantForMs('10.0.0.2', 'unowned', 400), 100, 'the other claim has none yet')
})

t.test('the order is computed anew for other nodes and other weights', async (t) => {
  const memory = createClaimMemory()
  const nodes = ['n1', 'n2', 'n3']
  const alike = () => 0
  const order = memory.order('c', nodes, '10.0.0.1', alike)
  t.same(order, electionOrder(nodes, '10.0.0.1'))
  t.equal(memory.order('c', nodes, '10.0.0.1', alike), order, 'from memory')
  const last = order.at(-1) ?? ''
  t.equal(memory.order('c', nodes, '10.0.0.1', (node) => (node === last ? 1 : 0))[0], last)
  t.same(memory.order('c', [last], '10.0.0.1', alike), [last])
})
