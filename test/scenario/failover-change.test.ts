/** What people and controllers change: moves by hand, endpoints, interfaces, nodes, keys, and many addresses at once. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { type AddressClaimObject, claimName } from '../../src/api/address-claim.ts'
import { MOVE } from '../../src/api/claim-annotations.ts'
import { createObject, deleteObject, listObjects } from '../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, NODES } from '../../src/kube/resources.ts'
import { createNode, createSpeakerPod, serviceName } from '../speaker/support/layer2-world.ts'
import { ipOf } from '../speaker/support/objects.ts'
import { until } from '../support/until.ts'
import { judgeWire } from '../support/wire-capture-analysis.ts'
import { figures, play } from './failover/episode.ts'
import { HAND_OVER_LOST, HAND_OVER_TWO_MACS_MS, holds, WITHIN_MS } from './failover/expectations.ts'
import { createServices, moveEndpoints, patchClaims } from './failover/services.ts'
import { buildFailoverWorld, FAMILIES, KUBELET_RESTARTS_MS, NODE_NAMES, removePod } from './failover/world.ts'

/** Gives the Service of the many its name; nobody claims these. */
const MANY = { IPv4: '10.99.0.200', IPv6: 'fd00:99::200' } as const

t.setTimeout(600_000)
const world = await buildFailoverWorld()
t.teardown(() => world.close())
await world.start(NODE_NAMES)

const HAND_OVER = { moves: 1, lost: HAND_OVER_LOST, twoMacsMs: HAND_OVER_TWO_MACS_MS } as const

await t.test('openelb.io/move: the address goes to that node and stays; an old wish moves nothing', async (t) => {
  const wish = (node: string) => ({ metadata: { annotations: { [MOVE]: `${node}@1` } } })
  const outcome = await play(world, {
    fault: ({ pair, others: [, last = ''] }) => patchClaims(world, pair, wish(last)),
    watchMs: 1500,
    mend: ({ pair, others: [first = ''] }) => patchClaims(world, pair, wish(first)),
  })
  holds(t, outcome, { takenWithinMs: WITHIN_MS.silence, during: HAND_OVER, after: { moves: 0 }, epoch: 2 })
  for (const family of FAMILIES) t.equal(outcome[family].answeredBy.at(-1), 'n3', `${family}: the node that was named`)
})

await t.test('policy Local: the address follows its endpoints, there and back', async (t) => {
  const outcome = await play(world, {
    prepare: (pair) => createServices(world, pair, 'Local', ['n1']),
    fault: ({ pair, others: [first = ''] }) => moveEndpoints(world, pair, [first]),
    watchMs: 1500,
    mend: ({ pair, owner }) => moveEndpoints(world, pair, [owner]),
    afterMs: 1500,
  })
  holds(t, outcome, { takenWithinMs: WITHIN_MS.silence, during: HAND_OVER, after: HAND_OVER, epoch: 3 })
  for (const family of FAMILIES) t.same(outcome[family].answeredBy, ['n1', 'n2', 'n1'], family)
})

await t.test('another interface of the Eip: the same node answers there with its MAC, and on the old one no more', async (t) => {
  for (const [at, { exec, ip }] of world.cluster.nodes.entries()) {
    await exec(['ip', 'link', 'add', 'mv0', 'link', 'eth0', 'type', 'macvlan', 'mode', 'bridge'])
    await exec(['ip', 'addr', 'add', `${ip.replace(/\d+$/, String(40 + at))}/24`, 'dev', 'mv0'])
    await exec(['ip', 'addr', 'add', `${world.cluster.client.ipv6.replace(/::.*/, '')}::4${at}/64`, 'dev', 'mv0', 'nodad'])
    await exec(['ip', 'link', 'set', 'mv0', 'up'])
  }
  const outcome = await play(world, {
    fault: ({ pair }) => patchClaims(world, pair, { spec: { interface: 'mv0' } }),
    watchMs: 1500,
  })
  const { stdout } = await world.cluster.node('n1').exec(['ip', '-o', 'link', 'show', 'mv0'])
  const mac = /link\/ether ([0-9a-f:]{17})/.exec(stdout)?.[1]
  holds(t, outcome, { takenWithinMs: WITHIN_MS.silence, during: { moves: 1, lost: HAND_OVER_LOST }, agreed: false })
  for (const family of FAMILIES) {
    t.same(outcome[family].answeredBy, ['n1', mac], family)
    t.equal(outcome[family].recorded.node, 'n1')
  }
})

await t.test('a node is taken out of the cluster, and comes back: its addresses go once, and stay', async (t) => {
  const outcome = await play(world, {
    fault: async ({ owner }) => {
      const { ended } = await world.terminate(owner)
      t.equal(await ended, 0, 'it ends in time')
      await removePod(world, owner)
      await deleteObject(world.api, NODES, { name: owner })
    },
    watchMs: 1500,
    mend: async ({ owner }) => {
      await createNode(world.api, owner)
      await createSpeakerPod(world.api, owner)
      await world.relaunch(owner)
    },
    afterMs: 2500,
  })
  holds(t, outcome, { takenWithinMs: WITHIN_MS.silence, during: HAND_OVER, after: { moves: 0 }, epoch: 2 })
})

