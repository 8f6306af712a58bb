import t from 'tap'
import { createRebalancing } from '../../src/speaker/rebalancing.ts'
import { claimObject, clusterFacts } from './support/objects.ts'

const NODES = ['n1', 'n2', 'n3']
const WALL_MS = Date.parse('2026-11-21T02:00:00Z')
const owned = (host: number, node: string, since = '2026-11-21T01:00:00Z') =>
  claimObject(`10.0.0.${host}`, {}, { owner: { node, interface: 'eth0', epoch: 3, since } })
const member = (alive: boolean) => ({ alive, serving: alive, leaving: false, lastSignMs: 0, fault: undefined })
const membership = (alive: readonly string[]) => ({
  settled: true,
  members: new Map(NODES.map((node) => [node, member(alive.includes(node))])),
})

t.test('one node takes one address from the node that has them all', async (t) => {
  const claims = [1, 2, 3, 4, 5, 6].map((host) => owned(host, 'n1'))
  const moves = NODES.map((self) => createRebalancing(self).next(claims, clusterFacts({ nodes: NODES }), WALL_MS))
  t.equal(moves.filter((move) => move !== undefined).length, 1)
  t.equal(moves[0], undefined, 'not the one that has them')
  t.match(
    moves.find((move) => move !== undefined),
    { claim: /^10\.0\.0\.\d$/, epoch: 3 },
  )
  const busy = [...claims, owned(7, 'n2', '2026-11-21T01:59:55Z')]
  t.same(
    NODES.map((self) => createRebalancing(self).next(busy, clusterFacts({ nodes: NODES }), WALL_MS)),
    [undefined, undefined, undefined],
    'something moved just now',
  )
})

t.test('nothing moves while a speaker is away, or where it could not go', async (t) => {
  const claims = [1, 2, 3, 4, 5, 6].map((host) => owned(host, 'n1'))
  const anybody = (facts: Parameters<typeof clusterFacts>[0]) =>
    NODES.map((self) => createRebalancing(self).next(claims, clusterFacts(facts), WALL_MS)).some((move) => move !== undefined)
  t.equal(anybody({ nodes: NODES, membership: membership(NODES) }), true)
  t.equal(anybody({ nodes: NODES, membership: membership(['n1', 'n2']) }), false)
  t.equal(anybody({ nodes: NODES, excluded: ['n2', 'n3'] }), false)
  t.equal(anybody({ nodes: NODES, local: { 'default/web': ['n1'] } }), false)
  t.equal(anybody({ nodes: NODES, local: { 'default/web': NODES } }), true)
})

t.test('it is worked out once a second, and not at every look', async (t) => {
  const rebalancing = createRebalancing('n1')
  t.equal(rebalancing.next([], clusterFacts({ nodes: NODES }), WALL_MS), undefined)
  const claims = [1, 2, 3, 4, 5, 6].map((host) => owned(host, 'n2'))
  const [taker = ''] = NODES.filter((self) => createRebalancing(self).next(claims, clusterFacts({ nodes: NODES }), WALL_MS) !== undefined)
  const own = createRebalancing(taker)
  own.next([], clusterFacts({ nodes: NODES }), WALL_MS)
  t.equal(own.next(claims, clusterFacts({ nodes: NODES }), WALL_MS + 999), undefined)
  t.match(own.next(claims, clusterFacts({ nodes: NODES }), WALL_MS + 1000), { epoch: 3 })
})
