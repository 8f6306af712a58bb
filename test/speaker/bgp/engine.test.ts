/** What the engine does when its settings change, when it closes, and what it says of failures. The judge is BIRD. */
import t, { type Test } from 'tap'
import { run } from '../../../lab/command.ts'
import { missingRouters } from '../../../lab/peers/packages.ts'
import type { Router } from '../../../lab/peers/router.ts'
import { type NeighbourSpec, PLAIN_NEIGHBOUR, type RouterSpec } from '../../../lab/peers/spec.ts'
import { startRouter } from '../../../lab/peers/start.ts'
import { createWire, type Wire } from '../../../lab/peers/wire.ts'
import { until } from '../../support/until.ts'
import { type BgpNode, startBgpNode } from '../support/bgp-node.ts'
import type { PeerText } from '../support/bgp-settings.ts'

t.setTimeout(600_000)
const SKIP =
  process.getuid?.() !== 0 ? 'needs root for network namespaces' : missingRouters(['bird']).length > 0 ? 'BIRD is not installed' : false

interface World {
  readonly wire: Wire
  readonly router: Router
  readonly node: BgpNode
  readonly us: PeerText
  readonly spec: RouterSpec
}

async function createWorld(test: Test, neighbour: Partial<NeighbourSpec> = {}): Promise<World> {
  const wire = await createWire(['node', 'router'])
  const [node, router] = [wire.place('node'), wire.place('router')]
  const spec: RouterSpec = {
    as: 65_000,
    routerId: '10.255.0.9',
    port: 179,
    originates: [],
    neighbours: [
      { ...PLAIN_NEIGHBOUR, name: 'node', remote: { address: node.ipv4 }, as: 65_001, families: ['IPv4', 'IPv6'], ...neighbour },
    ],
  }
  const running = await startRouter('bird', { namespace: router.namespace, folder: router.folder, spec })
  const engine = await startBgpNode(node.enter)
  test.teardown(async () => {
    await engine.stop()
    await running.stop()
    await wire.close()
  })
  return { wire, router: running, node: engine, us: { remote: router.ipv4 }, spec }
}

const countOf = async (router: Router): Promise<number> => (await router.routes('IPv4')).length
const routes = (router: Router, count: number): Promise<unknown> =>
  until(`${count} routes`, async () => (await countOf(router)) === count || undefined, 30_000, 100)

t.test('a hundred edits: only what the OPEN said ends the session', { skip: SKIP }, async (t) => {
  const { node, us, router } = await createWorld(t)
  await node.configure({ peers: [us] })
  await node.announce([{ prefix: '203.0.113.0/32', count: 10 }])
  const before = await node.established()
  await routes(router, 10)
  const steady = await node.peer()
  for (let edit = 0; edit < 100; edit++) await node.configure({ peers: [us] })
  const after = await node.peer()
  t.same({ ...after.sent, keepalive: 0 }, { ...steady.sent, keepalive: 0 }, 'nothing is said when nothing changed')
  for (let edit = 1; edit <= 100; edit++) {
    const soft: PeerText = {
      ...us,
      holdMs: 9000 + edit * 1000,
      connectRetryMs: 1000 + edit,
      advertisementMs: edit % 2,
      nextHop: edit % 3 === 0 ? 'nodes' : 'self',
    }
    await node.configure({ listen: { port: edit % 10 === 0 ? 1790 : 179 }, peers: [soft] })
  }
  const edited = await node.peer()
  t.match(edited, { state: 'Established', flaps: 0, upSinceMs: before.upSinceMs, sent: { open: before.sent.open, notification: 0 } })
  await node.configure({ peers: [{ ...us, localAs: 65_001, routerId: '10.255.0.77' }] })
  await until('a new session', async () => (await node.peer()).sent.open > before.sent.open && (await node.peer()).state === 'Established')
  const anew = await node.peer()
  t.equal(anew.flaps, 1, 'another router id is said in a new OPEN')
  t.match(anew.notifications, [{ direction: 'sent', code: 6, subcode: 6, count: 1 }])
  t.equal(anew.lastError?.code, 'configuration')
  await node.configure({ peers: [] })
  await until('it knows', async () => /configured/i.test((await router.session('node')).lastError ?? '') || undefined)
  t.same(await node.peers(), [])
})