await t.test('500 addresses of one node move at once: each to one node, and none back', async (t) => {
  const all = await claimMany(500)
  const sample = all.filter((_, at) => at % 25 === 0)
  for (const address of sample) world.wire.probe(address, 50)
  await until('no burst of the beginning is left', async () => {
    await world.wire.mark()
    await delay(1500)
    return (await world.wire.recordsOf(all)).every((records) => records.every(({ kind }) => kind !== 'announcement'))
  })
  await world.wire.mark()
  await delay(300)
  const killedMs = world.kill('n1')
  await delay(KUBELET_RESTARTS_MS)
  await world.restarted('n1')
  await delay(2500)
  const seen = await world.wire.recordsOf(all)
  const told = seen.map((records) => records.filter(({ kind }) => kind === 'announcement'))
  const first = told.map(([one]) => (one === undefined ? Infinity : one.atMs - killedMs)).toSorted((a, b) => a - b)
  t.comment(`first announcements after ${first[0]?.toFixed(0)} to ${first.at(-1)?.toFixed(0)} ms, median ${first[250]?.toFixed(0)} ms`)
  t.ok((first.at(-1) ?? Infinity) <= WITHIN_MS.kill, 'every address was announced in time')
  t.same([...new Set(told.map((list) => new Set(list.map(({ mac }) => mac)).size))], [1], 'each by one node')
  t.notOk(
    told.flat().some(({ mac }) => mac === world.macOf('n1')),
    'and never by the old one',
  )
  const reports = sample.map((address) => judgeWire(seen[all.indexOf(address)] ?? [], 50))
  t.same([...new Set(reports.map(({ moves }) => moves))], [1], 'the asked ones moved once')
  t.same([...new Set(reports.map(({ doubles }) => doubles))], [0], 'and were never answered twice')
  for (const address of sample) world.wire.still(address)
  await releaseMany(all)
})

for (const { what, env } of [
  { what: 'no key', env: { MEMBER_LIST_SECRET: '' } },
  { what: 'the key that everybody knows', env: { MEMBER_LIST_SECRET: 'openelb-speakers' } },
])
  await t.test(`speakers with ${what} do not hear one another: the readiness of their Pods decides, as slowly as it does`, async (t) => {
    for (const node of NODE_NAMES) await world.speaker(node).stop('SIGKILL')
    await world.start(NODE_NAMES, { env })
    const outcome = await play(world, {
      fault: async ({ owner }) => {
        world.kill(owner)
        await world.setReady(owner, false)
      },
      watchMs: 3000,
      mend: ({ owner }) => world.restarted(owner),
      afterMs: 2000,
    })
    holds(t, outcome, { takenWithinMs: WITHIN_MS.silence, during: { moves: 1, lost: 'any' }, after: { moves: 0 }, epoch: 2 })
  })

await t.test('one node has another key than the others: it takes nothing, and nothing moves', async (t) => {
  for (const node of NODE_NAMES) await world.speaker(node).stop('SIGKILL')
  await world.start(NODE_NAMES, {})
  const outcome = await play(world, {
    fault: async ({ others: [, last = ''] }) => {
      await world.speaker(last).stop('SIGKILL')
      await world.start([last], { env: { MEMBER_LIST_SECRET: 'another key than that of the others, by mistake' } })
    },
    watchMs: 4000,
    mend: async ({ others: [, last = ''] }) => {
      await world.speaker(last).stop('SIGKILL')
      await world.start([last], {})
    },
    afterMs: 1500,
  })
  holds(t, outcome, { during: { moves: 0 }, after: { moves: 0 }, epoch: 1 })
  for (const line of figures(outcome)) t.notMatch(line, /n3/)
})

/** Half of each family, held by one Service; n1 owns them all, and every node may. */
async function claimMany(count: number): Promise<readonly string[]> {
  await world.recover()
  for (const [at, { exec }] of world.cluster.nodes.entries()) {
    await exec(['ip', 'addr', 'add', `10.99.0.${1 + at}/16`, 'dev', 'eth0'])
    await exec(['ip', 'addr', 'add', `fd00:99::${1 + at}/64`, 'dev', 'eth0', 'nodad'])
  }
  const all = Array.from({ length: count }, (_, at) =>
    at % 2 === 0 ? `10.99.${1 + (at >> 8)}.${at & 255}` : `fd00:99::a:${(1 + at).toString(16)}`,
  )
  // As long as the only endpoint is on n1, no other node can be faster.
  await createServices(world, MANY, 'Local', ['n1'])
  const holder = { namespace: 'default', name: serviceName(MANY.IPv4), uid: 'uid-many', ports: [] }
  await inParallel(all, async (address) => {
    const spec = { address, eip: 'pool', protocol: 'layer2', interface: 'eth0', holders: [holder] }
    await createObject(world.api, ADDRESS_CLAIMS, { metadata: { name: claimName(ipOf(address)) }, spec })
  })
  await until('n1 owns them all', async () => {
    const claims = await listObjects<AddressClaimObject>(world.api, ADDRESS_CLAIMS)
    return claims.filter(({ spec, status }) => all.includes(spec.address) && status?.owner?.node === 'n1').length === count
  })
  await moveEndpoints(world, MANY, NODE_NAMES)
  return all
}

async function releaseMany(all: readonly string[]): Promise<void> {
  await inParallel(all, (address) => deleteObject(world.api, ADDRESS_CLAIMS, { name: claimName(ipOf(address)) }))
  await world.release(FAMILIES.map((family) => MANY[family]))
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values()
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (const item of queue) await work(item)
    }),
  )
}
