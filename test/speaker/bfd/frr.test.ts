/** BFD with FRR's bfdd on a wire: who sees what, in which order. */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { until } from '../../support/until.ts'
import { type BfdHost, startBfdHost } from './support/bfd-host.ts'
import { type FrrBfd, startFrrBfd } from './support/bfd-peers.ts'
import { type BfdWire, lacking, startBfdWire, TEN_TIMES } from './support/bfd-wire.ts'

const FAST = { transmitMs: 100, receiveMs: 100 } as const
const peerLines = (address: string, ...more: readonly string[]) => [
  `peer ${address}`,
  'receive-interval 100',
  'transmit-interval 100',
  ...more,
  'exit',
]

const skip = lacking('frr')
t.test('with FRR', { skip, timeout: 240_000 }, async (t) => {
  const wire = await startBfdWire()
  t.teardown(() => wire.close())
  const { node, router } = wire
  const frr = await startFrrBfd(router, peerLines(node.ipv4))
  t.teardown(() => frr.stop())
  const session = { remote: router.ipv4, local: node.ipv4, ...FAST }
  let host = await startBfdHost(node)
  t.teardown(() => host.kill())
  host.follow(session)
  await frr.inStatus(node.ipv4, 'up')
  await host.inState(router.ipv4, 'Up')

  await t.test('each says what the other one has configured', (t) => parameters(t, host, frr, wire))
  await t.test('other intervals are negotiated, and nothing goes down', (t) => negotiation(t, host, frr, wire))
  await t.test('a shutdown there is no failure', (t) => shutdownThere(t, host, frr, wire))
  await t.test('the end here is told as one that was wanted', (t) => endHere(t, host, frr, wire))
  await t.test('a stalled main thread is nothing to BFD', (t) => stalled(t, host, frr, wire))
  await t.test('a process that was stopped hears what came before it finds anybody silent', (t) => paused(t, host, frr, wire))
  await t.test('a cable that is cut: both sides see it', (t) => cut(t, host, frr, wire))
  await t.test('a peer that is killed', (t) => killedThere(t, host, frr, wire))
  await t.test('our process is killed, and comes back with another discriminator', async (t) => {
    const before = await frr.inStatus(node.ipv4, 'up')
    await host.kill()
    await frr.inStatus(node.ipv4, 'down')
    host = await startBfdHost(node)
    host.follow(session)
    const after = await frr.inStatus(node.ipv4, 'up')
    t.not(after['remote-id'], before['remote-id'])
  })
  await t.test('the end of our process is told as one that was wanted', async (t) => {
    await host.close()
    t.equal((await frr.inStatus(node.ipv4, 'down'))['remote-diagnostic'], 'administratively down')
  })
})

async function parameters(t: Test, host: BfdHost, frr: FrrBfd, { node, router }: BfdWire): Promise<void> {
  const seen = await until('FRR knows our intervals', async () => {
    const found = await frr.session(node.ipv4)
    return found?.['remote-transmit-interval'] === 100 && found
  })
  t.equal(seen['remote-receive-interval'], 100)
  t.equal(seen['remote-detect-multiplier'], 3)
  const report = await until('we know theirs', async () => {
    const found = (await host.report()).reports[router.ipv4]
    return found?.detectionMs === 300 && found
  })
  t.match(report, { transmitMs: 100, remoteState: 'Up', downs: 0, discarded: 0 })
  t.ok(report.received > 1 && report.sent > 1)
}

async function negotiation(t: Test, host: BfdHost, frr: FrrBfd, { node, router }: BfdWire): Promise<void> {
  const downs = await frr.downs(node.ipv4)
  const changes = host.changes.length
  for (const [transmitMs, receiveMs, detectMultiplier] of [
    [200, 400, 5],
    [100, 100, 3],
  ] as const) {
    host.follow({ remote: router.ipv4, local: node.ipv4, transmitMs, receiveMs, detectMultiplier })
    const seen = await until('FRR knows', async () => {
      const found = await frr.session(node.ipv4)
      return found?.['remote-transmit-interval'] === transmitMs && found['remote-receive-interval'] === receiveMs && found
    })
    t.equal(seen['remote-detect-multiplier'], detectMultiplier)
    await until('ours is in use', async () => (await host.report()).reports[router.ipv4]?.detectionMs === 3 * receiveMs)
  }
  await frr.configure(`peer ${node.ipv4}`, 'transmit-interval 160', 'detect-multiplier 4')
  await until('theirs is in use', async () => (await host.report()).reports[router.ipv4]?.detectionMs === 640)
  await frr.configure(`peer ${node.ipv4}`, 'transmit-interval 100', 'detect-multiplier 3')
  await until('theirs is in use', async () => (await host.report()).reports[router.ipv4]?.detectionMs === 300)
  t.equal(await frr.downs(node.ipv4), downs, 'FRR has seen no end')
  t.same(host.changes.slice(changes), [], 'nor have we')
}