t.test('administratively down, and up again', { skip: SKIP }, async (t) => {
  const { node, us, router } = await createWorld(t)
  await node.configure({ peers: [us] })
  await node.established()
  await node.configure({ peers: [{ ...us, adminDown: true }] })
  t.match(await node.peer(), { state: 'Idle', adminDown: true })
  await until('its operator knows why', async () => /shutdown/i.test((await router.session('node')).lastError ?? '') || undefined)
  await node.configure({ peers: [us] })
  await node.established()
})

t.test('graceful restart: without a word, and back within the time', { skip: SKIP }, async (t) => {
  const { node, us, router, wire } = await createWorld(t, { gracefulRestartSec: 60 })
  const restarts: PeerText = { ...us, gracefulRestart: { restartSec: 60, notification: true, longLivedSec: undefined } }
  await node.configure({ peers: [restarts] })
  await node.announce([{ prefix: '203.0.113.0/32', count: 10 }])
  await node.established()
  await routes(router, 10)
  await node.ask({ close: 'restart' })
  await until('it has seen the end', async () => !(await router.session('node')).established)
  t.equal(await countOf(router), 10, 'the routes stay')
  t.equal((await node.peer()).sent.notification, 0)
  const again = await startBgpNode(wire.place('node').enter)
  t.teardown(() => again.stop())
  await again.configure({ peers: [restarts] })
  await again.established()
  t.equal(await countOf(router), 10, 'nobody ends the restart before the routes are known')
  const [open] = await again.captured()
  t.match(open?.text, /graceful-restart 60 s for 2 families, restarting/)
  await again.announce([{ prefix: '203.0.113.0/32', count: 8 }])
  await routes(router, 8)
  const said = (await again.captured()).filter(({ direction, text }) => direction === 'sent' && text.startsWith('End-of-RIB'))
  t.equal(said.length, 2, 'one End-of-RIB for each family')
})

t.test('causes: refused, another AS, a password, silence', { skip: SKIP }, async (t) => {
  const { node, us, router } = await createWorld(t)
  await node.configure({ peers: [{ ...us, expectedAs: 65_123 }] })
  const wrongAs = await node.cause('as')
  t.match(wrongAs.lastError?.message, /AS 65000, and AS 65123/)
  await node.configure({ peers: [{ ...us, port: 999 }] })
  t.match((await node.cause('refused')).lastError?.message, /port 999/)
  await node.configure({ peers: [{ ...us, password: 'wrong' }] })
  t.match((await node.cause('md5', 10_000)).lastError?.cure, /password/)
  await node.configure({ peers: [{ ...us, leastTtl: 255, ttl: 255 }] })
  t.match((await node.cause('ttl', 10_000)).lastError?.message, /TTL below 255/)
  await node.configure({ peers: [{ ...us, remote: '10.66.0.200' }] })
  await node.cause('unreachable')
  await node.configure({ peers: [{ ...us, remote: '192.0.2.1' }] })
  await node.cause('unreachable')
  await node.configure({ peers: [{ ...us, localAddress: '192.0.2.77' }] })
  await node.cause('local-address')
  await node.configure({ peers: [{ ...us, localAs: 65_111 }] })
  t.match((await node.cause('notification-received')).lastError?.message, /Bad Peer AS/)
  await node.configure({ peers: [us] })
  await node.established()
  await router.stop()
  t.ok(['lost', 'notification-received', 'refused'].includes((await until('a cause', async () => (await node.peer()).lastError)).code))
})

t.test('a router that demands TTL security: named, and served once it has it', { skip: SKIP }, async (t) => {
  const { node, us, router } = await createWorld(t, { ttlSecurity: true })
  // It calls: of our calls BIRD reads what comes before its own least TTL counts, which may be enough for a session that dies of its hold time.
  await node.configure({ peers: [{ ...us, ttl: 1, passive: true }] })
  t.match((await node.cause('ttl')).lastError?.cure, /TTL/)
  await node.configure({ peers: [{ ...us, ttl: 255, leastTtl: 255 }] })
  // What we said on the old connections had the old TTL: BIRD waits on them for its 4 minutes.
  await router.restart()
  await node.established(undefined, 60_000)
})

