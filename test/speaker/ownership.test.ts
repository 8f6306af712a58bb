import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { AddressClaimStatus } from '../../src/api/address-claim.ts'
import { type Decision, decideClaim, patchFor } from '../../src/speaker/desired.ts'
import { electionOrder } from '../../src/speaker/election.ts'
import { createClaimMemory } from '../../src/speaker/memory.ts'
import { FLAP_MS } from '../../src/speaker/ownership.ts'
import { type ClusterShape, claimObject, clusterFacts, ETH0, hostFacts, ipOf } from './support/objects.ts'

const ADDRESS = '10.251.0.240' // order: n1, n3, n2
const NODES = ['n1', 'n2', 'n3']
const ownedBy = (node: string, epoch = 4): AddressClaimStatus => ({
  owner: { node, interface: 'eth0', epoch, since: '2026-01-01T00:00:00Z' },
})
const leftBy = (node: string): AddressClaimStatus => ({
  history: [{ node, epoch: 4, from: '2026-01-01T00:00:00Z', reason: 'InterfaceDown: gone' }],
})

interface Row {
  readonly name: string
  readonly self: string
  readonly status?: AddressClaimStatus
  readonly cluster?: Partial<ClusterShape>
  readonly leaving?: boolean
  readonly down?: boolean
  readonly layer2?: boolean
  /** How long ago this node has seen the same for the first time. */
  readonly sinceMs?: number
  /** `take`, `answer`, `yield <reason>` or `silent <reason>`. */
  readonly want: string
}

const LOCAL = (...nodes: string[]): Partial<ClusterShape> => ({ local: { 'default/web': nodes } })

const table: readonly Row[] = [
  { name: 'nobody owns it: the first takes it at once', self: 'n1', want: 'take' },
  { name: 'nobody owns it: the second waits', self: 'n3', want: 'silent first-choice-first' },
  { name: 'nobody owns it: the second takes it when the first did not', self: 'n3', sinceMs: 2500, want: 'take' },
  { name: 'the third waits longer than the second', self: 'n2', sinceMs: 2500, want: 'silent first-choice-first' },
  { name: 'and takes it in the end', self: 'n2', sinceMs: 4500, want: 'take' },
  {
    name: 'the first time, a speaker that still starts keeps its place',
    self: 'n3',
    cluster: { speakerNotReady: ['n1'] },
    want: 'silent first-choice-first',
  },
  { name: 'a node without a speaker has no place', self: 'n3', cluster: { noSpeaker: ['n1'] }, want: 'take' },
  { name: 'nor has one that is not Ready', self: 'n3', cluster: { notReady: ['n1'] }, want: 'take' },
  { name: 'nor an excluded one', self: 'n3', cluster: { excluded: ['n1'] }, want: 'take' },
  {
    name: 'a speaker that is not Ready itself takes nothing',
    self: 'n1',
    cluster: { speakerNotReady: ['n1'] },
    want: 'silent speaker-not-ready',
  },
  { name: 'the claim names this node', self: 'n2', status: ownedBy('n2'), want: 'answer' },
  {
    name: 'the claim names another node, which is well: it stays, whatever the order',
    self: 'n1',
    status: ownedBy('n2'),
    want: 'silent owned-elsewhere',
  },
  {
    name: 'the owner is leaving: its successor takes over at once',
    self: 'n3',
    status: ownedBy('n1'),
    cluster: { leaving: ['n1'] },
    want: 'take',
  },
  {
    name: 'the owner is leaving: the next but one waits',
    self: 'n2',
    status: ownedBy('n1'),
    cluster: { leaving: ['n1'] },
    want: 'silent first-choice-first',
  },
  {
    name: 'the owner failed: nobody waits for a speaker that is not there',
    self: 'n2',
    status: ownedBy('n1'),
    cluster: { notReady: ['n1'], speakerNotReady: ['n3'] },
    want: 'take',
  },
  { name: 'the owner is no node any more', self: 'n1', status: ownedBy('gone'), want: 'take' },
  {
    name: 'an owner whose node is not Ready goes on until another one is recorded',
    self: 'n1',
    status: ownedBy('n1'),
    cluster: { notReady: ['n1'] },
    want: 'answer',
  },
  {
    name: 'an owner whose own Pod is not Ready goes on',
    self: 'n1',
    status: ownedBy('n1'),
    cluster: { speakerNotReady: ['n1', 'n2', 'n3'] },
    want: 'answer',
  },
  { name: 'a leaving owner goes on', self: 'n1', status: ownedBy('n1'), leaving: true, cluster: { leaving: ['n1'] }, want: 'answer' },
  { name: 'a leaving speaker takes nothing', self: 'n1', leaving: true, want: 'silent leaving' },
  {
    name: 'an excluded owner goes on until another one is recorded',
    self: 'n1',
    status: ownedBy('n1'),
    cluster: { excluded: ['n1'] },
    want: 'answer',
  },
  {
    name: 'an excluded owner stops when there is no other',
    self: 'n1',
    status: ownedBy('n1'),
    cluster: { nodes: ['n1'], excluded: ['n1'] },
    want: 'yield node-excluded',
  },
  { name: 'a link that is down is silent', self: 'n1', status: ownedBy('n1'), down: true, want: 'silent interface-down' },
  {
    name: 'a link that stays down gives up',
    self: 'n1',
    status: ownedBy('n1'),
    down: true,
    sinceMs: FLAP_MS,
    want: 'yield interface-down',
  },
  { name: 'layer 2 was switched off', self: 'n1', status: ownedBy('n1'), layer2: false, want: 'yield layer2-off' },
  { name: 'a node that cannot serve takes nothing', self: 'n1', down: true, want: 'silent interface-down' },
  { name: 'the node that just gave up is passed over', self: 'n3', status: leftBy('n1'), want: 'take' },
  { name: 'it may take the address again when it can', self: 'n1', status: leftBy('n1'), want: 'take' },
  { name: 'Local: only nodes with an endpoint', self: 'n1', cluster: LOCAL('n2'), want: 'silent no-ready-endpoint' },
  { name: 'Local: the one with an endpoint is first', self: 'n2', cluster: LOCAL('n2'), want: 'take' },
  { name: 'Local: the endpoint moved: its node takes over', self: 'n2', status: ownedBy('n1'), cluster: LOCAL('n2'), want: 'take' },
  {
    name: 'Local: the endpoint moved: the owner goes on meanwhile',
    self: 'n1',
    status: ownedBy('n1'),
    cluster: LOCAL('n2'),
    want: 'answer',
  },
  {
    name: 'Local: no endpoint anywhere: the owner stops',
    self: 'n1',
    status: ownedBy('n1'),
    cluster: LOCAL(),
    want: 'yield no-ready-endpoint',
  },
  { name: 'its Service is not seen yet', self: 'n1', cluster: { unknown: ['default/web'] }, want: 'silent facts-incomplete' },
  {
    name: 'Local: endpoints not read yet: nobody takes',
    self: 'n1',
    cluster: { local: { 'default/web': undefined } },
    want: 'silent facts-incomplete',
  },
  {
    name: 'Local: endpoints not read yet: the owner goes on',
    self: 'n1',
    status: ownedBy('n1'),
    cluster: { local: { 'default/web': undefined } },
    want: 'answer',
  },
]

