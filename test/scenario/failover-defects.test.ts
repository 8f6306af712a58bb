/** Defects of OpenELB 0.6.0 on the wire that must not come back, each under the number that the contract gives it. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { claimName } from '../../src/api/address-claim.ts'
import { patchObject } from '../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, NODES } from '../../src/kube/resources.ts'
import { serviceName } from '../speaker/support/layer2-world.ts'
import { ipOf } from '../speaker/support/objects.ts'
import { until } from '../support/until.ts'
import { claimPair, play, releasePair } from './failover/episode.ts'
import { HAND_OVER_LOST, HAND_OVER_TWO_MACS_MS, holds, WITHIN_MS } from './failover/expectations.ts'
import { between } from './failover/links.ts'
import { createServices, moveEndpoints, setPolicy } from './failover/services.ts'
import { buildFailoverWorld, FAMILIES, NODE_NAMES, type Pair } from './failover/world.ts'

t.setTimeout(600_000)
const world = await buildFailoverWorld()
t.teardown(() => world.close())
await world.start(NODE_NAMES)

const HAND_OVER = { moves: 1, lost: HAND_OVER_LOST, twoMacsMs: HAND_OVER_TWO_MACS_MS } as const
/** Asks for a while: whether anybody answered for these addresses. */
async function answered(pair: Pair, ms = 400): Promise<boolean> {
  for (const family of FAMILIES) world.wire.probe(pair[family])
  await world.wire.mark()
  await delay(ms)
  const reports = await Promise.all(FAMILIES.map((family) => world.wire.report(pair[family])))
  return reports.some(({ tenures }) => tenures.length > 0)
}

await t.test('D12: a change of the policy, and of the endpoints under it, is applied where there is one owner', async (t) => {
  const outcome = await play(world, {
    prepare: (pair) => createServices(world, pair, 'Cluster', ['n2']),
    fault: ({ pair }) => setPolicy(world, pair, 'Local'),
    watchMs: 1500,
    mend: ({ pair }) => moveEndpoints(world, pair, ['n3']),
    afterMs: 1500,
  })
  holds(t, outcome, { takenWithinMs: WITHIN_MS.silence, during: HAND_OVER, after: HAND_OVER, epoch: 3 })
  for (const family of FAMILIES) t.same(outcome[family].answeredBy, ['n1', 'n2', 'n3'], family)
})

await t.test('D13: a node that is not Ready keeps no address, and does not get it back by being Ready', async (t) => {
  const ready = (status: string) => ({
    status: { conditions: [{ type: 'Ready', status, reason: 'Test', lastTransitionTime: new Date().toISOString() }] },
  })
  const setNode = (name: string, status: string) =>
    patchObject(world.api, NODES, { name }, ready(status), { type: 'merge', subresource: 'status' })
  const outcome = await play(world, {
    fault: ({ owner }) => setNode(owner, 'Unknown'),
    watchMs: 1500,
    mend: async ({ owner }) => void (await setNode(owner, 'True')),
    afterMs: 1500,
  })
  holds(t, outcome, { takenWithinMs: WITHIN_MS.silence, during: HAND_OVER, after: { moves: 0 }, epoch: 2 })
})

await t.test('D14: a claim that goes while its owner cannot hear of it is silent as soon as it can', async () => {
  const pair = await claimPair(world, 'n1')
  await world.links.api('n1', 'down')
  await world.release(FAMILIES.map((family) => pair[family]))
  await delay(1000)
  await world.links.api('n1', 'up')
  await until('nobody answers', async () => !(await answered(pair)))
  for (const family of FAMILIES) world.wire.still(pair[family])
})

await t.test('D14: a speaker that starts announces nothing that was given back while it was away', async (t) => {
  const pair = await claimPair(world, 'n1')
  await Promise.all(NODE_NAMES.map((node) => world.speaker(node).stop('SIGKILL')))
  await world.release(FAMILIES.map((family) => pair[family]))
  await world.wire.mark()
  await Promise.all(NODE_NAMES.map((node) => world.restarted(node)))
  t.notOk(await answered(pair, 2500))
  const told = await world.wire.recordsOf(FAMILIES.map((family) => pair[family]))
  t.same(
    told.flat().filter(({ kind }) => kind === 'announcement'),
    [],
  )
  for (const family of FAMILIES) world.wire.still(pair[family])
})

await t.test('D15: an address that another Service gets follows the endpoints of that one', async (t) => {
  const other = world.pair('n1')
  const outcome = await play(world, {
    prepare: async (pair) => {
      await createServices(world, pair, 'Local', ['n1'])
      await createServices(world, other, 'Local', ['n3'])
    },
    fault: async ({ pair }) => {
      for (const family of FAMILIES) {
        const holders = [{ namespace: 'default', name: serviceName(other[family]), uid: 'uid-other', ports: [] }]
        await patchObject(world.api, ADDRESS_CLAIMS, { name: claimName(ipOf(pair[family])) }, { spec: { holders } }, { type: 'merge' })
      }
    },
    watchMs: 1500,
  })
  holds(t, outcome, { takenWithinMs: WITHIN_MS.silence, during: HAND_OVER, epoch: 2 })
  for (const family of FAMILIES) t.same(outcome[family].answeredBy, ['n1', 'n3'], family)
})