t.test('a corrected setting is tried at once, however often it failed', { skip: SKIP }, async (t) => {
  const { node, us } = await createWorld(t)
  await node.configure({ peers: [{ ...us, expectedAs: 65_123 }] })
  await until('many failures', async () => (await node.peer()).sent.open >= 5 || undefined, 60_000)
  await node.configure({ peers: [us] })
  await node.established(undefined, 10_000)
  t.equal((await node.peer()).flaps, 0)
})

t.test('a password changes here, the session stays; then there, and it is the new one', { skip: SKIP }, async (t) => {
  const { node, us, router, spec } = await createWorld(t, { password: 'first', holdSec: 30 })
  const [neighbour] = spec.neighbours
  if (neighbour === undefined) throw new Error('a neighbour is missing')
  await node.configure({ peers: [{ ...us, password: 'first', holdMs: 30_000 }] })
  const { upSinceMs } = await node.established()
  await node.configure({ peers: [{ ...us, password: 'second', holdMs: 30_000 }] })
  t.match(await node.peer(), { state: 'Established', upSinceMs, sent: { notification: 0 } }, 'it stays')
  await router.reconfigure({ ...spec, neighbours: [{ ...neighbour, password: 'second' }] })
  await node.announce([{ prefix: '203.0.113.0/32', count: 5 }])
  await node.established()
  await routes(router, 5)
})

t.test('BFD: a router that is silent is given up long before the hold time, and taken back', { skip: SKIP }, async (t) => {
  const { node, us, router } = await createWorld(t, { bfd: { intervalMs: 100, multiplier: 3 }, holdSec: 90 })
  await node.configure({ peers: [{ ...us, holdMs: 90_000, ttl: 1, bfd: { transmitMs: 100, receiveMs: 100 } }] })
  await node.established()
  await until('BFD is up', async () => (await node.peer()).bfd?.state === 'Up')
  router.freeze()
  const beganMs = performance.now()
  const down = await node.cause('bfd', 20_000)
  t.comment(`${Math.round(performance.now() - beganMs)} ms`)
  t.ok(performance.now() - beganMs < 3000, 'within ten times 3 x 100 ms')
  t.match(down.notifications, [{ direction: 'sent', code: 6, subcode: 10 }])
  router.thaw()
  await node.established()
  await until('BFD is up again', async () => (await node.peer()).bfd?.state === 'Up')
  const { flaps } = await node.peer()
  await node.ask({ close: 'leave' })
  t.equal((await node.peer()).flaps, flaps + 1, 'its own end is one end')
})

t.test('bound to an address and a port of its own, and called there', { skip: SKIP }, async (t) => {
  const { node, us, wire } = await createWorld(t, { port: 1790, passive: false })
  await node.configure({ listen: { port: 1790, addresses: [wire.place('node').ipv4] }, peers: [{ ...us, passive: true }] })
  t.match((await node.ask({ peers: true })).listening, { port: 1790 })
  await node.established()
})

for (const device of ['eth0', 'vrf1'] as const) {
  t.test(`bound to ${device}: we call, and are called`, { skip: SKIP }, async (t) => {
    const { node, us, wire, router } = await createWorld(t)
    const vrf = 'link add vrf1 type vrf table 10\nlink set vrf1 up\nlink set eth0 master vrf1\n'
    if (device === 'vrf1' && (await run(['ip', '-n', wire.place('node').namespace, '-batch', '-'], { input: vrf })).code !== 0) {
      t.ok(true, 'a VRF', { skip: 'this kernel has none' })
      return
    }
    await node.configure({ peers: [{ ...us, device }] })
    await node.announce([{ prefix: '203.0.113.0/32', count: 3 }])
    await node.established()
    await routes(router, 3)
    await node.configure({ peers: [{ ...us, device, passive: true }] })
    await router.restart()
    await until('it has ended the session', async () => (await node.peer()).flaps > 0 || undefined)
    await node.established()
    await routes(router, 3)
    t.match(await node.peer(), { state: 'Established', interface: device })
  })
}