function decide(row: Row): Decision {
  const memory = createClaimMemory()
  const claim = claimObject(ADDRESS, {}, row.status)
  const facts = {
    self: row.self,
    leaving: row.leaving ?? false,
    layer2: row.layer2 ?? true,
    cluster: clusterFacts({ nodes: NODES, ...row.cluster }),
    host: hostFacts([{ ...ETH0, up: row.down !== true }]),
    nowMs: 1000,
  }
  decideClaim(claim, facts, memory)
  return decideClaim(claim, { ...facts, nowMs: 1000 + (row.sinceMs ?? 0) }, memory)
}

for (const row of table) {
  t.test(`${row.self}: ${row.name}`, async (t) => {
    const { ownership } = decide(row)
    t.equal('reason' in ownership ? `${ownership.kind} ${ownership.reason}` : ownership.kind, row.want)
  })
}

t.test('whoever waits says when to look again', async (t) => {
  const { ownership } = decide({ name: '', self: 'n3', sinceMs: 500, want: '' })
  if (ownership.kind !== 'silent' || ownership.wakeInMs === undefined) return void t.fail(ownership.kind)
  t.ok(ownership.wakeInMs >= 1500 && ownership.wakeInMs < 2000, `${ownership.wakeInMs} ms`)
})

/**
 * A model of a cluster: nodes fail and come back, each looks at its own time, and the API server keeps one claim and compares versions.
 * Every node sees the newest claim when it writes, or loses.
 */
t.test('in any order of events: one owner at most, and an owner whenever a node can be one', async (t) => {
  const events = fc.array(
    fc.record(
      {
        node: fc.constantFrom(...NODES),
        event: fc.constantFrom('ready', 'fail', 'cable', 'look', 'look', 'look', 'stale'),
        passMs: fc.nat(3000),
      },
      { noNullPrototype: true },
    ),
    { minLength: 1, maxLength: 60 },
  )
  fc.assert(
    fc.property(events, (history) => {
      const world = createWorld()
      for (const { node, event, passMs } of history) world.step(node, event, passMs)
      const epochBefore = world.epoch()
      // Then nothing happens any more: within the patience of all ranks somebody owns it, if anybody can.
      for (let round = 0; round < 40; round++) for (const node of NODES) world.step(node, 'look', 200)
      const able = NODES.filter((node) => world.isReady(node) && world.hasCable(node))
      const owner = world.owner()
      if (able.length > 0) assert(owner !== undefined && world.hasCable(owner), `owner ${owner} of ${able.join()}`)
      assert(world.epoch() >= epochBefore)
      const settled = world.epoch()
      for (let round = 0; round < 40; round++) for (const node of NODES) world.step(node, 'look', 200)
      assert.equal(world.epoch(), settled, 'and then nothing moves')
    }),
    { numRuns: 150 },
  )
  t.pass('150 histories')
})

