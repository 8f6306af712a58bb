/** BFD with BIRD on a wire: keys, paths through a router, IPv6, passive sides. */
import t, { type Test } from 'tap'
import type { BfdAuthentication } from '../../../src/speaker/bfd/settings.ts'
import { until } from '../../support/until.ts'
import type { WantedSession } from './support/bfd-child.ts'
import { startBfdHost } from './support/bfd-host.ts'
import { startBirdBfd } from './support/bfd-peers.ts'
import { type BfdWire, lacking, startBfdWire, TEN_TIMES } from './support/bfd-wire.ts'

const FAST = { transmitMs: 100, receiveMs: 100 } as const
const TIMES = 'min rx interval 100 ms; min tx interval 100 ms; idle tx interval 200 ms; multiplier 3;'

/** One way to meet: what BIRD is told, and what we are. */
interface Meeting {
  readonly name: string
  readonly inside: (wire: BfdWire) => string
  readonly session: (wire: BfdWire) => WantedSession
  /** As BIRD names us. */
  readonly us: (wire: BfdWire) => string
}

const keyed = (type: BfdAuthentication['type'], key: string): BfdAuthentication => ({ type, keyId: 7, key })
const onLink = (more: string) => `interface "eth0" { ${TIMES} ${more} };`
const neighbour = (address: string, more = 'dev "eth0"') => `neighbor ${address} ${more};`
const withKey = (type: 'keyed' | 'meticulous keyed', password: string): Meeting => ({
  name: `${type} SHA1`,
  inside: ({ node }) => `${onLink(`authentication ${type} sha1; password "${password}" { id 7; };`)} ${neighbour(node.ipv4)}`,
  session: ({ node, router }) => ({
    ...{ remote: router.ipv4, local: node.ipv4, ...FAST },
    authentication: keyed(type === 'keyed' ? 'keyed-sha1' : 'meticulous-keyed-sha1', password),
  }),
  us: ({ node }) => node.ipv4,
})

const MEETINGS: readonly Meeting[] = [
  {
    name: 'IPv4',
    inside: ({ node }) => `${onLink('')} ${neighbour(node.ipv4)}`,
    session: ({ node, router }) => ({ remote: router.ipv4, local: node.ipv4, ...FAST }),
    us: ({ node }) => node.ipv4,
  },
  {
    name: 'IPv6',
    inside: ({ node }) => `${onLink('')} ${neighbour(node.ipv6)}`,
    session: ({ node, router }) => ({ remote: router.ipv6, local: node.ipv6, ...FAST }),
    us: ({ node }) => node.ipv6,
  },
  {
    name: 'IPv6 link-local, on an interface that is named',
    inside: ({ node }) => `${onLink('')} ${neighbour(node.linkLocal)}`,
    session: ({ node, router }) => ({ remote: router.linkLocal, local: node.linkLocal, device: 'eth0', ...FAST }),
    us: ({ node }) => node.linkLocal,
  },
  {
    name: 'multihop, through a router',
    inside: ({ far }) => `multihop { ${TIMES} }; ${neighbour(far.node, `local ${far.router} multihop on`)}`,
    session: ({ far }) => ({ remote: far.router, local: far.node, multihop: true, leastTtl: 63, ...FAST }),
    us: ({ far }) => far.node,
  },
  {
    name: 'passive here',
    inside: ({ node }) => `${onLink('')} ${neighbour(node.ipv4)}`,
    session: ({ node, router }) => ({ remote: router.ipv4, local: node.ipv4, passive: true, ...FAST }),
    us: ({ node }) => node.ipv4,
  },
  {
    name: 'passive there',
    inside: ({ node }) => `${onLink('passive;')} ${neighbour(node.ipv4)}`,
    session: ({ node, router }) => ({ remote: router.ipv4, local: node.ipv4, ...FAST }),
    us: ({ node }) => node.ipv4,
  },
  withKey('keyed', 'sesame'),
  withKey('meticulous keyed', 'twenty bytes of key!'),
]