await t.test('D15: a holder that does not exist holds up its own address at most', async (t) => {
  const missing = world.pair('n1')
  const holders = [{ namespace: 'default', name: 'nobody', uid: 'uid-nobody', ports: [] }]
  for (const family of FAMILIES) await world.claim(missing[family], { holders })
  const outcome = await play(world, { fault: ({ owner }) => world.kill(owner), watchMs: 1500 })
  holds(t, outcome, { takenWithinMs: WITHIN_MS.kill, during: { moves: 1, lost: 'any' }, epoch: 2 })
  await world.release(FAMILIES.map((family) => missing[family]))
})

await t.test(
  'D16: nothing listens but metrics and membership, and membership hears nobody with the key that everybody knows',
  async (t) => {
    await world.recover()
    t.same(await listening('n1'), ['tcp 50053', 'tcp 7946', 'udp 7946'])
    await world.speaker('n3').stop('SIGKILL')
    await world.start(['n3'], { env: { MEMBER_LIST_SECRET: 'openelb-speakers' } })
    t.same(await listening('n3'), ['tcp 50053'], 'without a key of its own it opens no port for the others')
    t.ok(
      world.speaker('n3').lines.some(({ level, msg }) => level === 'warn' && /openelb-speakers|key/.test(msg)),
      'and says why',
    )
    await world.speaker('n3').stop('SIGKILL')
    await world.start(['n3'], {})
  },
)

await t.test('D17: a node that returns at once, again and again, never answers beside the one that took over', async (t) => {
  const outcome = await play(world, {
    fault: ({ owner }) => world.kill(owner),
    watchMs: 1500,
    mend: async ({ owner }) => {
      for (let turn = 0; turn < 3; turn++) await world.restarted(owner)
    },
    afterMs: 1500,
  })
  holds(t, outcome, { takenWithinMs: WITHIN_MS.kill, during: { moves: 1, lost: 'any' }, after: { moves: 0 }, epoch: 2 })
})

await t.test('D18: both families on one interface, released and claimed again and again, are announced each time', async (t) => {
  await world.recover()
  for (let turn = 0; turn < 4; turn++) {
    const pair = await claimPair(world, 'n1')
    const again = () => FAMILIES.map((family) => pair[family])
    await world.release(again())
    await until('nobody answers', async () => !(await answered(pair, 200)))
    for (const family of FAMILIES) await world.claim(pair[family])
    for (const family of FAMILIES) await world.owned(pair[family], 'n1')
    await until('it answers again', async () => {
      await world.wire.mark()
      await delay(200)
      const reports = await Promise.all(FAMILIES.map((family) => world.wire.report(pair[family])))
      return reports.every(({ lost, tenures: [first, ...more] }) => lost === 0 && first?.mac === world.macOf('n1') && more.length === 0)
    })
    t.pass(`turn ${turn}`)
    await releasePair(world, pair)
  }
  for (const node of NODE_NAMES) {
    const complaints = world.speaker(node).lines.filter(({ level }) => level === 'error')
    t.same(complaints, [], `${node} complains of nothing`)
  }
})

await t.test('D19: a new owner announces itself more than once, and speakers that were cut off find one another again', async (t) => {
  const [a, b, c] = NODE_NAMES
  const outcome = await play(world, {
    fault: async ({ owner }) => {
      await world.links.drop(...between([a], [b, c]), ...between([b], [c]))
      await delay(4000)
      await world.links.mend()
      await delay(1500)
      return world.kill(owner)
    },
    watchMs: 4000,
  })
  holds(t, outcome, { takenWithinMs: WITHIN_MS.kill, during: { moves: 1, lost: 'any' }, epoch: 2 })
  for (const family of FAMILIES) {
    const { during, answeredBy } = outcome[family]
    const times = during.announcements.filter(({ mac }) => mac === world.macOf(answeredBy.at(-1) ?? '')).map(({ atMs }) => atMs)
    const bursts = times.filter((atMs, at) => at === 0 || atMs - (times[at - 1] ?? 0) > 200)
    t.ok(bursts.length >= 2, `${family}: ${bursts.length} bursts`)
  }
})

await t.test('the silent dead speaker: its process lives and its work is dead, and it owns nothing', async (t) => {
  const outcome = await play(world, { fault: ({ owner }) => world.stall(owner, 8000), watchMs: 8500 })
  const during = { moves: 1, lost: 'any', twoMacsMs: HAND_OVER_TWO_MACS_MS } as const
  holds(t, outcome, { takenWithinMs: 3000 + WITHIN_MS.kill, during, epoch: 2 })
})

/** The sockets of a node that wait for strangers. */
async function listening(node: string): Promise<readonly string[]> {
  const { exec } = world.cluster.node(node)
  const rows = async (file: string) => (await exec(['cat', `/proc/net/${file}`])).stdout.trim().split('\n').slice(1)
  const ports = async (protocol: 'tcp' | 'udp', state: string) => {
    const all = [...(await rows(protocol)), ...(await rows(`${protocol}6`))].map((row) => row.trim().split(/\s+/))
    return all.flatMap(([, local = '', , is]) => (is === state ? [`${protocol} ${Number.parseInt(local.split(':')[1] ?? '', 16)}`] : []))
  }
  return [...new Set([...(await ports('tcp', '0A')), ...(await ports('udp', '07'))])].sort()
}