function createWorld() {
  let nowMs = 0
  let version = 1
  let status: AddressClaimStatus = {}
  const failed = new Set<string>()
  const unplugged = new Set<string>()
  const memories = new Map(NODES.map((node) => [node, createClaimMemory()]))
  const claimNow = () => {
    const claim = claimObject(ADDRESS, {}, status)
    return { ...claim, metadata: { ...claim.metadata, resourceVersion: String(version) } }
  }
  let seenLong = claimNow()
  const look = (self: string, claim: ReturnType<typeof claimNow>) => {
    const cluster = clusterFacts({ nodes: NODES, speakerNotReady: [...failed] })
    const facts = { self, leaving: false, layer2: true, cluster, host: hostFacts([{ ...ETH0, up: !unplugged.has(self) }]), nowMs }
    const own = memories.get(self)
    assert(own)
    const patch = patchFor(claim, decideClaim(claim, facts, own), self, new Date(nowMs).toISOString())
    // The API server: another version means that somebody was faster.
    if (patch === undefined || patch.metadata.resourceVersion !== String(version)) return
    const { owner, ...rest } = { ...status, ...patch.status }
    status = owner === undefined || owner === null ? rest : { ...rest, owner }
    version++
  }
  const toggle = (set: Set<string>, node: string) => void (set.delete(node) || set.add(node))
  return {
    step(node: string, event: string, passMs: number) {
      nowMs += passMs
      if (event === 'ready') failed.delete(node)
      else if (event === 'fail') failed.add(node)
      else if (event === 'cable') toggle(unplugged, node)
      else if (event === 'stale') look(node, seenLong)
      else if (!failed.has(node)) look(node, claimNow())
      if (event !== 'look') seenLong = claimNow()
    },
    owner: () => status.owner?.node,
    epoch: () => Math.max(0, status.owner?.epoch ?? 0, ...(status.history ?? []).map(({ epoch }) => epoch)),
    isReady: (node: string) => !failed.has(node),
    hasCable: (node: string) => !unplugged.has(node),
  }
}

t.test('a leaver moves only its own addresses', async (t) => {
  const addresses = Array.from({ length: 50 }, (_, at) => `10.251.1.${at}`)
  const ownerAfter = (address: string, before: string | undefined, cluster: Partial<ClusterShape>) => {
    const status = before === undefined ? undefined : ownedBy(before)
    const takers = NODES.filter((self) => {
      const claim = claimObject(address, {}, status)
      const facts = { self, leaving: false, layer2: true, cluster: clusterFacts({ nodes: NODES, ...cluster }), host: hostFacts(), nowMs: 0 }
      return decideClaim(claim, facts, createClaimMemory()).ownership.kind === 'take'
    })
    t.ok(takers.length <= 1, 'one taker at most')
    return takers[0] ?? before
  }
  const first = addresses.map((address) => ownerAfter(address, undefined, {}))
  const second = addresses.map((address, at) => ownerAfter(address, first[at], { leaving: ['n2'] }))
  for (const [at, address] of addresses.entries()) {
    const order = electionOrder(NODES, address)
    t.equal(first[at], order[0])
    t.equal(second[at], first[at] === 'n2' ? order[1] : first[at])
  }
  const back = addresses.map((address, at) => ownerAfter(address, second[at], {}))
  t.same(back, second, 'and a node that comes back moves nothing')
})

t.test('the address of this node itself is left to its kernel', async (t) => {
  const own = { ...ETH0, addresses: [ipOf(ADDRESS)] }
  const facts = { self: 'n1', leaving: false, layer2: true, cluster: clusterFacts({ nodes: NODES }), host: hostFacts([own]), nowMs: 0 }
  t.match(decideClaim(claimObject(ADDRESS), facts, createClaimMemory()).ownership, { kind: 'silent', reason: 'address-is-local' })
  const ipvs = { ...facts, host: hostFacts([ETH0, { ...ETH0, index: 9, name: 'kube-ipvs0', up: false, addresses: [ipOf(ADDRESS)] }]) }
  t.equal(decideClaim(claimObject(ADDRESS), ipvs, createClaimMemory()).ownership.kind, 'take', "kube-proxy's own interface is no reason")
})
