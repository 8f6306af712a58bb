import t from 'tap'
import { createAdjRibOut } from '../../../../src/speaker/bgp/rib-out/adj-rib-out.ts'
import { createAdvertisementInterval } from '../../../../src/speaker/bgp/rib-out/advertisement-interval.ts'
import { createRoutePool, NOTHING, type RoutePool } from '../../../../src/speaker/bgp/rib-out/route-pool.ts'
import { ip, line } from './support/samples.ts'

const route = (pool: RoutePool, med: number, pathId?: number) =>
  pool.route({ family: 'IPv4', pathId, nextHop: { address: ip('192.0.2.1'), linkLocal: undefined }, attributes: { origin: 'igp', med } })

t.test('a prefix leaves nothing behind, and what stays is held once', async (t) => {
  const pool = createRoutePool()
  const settled: string[] = []
  const rib = createAdjRibOut(createAdvertisementInterval(), (text) => settled.push(text))
  const { text, prefix } = line('198.18.0.1/32')
  rib.want(text, prefix, NOTHING, 0)
  t.same([rib.get(text), settled.splice(0)], [undefined, [text]])

  const [one, two] = [route(pool, 1, 1), route(pool, 2, 2)]
  const both = pool.offer([one, two])
  rib.want(text, prefix, both, 0)
  const entry = rib.get(text)
  if (entry === undefined) throw new Error('no entry')
  t.equal(rib.groups.size, 2)
  rib.announced(entry, two, 0)
  t.same([rib.told(), rib.groups.size, settled], [1, 1, []])
  rib.announced(entry, one, 0)
  t.same([rib.told(), rib.groups.size, settled.splice(0)], [1, 0, [text]])
  t.equal(entry.told, both, 'the object of the pool, whatever the order in which its paths were told')

  const other = line('198.18.0.1/32').prefix
  rib.want(text, other, both, 0)
  t.equal(entry.prefix, other, 'of equal prefixes the one of the line that there is now')
  t.same(settled.splice(0), [text])

  rib.want(text, undefined, NOTHING, 0)
  t.same([...rib.withdrawals], [entry])
  rib.withdrawn(entry, 1)
  t.same([rib.told(), settled], [1, []])
  rib.withdrawn(entry, 2)
  t.same([rib.told(), settled, rib.get(text), rib.withdrawals.size, rib.groups.size], [0, [text], undefined, 0, 0])
})

t.test('equal routes and offers are one object, until they are long forgotten', async (t) => {
  const pool = createRoutePool(2)
  const first = route(pool, 1)
  t.equal(route(pool, 1), first)
  t.not(route(pool, 1, 1).key, first.key)
  route(pool, 2)
  t.equal(route(pool, 1), first, 'of the generation before')
  const offer = pool.offer([first])
  t.equal(pool.offer([first]), offer)
  t.equal(pool.offer([]), NOTHING)
  for (let med = 10; med < 20; med++) route(pool, med)
  t.not(route(pool, 1), first)
  t.equal(route(pool, 1).key, first.key)
})