async function shutdownThere(t: Test, host: BfdHost, frr: FrrBfd, { node, router }: BfdWire): Promise<void> {
  const changes = host.changes.length
  await frr.configure(`peer ${node.ipv4}`, 'shutdown')
  t.equal((await host.inState(router.ipv4, 'Down')).remoteState, 'AdminDown')
  await frr.configure(`peer ${node.ipv4}`, 'no shutdown')
  await host.inState(router.ipv4, 'Up')
  t.equal(host.changes.slice(changes).filter(({ wentDown }) => wentDown).length, 0)
  await frr.inStatus(node.ipv4, 'up')
}

async function endHere(t: Test, host: BfdHost, frr: FrrBfd, { node, router }: BfdWire): Promise<void> {
  const changes = host.changes.length
  host.follow()
  t.equal((await frr.inStatus(node.ipv4, 'down'))['remote-diagnostic'], 'administratively down')
  t.same((await host.report()).reports, {})
  host.follow({ remote: router.ipv4, local: node.ipv4, ...FAST })
  await frr.inStatus(node.ipv4, 'up')
  await host.inState(router.ipv4, 'Up')
  t.equal(host.changes.slice(changes).filter(({ wentDown }) => wentDown).length, 0)
}

async function stalled(t: Test, host: BfdHost, frr: FrrBfd, { node }: BfdWire): Promise<void> {
  const [changes, downs] = [host.changes.length, await frr.downs(node.ipv4)]
  host.stall(2000)
  await sleep(2000)
  await host.report()
  t.same(host.changes.slice(changes), [])
  t.equal(await frr.downs(node.ipv4), downs)
}

/** They wait long for us, we wait 300 ms for them, and are stopped for longer. */
async function paused(t: Test, host: BfdHost, frr: FrrBfd, { node, router }: BfdWire): Promise<void> {
  host.follow({ remote: router.ipv4, local: node.ipv4, ...FAST, detectMultiplier: 100 })
  await until('FRR knows', async () => (await frr.session(node.ipv4))?.['remote-detect-multiplier'] === 100)
  const changes = host.changes.length
  for (let round = 0; round < 5; round++) {
    host.signal('SIGSTOP')
    await sleep(800)
    host.signal('SIGCONT')
    await sleep(200)
  }
  await host.report()
  t.same(host.changes.slice(changes), [])
  host.follow({ remote: router.ipv4, local: node.ipv4, ...FAST })
  await until('FRR knows', async () => (await frr.session(node.ipv4))?.['remote-detect-multiplier'] === 3)
  await host.inState(router.ipv4, 'Up')
}

async function cut(t: Test, host: BfdHost, frr: FrrBfd, wire: BfdWire): Promise<void> {
  const { node, router } = wire
  const changes = host.changes.length
  const { detectionMs } = await host.inState(router.ipv4, 'Up')
  await wire.plug(router, false)
  const cutMs = performance.timeOrigin + performance.now()
  await host.inState(router.ipv4, 'Down')
  const [change] = host.changes.slice(changes)
  t.match(change, { key: router.ipv4, state: 'Down', wentDown: true, diagnostic: 'control detection time expired' })
  t.ok((change?.atMs ?? Infinity) - cutMs < TEN_TIMES * detectionMs, `${(change?.atMs ?? Infinity) - cutMs} ms`)
  t.equal((await frr.inStatus(node.ipv4, 'down')).diagnostic, 'control detection time expired')
  t.equal(host.changes.length, changes + 1, 'said once')
  await wire.plug(router, true)
  await host.inState(router.ipv4, 'Up')
  await frr.inStatus(node.ipv4, 'up')
}

async function killedThere(t: Test, host: BfdHost, frr: FrrBfd, { node, router }: BfdWire): Promise<void> {
  const changes = host.changes.length
  await frr.bfdd.stop('SIGKILL')
  await host.inState(router.ipv4, 'Down')
  t.match(host.changes.slice(changes), [{ state: 'Down', wentDown: true, diagnostic: 'control detection time expired' }])
  frr.bfdd.start()
  await frr.inStatus(node.ipv4, 'up')
  await host.inState(router.ipv4, 'Up')
}
