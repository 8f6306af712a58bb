/** Sessions with FRR, BIRD and GoBGP: their own tables and states are the judges. */
import t, { type Test } from 'tap'
import { missingRouters } from '../../../lab/peers/packages.ts'
import type { Router } from '../../../lab/peers/router.ts'
import { type NeighbourSpec, PLAIN_NEIGHBOUR, ROUTER_KINDS, type RouterKind, type RouterSpec } from '../../../lab/peers/spec.ts'
import { startRouter } from '../../../lab/peers/start.ts'
import { createWire, type Wire } from '../../../lab/peers/wire.ts'
import { until } from '../../support/until.ts'
import { type BgpNode, startBgpNode } from '../support/bgp-node.ts'
import type { PeerText } from '../support/bgp-settings.ts'

t.setTimeout(600_000)

const ROOT = process.getuid?.() === 0 ? undefined : 'needs root for network namespaces'
const missing = new Set(missingRouters())
const skipOf = (kind: RouterKind): string | false => ROOT ?? (missing.has(kind) ? `${kind} is not installed` : false)

interface World {
  readonly wire: Wire
  readonly router: Router
  readonly node: BgpNode
  readonly spec: RouterSpec
  /** Our settings of the router. */
  readonly us: PeerText
}

/** A router and a node on one wire. */
async function createWorld(
  test: Test,
  kind: RouterKind,
  options: { as?: number; neighbour?: Partial<NeighbourSpec>; us?: Partial<PeerText> } = {},
): Promise<World> {
  const wire = await createWire(['node', 'router'])
  const [node, router] = [wire.place('node'), wire.place('router')]
  const as = options.as ?? 65_000
  const spec: RouterSpec = {
    as,
    routerId: '10.255.0.9',
    port: 179,
    originates: ['192.0.2.0/24'],
    neighbours: [
      { ...PLAIN_NEIGHBOUR, name: 'node', remote: { address: node.ipv4 }, as: 65_001, families: ['IPv4', 'IPv6'], ...options.neighbour },
    ],
  }
  const engine = await startBgpNode(node.enter)
  const us: PeerText = { remote: router.ipv4, expectedAs: as, ...options.us }
  // Who is called has to be there first: FRR tries again after two minutes.
  if (us.passive) await engine.configure({ peers: [us] })
  const running = await startRouter(kind, { namespace: router.namespace, folder: router.folder, spec })
  test.teardown(async () => {
    await engine.stop()
    await running.stop()
    await wire.close()
  })
  return { wire, router: running, node: engine, spec, us }
}

const prefixesOf = async (router: Router, family: 'IPv4' | 'IPv6'): Promise<string> =>
  (await router.routes(family))
    .map(({ prefix }) => prefix)
    .filter((prefix) => prefix !== '192.0.2.0/24')
    .sort()
    .join(' ')

const has = (router: Router, family: 'IPv4' | 'IPv6', wanted: string, timeoutMs = 30_000): Promise<unknown> =>
  until(`${router.kind} has "${wanted}"`, async () => (await prefixesOf(router, family)) === wanted || undefined, timeoutMs, 200)

const FOUR = '203.0.113.7/32'
const SIX = '2001:db8::7/128'

for (const kind of ROUTER_KINDS) {
  t.test(`${kind}, external: routes, withdrawal, its reset, its restart, its end`, { skip: skipOf(kind) }, async (t) => {
    const { node, router, us } = await createWorld(t, kind)
    await node.configure({ peers: [us] })
    await node.announce([{ prefix: FOUR, attributes: { communities: [(65_001 << 16) >>> 0] } }, { prefix: SIX }])
    const report = await node.established()
    t.match(report, { peerAs: 65_000, peerRouterId: '10.255.0.9', holdMs: 9000, flaps: 0 })
    await has(router, 'IPv4', FOUR)
    await has(router, 'IPv6', SIX)
    const [route] = (await router.routes('IPv4')).filter(({ prefix }) => prefix === FOUR)
    t.same(route?.paths[0]?.asPath, [65_001])
    t.same(route?.paths[0]?.communities, ['65001:0'])
    t.same(route?.paths[0]?.nextHops, ['10.66.0.1'])
    t.equal((await until('its route', async () => (await node.peer()).prefixes.received > 0 && node.peer())).prefixes.received, 1)
    await node.announce([{ prefix: SIX }])
    await has(router, 'IPv4', '')
    for (const [what, act] of [
      ['reset', () => router.reset('node')],
      ['restart', () => router.restart()],
      ['kill', () => router.kill().then(() => router.start())],
    ] as const) {
      const { flaps } = await node.peer()
      await act()
      await until(`a flap by ${what}`, async () => (await node.peer()).flaps > flaps || undefined)
      await node.established()
      await has(router, 'IPv6', SIX)
      t.ok((await node.peer()).lastError, `a ${what} has a cause: ${(await node.peer()).lastError?.message}`)
    }
    await node.ask({ close: 'leave' })
    await has(router, 'IPv6', '')
  })

  t.test(`${kind}, internal, it calls, with a password`, { skip: skipOf(kind) }, async (t) => {
    const { node, router } = await createWorld(t, kind, {
      as: 65_001,
      neighbour: { password: 'asecret' },
      us: { password: 'asecret', passive: true },
    })
    await node.announce([{ prefix: FOUR }])
    await node.established()
    await has(router, 'IPv4', FOUR)
    const [route] = (await router.routes('IPv4')).filter(({ prefix }) => prefix === FOUR)
    t.same(route?.paths[0]?.asPath, [])
    t.equal(route?.paths[0]?.localPref, 100)
  })

  t.test(`${kind}: both call at once, again and again: one session, which stays`, { skip: skipOf(kind) }, async (t) => {
    const { node, router, us } = await createWorld(t, kind)
    for (let round = 0; round < (kind === 'gobgp' ? 2 : 10); round++) {
      const routerId = round % 2 === 0 ? '10.255.0.1' : '10.255.0.99'
      await node.configure({ peers: [{ ...us, routerId }] })
      await node.established()
    }
    await node.announce([{ prefix: FOUR }])
    await has(router, 'IPv4', FOUR)
    const { flaps } = await node.peer()
    await node.announce([{ prefix: FOUR }, { prefix: SIX }])
    await has(router, 'IPv6', SIX)
    t.equal((await node.peer()).flaps, flaps, 'it stays')
    t.equal((await router.session('node')).established, true)
  })

  t.test(`${kind} that is silent: the hold timer`, { skip: skipOf(kind) }, async (t) => {
    const { node, router, us } = await createWorld(t, kind, { neighbour: { holdSec: 3 }, us: { holdMs: 3000 } })
    await node.configure({ peers: [us] })
    await node.established()
    router.freeze()
    const report = await node.cause('hold', 30_000)
    t.not(report.state, 'Established')
    router.thaw()
    await node.established()
  })
}
