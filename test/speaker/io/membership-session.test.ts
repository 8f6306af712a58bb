import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createMetrics } from '../../../src/runtime/metrics.ts'
import { createFence, monotonicMs } from '../../../src/speaker/fence.ts'
import type { KeySource } from '../../../src/speaker/io/key-files.ts'
import type { KeySecret, SecretKeys } from '../../../src/speaker/io/key-secret.ts'
import { createMembershipSession, OPENS_WITHIN_MS } from '../../../src/speaker/io/membership-session.ts'
import { TIMING_PROFILES } from '../../../src/speaker/membership/timing.ts'
import { createManualClock } from '../../support/manual-clock.ts'

const ADDRESS = '127.77.0.3'
const nothing = () => undefined
const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => logger }

/** A session on the loopback interface, whose own clock is moved by hand. The thread's clock is the system's. */
function sessionAt(port: number, key: KeySource) {
  const clock = createManualClock()
  const metrics = createMetrics({ processMetrics: false })
  let changes = 0
  const session = createMembershipSession({
    ...{ self: 'n1', timing: TIMING_PROFILES.default, bind: { address: ADDRESS, port }, key, clock, logger, metrics },
    speaker: () => ({ membersChanged: () => void changes++, heard: nothing, resumed: async (pause) => session.reconciled(pause) }),
  })
  const isOff = async () => (await metrics.registry.getSingleMetricAsString('openelb_membership_off')).endsWith(' 1')
  return { session, clock, isOff, changes: () => changes, isOpen: () => createFence(session.fence).isOpen(monotonicMs()) }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let left = 1000; left > 0 && !(await holds()); left--) await sleep(10)
  return holds()
}

t.test('a port that is not to be had: readiness decides after a while, until the port is free', async (t) => {
  const other = createServer()
  other.listen(0, ADDRESS)
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const { session, clock, isOff, changes, isOpen } = sessionAt(port, { text: 'a key that nobody knows' })
  t.teardown(() => session.close())
  await session.start()
  session.peers([])
  t.ok(await until(() => session.health().problems.join().includes('EADDRINUSE')))
  await clock.advance(OPENS_WITHIN_MS - 1)
  t.match(session.facts(), { settled: false }, 'it may be the process before, which is about to end')
  t.equal(await isOff(), false)
  const before = changes()
  await clock.advance(1)
  t.equal(session.facts(), undefined)
  t.same(session.health().problems, [], 'the Pod is as ready as without a key')
  t.equal(await isOff(), true)
  t.ok(changes() > before, 'it is looked at everything anew')
  t.ok(isOpen(), 'answers are permitted')
  await new Promise((resolve) => other.close(resolve))
  t.ok(await until(() => session.facts()?.settled === true))
  t.ok(await until(async () => !(await isOff())))
  t.ok(await until(isOpen))
})

t.test("whoever stops while the port is somebody else's does not wait for the next try", async (t) => {
  const other = createServer()
  other.listen(0, ADDRESS)
  await once(other, 'listening')
  t.teardown(() => new Promise((resolve) => other.close(resolve)))
  const { session } = sessionAt((other.address() as { port: number }).port, { text: 'a key that nobody knows' })
  await session.start()
  t.ok(await until(() => session.health().problems.join().includes('EADDRINUSE')))
  // The tries have become rare: the next one is 1.6 s after the one before.
  await sleep(1600)
  const beganMs = performance.now()
  await session.close()
  t.ok(performance.now() - beganMs < 1000)
})

t.test('a port that was open once: its loss says nothing of the others', async (t) => {
  const { session, clock, isOff } = sessionAt(randomInt(20_000, 30_000), { text: 'a key that nobody knows' })
  t.teardown(() => session.close())
  await session.start()
  session.peers([])
  t.ok(await until(() => session.facts()?.settled === true))
  await clock.advance(OPENS_WITHIN_MS)
  t.match(session.facts(), { settled: true })
  t.equal(await isOff(), false)
})

t.test('a Secret that could not be read at the start is read before anything is decided', async (t) => {
  let secretKeys: SecretKeys | undefined
  let looks = 0
  const secret: KeySecret = {
    name: 'memberlist',
    whenRead: async () => void looks++,
    read: () => secretKeys,
    onChange: nothing,
    close: async () => undefined,
  }
  const { session } = sessionAt(randomInt(20_000, 30_000), { secret })
  t.teardown(() => session.close())
  await session.start()
  t.equal(session.facts(), undefined)
  secretKeys = { key: Buffer.from('a key that nobody knows'), previous: undefined }
  await session.whenKnown()
  t.match(session.facts(), { settled: false })
  t.equal(looks, 2)
  await session.whenKnown()
  t.equal(looks, 2, 'known already')
})

t.test('without a key it is off', async (t) => {
  const { session, clock, isOff, isOpen } = sessionAt(randomInt(20_000, 30_000), { dir: t.testdir() })
  t.teardown(() => session.close())
  await session.start()
  await clock.advance(OPENS_WITHIN_MS)
  t.equal(session.facts(), undefined)
  t.same(session.health().problems, [])
  t.equal(await isOff(), true)
  t.ok(isOpen())
})
