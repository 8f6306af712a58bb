/** Peers that do harm: the others go on, and nothing of ours grows. */
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { missingRouters } from '../../../lab/peers/packages.ts'
import { PLAIN_NEIGHBOUR } from '../../../lab/peers/spec.ts'
import { startRouter } from '../../../lab/peers/start.ts'
import { createWire } from '../../../lab/peers/wire.ts'
import { until } from '../../support/until.ts'
import { startBgpNode } from '../support/bgp-node.ts'
import { startLines } from '../support/process-lines.ts'

t.setTimeout(300_000)
const SKIP =
  process.getuid?.() !== 0 ? 'needs root for network namespaces' : missingRouters(['bird']).length > 0 ? 'BIRD is not installed' : false
const CHILD = fileURLToPath(new URL('../support/bgp-hostile-child.ts', import.meta.url))
const MIB = 1 << 20
const FLOOD = 300_000

interface Line {
  readonly ready?: true
  readonly established?: string
  readonly flooded?: number
  readonly tookMs?: number
  readonly called?: number
}

/** We, a good router and a bad one; the good one has our routes already. */
async function createWorld(test: Test) {
  const wire = await createWire(['node', 'router', 'hostile'])
  const [ours, good, bad] = [wire.place('node'), wire.place('router'), wire.place('hostile')]
  const spec = {
    as: 65_000,
    routerId: '10.255.0.9',
    port: 179,
    originates: [],
    neighbours: [{ ...PLAIN_NEIGHBOUR, name: 'node', remote: { address: ours.ipv4 }, as: 65_001 }],
  }
  const router = await startRouter('bird', { namespace: good.namespace, folder: good.folder, spec })
  const node = await startBgpNode(ours.enter)
  const hostile = (...args: string[]) => startLines<Line>([...bad.enter, process.execPath, CHILD, ...args], 'stdout')
  const peers = [
    { name: 'good', remote: good.ipv4, holdMs: 9000 },
    { name: 'bad', remote: bad.ipv4, holdMs: 90_000 },
  ]
  await node.configure({ peers })
  await node.announce([{ prefix: '203.0.113.0/32', count: 10 }])
  await node.established('good')
  test.teardown(async () => {
    await node.stop()
    await router.stop()
    await wire.close()
  })
  return { node, router, hostile, ours, peers }
}

t.test(`a peer that tells ${FLOOD} routes: memory is flat, the other peer is served`, { skip: SKIP }, async (t) => {
  const { node, router, hostile } = await createWorld(t)
  const before = await node.ask({ memory: true })
  const bad = hostile('flood', String(FLOOD))
  await bad.next('its port', ({ ready }) => ready === true)
  await until('half of it', async () => (await node.peer('bad')).prefixes.received > FLOOD / 2, 120_000, 50)
  const beganMs = performance.now()
  await node.announce([{ prefix: '203.0.113.0/32', count: 11 }])
  await until('11 routes', async () => (await router.routes('IPv4')).length === 11, 30_000, 20)
  const servedMs = performance.now() - beganMs
  const { tookMs = 0 } = await bad.next('the end', ({ flooded }) => flooded === FLOOD, 120_000)
  await until('all of it', async () => (await node.peer('bad')).prefixes.received === FLOOD, 60_000, 50)
  const after = await node.ask({ memory: true })
  t.match(await node.peer('good'), { state: 'Established', flaps: 0 })
  t.match(await node.peer('bad'), { state: 'Established', flaps: 0, received: { discarded: 0 } })
  const grown = (after.heapBytes ?? 0) - (before.heapBytes ?? 0)
  t.ok(grown < 4 * MIB, `the heap grew by ${grown} bytes`)
  const share = ((after.cpuMs ?? 0) - (before.cpuMs ?? 0)) / tookMs
  t.comment(
    `${FLOOD} prefixes in ${Math.round(tookMs)} ms, ${Math.round(share * 100)} % of a core, RSS ${before.rssBytes} -> ${after.rssBytes}, a change beside it took ${Math.round(servedMs)} ms`,
  )
  await bad.stop('SIGKILL')
})

t.test('a peer that never reads: what waits for it is bounded, the other peer has it all', { skip: SKIP }, async (t) => {
  const { node, router, hostile } = await createWorld(t)
  const bad = hostile('deaf')
  await bad.next('its port', ({ ready }) => ready === true)
  await node.established('bad')
  await node.announce([{ prefix: '10.128.0.0/32', count: 20_000 }])
  const before = await node.ask({ memory: true })
  for (let med = 1; med <= 50; med++) await node.announce([{ prefix: '10.128.0.0/32', count: 20_000, attributes: { med } }])
  const stuck = await until('it is stuck', async () => node.peer('bad').then((peer) => peer.prefixes.pending > 0 && peer), 60_000, 100)
  t.ok(stuck.unwrittenBytes < 192 * 1024, `${stuck.unwrittenBytes} bytes are not taken by the kernel`)
  t.equal(stuck.state, 'Established')
  await until(
    'the other has the last',
    async () => (await router.routes('IPv4')).filter(({ paths }) => paths[0]?.med === 50).length === 20_000,
    120_000,
    500,
  )
  const after = await node.ask({ memory: true })
  const grown = (after.heapBytes ?? 0) - (before.heapBytes ?? 0)
  t.ok(grown < 16 * MIB, `the heap grew by ${grown} bytes`)
  await bad.stop('SIGKILL')
})

t.test('two thousand calls that say nothing: the sessions stay, the peer can still be reached', { skip: SKIP }, async (t) => {
  const { node, router, hostile, ours } = await createWorld(t)
  const before = await node.ask({ memory: true })
  const bad = hostile('calls', ours.ipv4, '2000')
  await bad.next('the calls', ({ called }) => called === 2000)
  await node.announce([{ prefix: '203.0.113.0/32', count: 12 }])
  await until('12 routes', async () => (await router.routes('IPv4')).length === 12)
  t.match(await node.peer('good'), { state: 'Established', flaps: 0 })
  const grown = async () => ((await node.ask({ memory: true })).heapBytes ?? 0) - (before.heapBytes ?? 0)
  t.ok(await until('the calls are forgotten', async () => (await grown()) < 4 * MIB, 15_000, 500))
  await bad.stop('SIGKILL')
  const well = hostile('deaf')
  await well.next('its port', ({ ready }) => ready === true)
  await node.established('bad')
  await well.stop('SIGKILL')
})