const skip = lacking('bird')
t.test('with BIRD', { skip, timeout: 240_000 }, async (t) => {
  const wire = await startBfdWire()
  t.teardown(() => wire.close())
  for (const meeting of MEETINGS) await t.test(meeting.name, (t) => meet(t, wire, meeting))
  await t.test('another key than theirs', (t) => otherKey(t, wire))
  await t.test('more hops than are allowed', (t) => tooFar(t, wire))
})

/** Up, both know the same times; a cable that is cut is seen; up again; our end is no failure for them. */
async function meet(t: Test, wire: BfdWire, { inside, session, us }: Meeting): Promise<void> {
  const bird = await startBirdBfd(wire.router, inside(wire))
  const host = await startBfdHost(wire.node)
  t.teardown(() => Promise.all([host.kill(), bird.stop()]))
  const wanted = session(wire)
  host.follow(wanted)
  await bird.inState(us(wire), 'Up')
  await host.inState(wanted.remote, 'Up')
  t.match(
    await until('both are quick', async () => {
      const found = (await host.report()).reports[wanted.remote]
      return found?.detectionMs === 300 && found
    }),
    { state: 'Up', transmitMs: 100, downs: 0, discarded: 0 },
  )
  t.match(await bird.inState(us(wire), 'Up'), { timeoutSec: 0.3 })
  const before = host.changes.length
  await wire.plug(wire.router, false)
  const cutMs = performance.timeOrigin + performance.now()
  await host.inState(wanted.remote, 'Down')
  await bird.inState(us(wire), 'Down')
  await wire.plug(wire.router, true)
  t.match(host.changes.slice(before, before + 1), [{ wentDown: true, diagnostic: 'control detection time expired' }])
  t.ok((host.changes[before]?.atMs ?? Infinity) - cutMs < TEN_TIMES * 300)
  await host.inState(wanted.remote, 'Up')
  await bird.inState(us(wire), 'Up')
  await host.close()
  await bird.inState(us(wire), 'Down')
}

async function otherKey(t: Test, wire: BfdWire): Promise<void> {
  const { inside, session } = withKey('keyed', 'sesame')
  const bird = await startBirdBfd(wire.router, inside(wire))
  const host = await startBfdHost(wire.node)
  t.teardown(() => Promise.all([host.kill(), bird.stop()]))
  const wanted = session(wire)
  host.follow({ ...wanted, authentication: keyed('keyed-sha1', 'another') })
  const report = await until('their packets are refused', async () => {
    const found = (await host.report()).reports[wanted.remote]
    return found !== undefined && found.discarded > 3 && found
  })
  t.match(report, { state: 'Down', received: 0, lastDiscard: 'its digest is wrong: the keys differ' })
  host.follow(wanted)
  await host.inState(wanted.remote, 'Up')
  t.equal(host.changes.filter(({ wentDown }) => wentDown).length, 0)
}

/** BIRD begins with a TTL of 64, and one router takes one from it. */
async function tooFar(t: Test, wire: BfdWire): Promise<void> {
  const multihop = MEETINGS.find(({ name }) => name.startsWith('multihop'))
  if (multihop === undefined) throw new Error('no multihop')
  const bird = await startBirdBfd(wire.router, multihop.inside(wire))
  const host = await startBfdHost(wire.node)
  t.teardown(() => Promise.all([host.kill(), bird.stop()]))
  const wanted = multihop.session(wire)
  host.follow({ ...wanted, leastTtl: 64 })
  const report = await until('their packets are refused', async () => {
    const found = (await host.report()).reports[wanted.remote]
    return found !== undefined && found.discarded > 3 && found
  })
  t.match(report, { state: 'Down', received: 0, lastDiscard: 'TTL 63, where 64 is the least' })
  host.follow(wanted)
  await host.inState(wanted.remote, 'Up')
}
