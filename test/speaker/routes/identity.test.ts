/** What has not changed is the same object, so that whoever compares ten thousand lines finds the one that has. */
import t from 'tap'
import { createRoutes, type RoutePlan } from '../../../src/speaker/routes/lines.ts'
import { bgpClaim, type RouteShape, routeFacts, routeNode, routeNodes } from './support.ts'

const MANY = 10_000
const address = (at: number) => `10.${100 + Math.floor(at / 65_536)}.${Math.floor(at / 256) % 256}.${at % 256}`
const claims = Array.from({ length: MANY }, (_, at) => bgpClaim(address(at)))
const changed = (a: RoutePlan, b: RoutePlan) => b.lines.filter((line, at) => line !== a.lines[at]).length

t.test('of ten thousand lines those that change are new objects, and no others', async (t) => {
  const routes = createRoutes()
  const shape: RouteShape = { claims }
  const first = routes.plan(routeFacts(shape))
  t.equal(first.lines.length, MANY)
  t.equal(new Set(first.lines.map(({ nextHops }) => nextHops)).size, 1, 'all share their next hops')
  t.equal(new Set(first.lines.map(({ attributes }) => attributes)).size, 1, 'and their attributes')
  t.equal(changed(first, routes.plan(routeFacts(shape))), 0, 'nothing changed')
  const touched = claims.map((claim, at) => (at === 7 ? { ...claim, status: {} } : claim))
  t.equal(changed(first, routes.plan(routeFacts({ claims: touched }))), 0, 'a status says nothing of a route')
  const other = claims.map((claim, at) => (at === 7 ? bgpClaim(address(7), { eip: 'other' }) : claim))
  t.equal(changed(first, routes.plan(routeFacts({ claims: other, eips: { other: { bgp: { med: 4 } } } }))), 1)
  const gone = routes.plan(routeFacts({ claims: claims.slice(1) }))
  t.same([gone.lines.length, gone.lines[0]], [MANY - 1, first.lines[1]])
})

t.test('a node that comes back brings the old next hops', async (t) => {
  const routes = createRoutes()
  const few = claims.slice(0, 3)
  const all = routeNodes(routeNode('n1'), routeNode('n2'))
  const [before] = routes.plan(routeFacts({ claims: few, nodes: all })).lines
  const [without] = routes.plan(routeFacts({ claims: few, nodes: routeNodes(routeNode('n1'), routeNode('n2', { ready: false })) })).lines
  const [again] = routes.plan(routeFacts({ claims: few, nodes: routeNodes(routeNode('n1'), routeNode('n2')) })).lines
  t.not(without?.nextHops, before?.nextHops)
  t.equal(again?.nextHops, before?.nextHops)
})

t.test('endpoints that move change only the lines of their Service', async (t) => {
  const routes = createRoutes()
  const holders = [{ namespace: 'default', name: 'api', uid: 'u', ports: [] }]
  const both = [bgpClaim('192.0.2.1'), bgpClaim('192.0.2.2', { holders })]
  const services = { 'default/web': { local: true }, 'default/api': { local: true } }
  const shape = (api: readonly string[]): RouteShape => ({
    claims: both,
    services,
    endpoints: { 'default/web': ['n1'], 'default/api': api },
  })
  const before = routes.plan(routeFacts(shape(['n1', 'n2'])))
  const after = routes.plan(routeFacts(shape(['n2'])))
  t.equal(after.lines[0], before.lines[0])
  t.same(
    after.lines[1]?.nextHops.map(({ node }) => node),
    ['n2'],
  )
})
