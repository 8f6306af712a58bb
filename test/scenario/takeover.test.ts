/** Two allocators and one Lease: a paused leader that goes on, and writes of its that arrive after another took over. */
import t, { type Test } from 'tap'
import { ALLOW_SHARED_IP, EIP_NAME, REQUESTED_ADDRESS } from '../../src/api/service-annotations.ts'
import { type History, recordHistory } from '../soak/support/history.ts'
import { conclude } from '../soak/support/rest.ts'
import { takeOver } from '../soak/takeover.ts'
import type { AllocatorProcess } from '../support/allocator-process.ts'
import { type AllocatorWorld, startAllocatorWorld } from '../support/allocator-world.ts'
import { createClusterActions, shownText } from '../support/cluster-actions.ts'
import { holdWrite } from '../support/fail-late.ts'
import { leaderOf, SHORT_LEASE, standsBy } from '../support/leaders.ts'
import { until } from '../support/until.ts'

t.setTimeout(540_000)

interface Stage {
  readonly world: AllocatorWorld
  readonly history: History
  readonly old: AllocatorProcess
  readonly next: AllocatorProcess
}

const world = await startAllocatorWorld()
t.teardown(() => world.close())
const { makeEip, makeNamespace, makeService, annotate, removeService, patchService } = createClusterActions(world.api)
await makeNamespace('late')
await makeEip('late-p', '10.30.1.0/30')
await makeEip('late-q', '10.30.2.0/30')
const P = '10.30.1.0'
const Q = '10.30.2.0'

/** One leader that works alone so far, and one that follows it. */
async function stage(name: string): Promise<Stage> {
  const history = await recordHistory(world.api)
  const old = await world.allocator(`${name}-old`, SHORT_LEASE)
  await leaderOf([old])
  return { world, history, old, next: await world.allocator(`${name}-next`, SHORT_LEASE) }
}

const shows = ({ history }: Stage, key: string, address: string) =>
  until(`${key} shows "${address}"`, () => shownText(history.services.get(key)) === address)

async function ends(t: Test, { history, old, next }: Stage): Promise<void> {
  await standsBy(old)
  t.same((await conclude(history)).violations, [])
  for (const each of [old, next]) await world.end(each, 'SIGKILL')
  world.proxy.reset()
}

t.test('a deletion of a claim that arrives after its Service came back', async (t) => {
  const now = await stage('deletion')
  await makeService('late/a', { eip: 'late-p' })
  await shows(now, 'late/a', P)
  const late = holdWrite(world.proxy, now.old, ({ method, path }) => method === 'DELETE' && path.includes(`/${P}`))
  await annotate('late/a', { [EIP_NAME]: 'late-q' })
  await late.held()
  await shows(now, 'late/a', Q)
  await annotate('late/a', { [EIP_NAME]: 'late-p' })
  await leaderOf([now.next])
  await shows(now, 'late/a', P)
  late.release('pass')
  await makeService('late/b', { eip: 'late-p' })
  await until('b has another', () => shownText(now.history.services.get('late/b')) !== '')
  late.resume()
  await ends(t, now)
  for (const name of ['a', 'b']) await removeService(`late/${name}`)
})

t.test('a holder that is taken off a shared claim after it came back', async (t) => {
  const now = await stage('sharing')
  const shared = '10.30.1.1'
  const sharing = (port: number) => ({ address: shared, annotations: { [ALLOW_SHARED_IP]: 'late' }, spec: { ports: [{ port }] } })
  for (const [key, port] of [
    ['late/f', 80],
    ['late/g', 81],
  ] as const) {
    await makeService(key, sharing(port))
    await shows(now, key, shared)
  }
  const late = holdWrite(world.proxy, now.old, ({ method, path }) => method === 'PATCH' && path.includes(`/addressclaims/${shared}`))
  await annotate('late/g', { [REQUESTED_ADDRESS]: null, [EIP_NAME]: 'late-q' })
  await late.held()
  await shows(now, 'late/g', Q)
  await annotate('late/g', { [REQUESTED_ADDRESS]: shared, [EIP_NAME]: null })
  await leaderOf([now.next])
  await shows(now, 'late/g', shared)
  late.release('pass')
  late.resume()
  await ends(t, now)
  for (const name of ['f', 'g']) await removeService(`late/${name}`)
})

t.test('a claim that arrives after its Service is gone', async (t) => {
  const now = await stage('orphan')
  const late = holdWrite(world.proxy, now.old, ({ method, path }) => method === 'POST' && path.includes('/addressclaims'))
  await makeService('late/c', { eip: 'late-q' })
  await late.held()
  await removeService('late/c')
  await leaderOf([now.next])
  late.release('pass')
  await until('the late claim is there', () => now.history.seen.some(({ kind, exists }) => kind === 'claim' && exists))
  late.resume()
  await ends(t, now)
})

t.test('a claim that arrives after its Service has another address', async (t) => {
  const now = await stage('second')
  const late = holdWrite(world.proxy, now.old, ({ method, path }) => method === 'POST' && path.includes('/addressclaims'))
  await makeService('late/d', { eip: 'late-p' })
  await late.held()
  await annotate('late/d', { [EIP_NAME]: 'late-q' })
  await leaderOf([now.next])
  await shows(now, 'late/d', Q)
  late.release('pass')
  await until('the late claim is there', () => now.history.seen.some((each) => each.kind === 'claim' && each.address === P))
  late.resume()
  await ends(t, now)
  await removeService('late/d')
})

t.test('a status that arrives after its Service turned away', async (t) => {
  const now = await stage('status')
  const late = holdWrite(world.proxy, now.old, ({ method, path }) => method === 'PATCH' && path.includes('/services/e/status'))
  await makeService('late/e', { eip: 'late-p' })
  await late.held()
  await patchService('late/e', { spec: { type: 'ClusterIP' } })
  await leaderOf([now.next])
  await until('the claim is released', () => now.history.claims.size === 0)
  late.release('pass')
  late.resume()
  await ends(t, now)
  t.equal(shownText(now.history.services.get('late/e')), '')
  await removeService('late/e')
})

t.test('leaders that are stopped at random writes past their Lease, and leaders that end', async (t) => {
  const result = await takeOver({ rounds: 9, clients: 3, seed: 7, progress: (line) => t.comment(line) })
  t.same(result.violations, [])
  t.equal(result.handoverMs.length, 3)
  t.comment(JSON.stringify(result))
})
