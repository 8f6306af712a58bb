import t from 'tap'
import type { AddressClaimStatus } from '../../src/api/address-claim.ts'
import { electorateOf } from '../../src/speaker/facts.ts'
import type { Member, MembershipFacts } from '../../src/speaker/membership/facts.ts'
import type { Ownership } from '../../src/speaker/ownership.ts'
import { isReporter, isUnreported, reportOf, reportVacancy } from '../../src/speaker/report.ts'
import type { Silence } from '../../src/speaker/silence.ts'
import { ADDRESS, NODES } from './support/contest.ts'
import { type ClusterShape, claimObject, clusterFacts } from './support/objects.ts'

const LONG_MS = 60_000
const silent = (reason: Silence): Ownership => ({ kind: 'silent', reason })
const OWNED: AddressClaimStatus = { owner: { node: 'n1', interface: 'eth0', epoch: 4, since: '2026-01-01T00:00:00Z' } }

const member = (alive: boolean): Member => ({
  alive,
  serving: alive,
  leaving: false,
  lastSignMs: undefined,
  fault: alive ? undefined : 'silent',
})
const hears = (...heard: readonly string[]): MembershipFacts => ({
  settled: true,
  members: new Map(NODES.map((node) => [node, member(heard.includes(node))])),
})

interface Given {
  readonly reason: Silence
  readonly status?: AddressClaimStatus
  readonly cluster?: Partial<ClusterShape>
  readonly sinceMs?: number
}

function report({ reason, status, cluster, sinceMs = LONG_MS }: Given) {
  const claim = claimObject(ADDRESS, {}, status)
  const facts = clusterFacts({ nodes: NODES, ...cluster })
  return reportOf(claim, silent(reason), electorateOf(claim, facts), facts, sinceMs)
}

t.test('nobody owns the address', async (t) => {
  t.match(report({ reason: 'node-excluded', cluster: { excluded: NODES }, sinceMs: 0 }), { status: 'False', reason: 'NoEligibleNode' })
  t.match(report({ reason: 'interface-down' }), {
    status: 'False',
    reason: 'NobodyAnswers',
    message: /^3 nodes may answer and none did; .*carrier/,
  })
  t.match(report({ reason: 'bad-claim', sinceMs: 0 }), { status: 'False', reason: 'BadClaim' })
  t.match(report({ reason: 'protocol-not-served', sinceMs: 0 }), { type: 'ProtocolNotServed', status: 'True' })
  t.equal(report({ reason: 'membership-unsettled' }), undefined, 'a speaker that only starts knows nothing')
  t.equal(report({ reason: 'facts-incomplete', cluster: { unknown: ['default/web'] } }), undefined)
})

t.test('each reason why no node may answer is in the message', async (t) => {
  const cluster = { notReady: ['n1'], excluded: ['n2'], noSpeaker: ['n3'] }
  const message = report({ reason: 'node-excluded', cluster })?.message ?? ''
  t.match(message, 'n1: the node is not Ready')
  t.match(message, /n2: the node carries the label/)
  t.match(message, 'n3: no speaker Pod runs on the node')
})

t.test('the queue is waited for: longer where the Pods say who is alive', async (t) => {
  t.equal(report({ reason: 'interface-down', sinceMs: 6000 }), undefined)
  t.not(report({ reason: 'interface-down', sinceMs: 6500 }), undefined)
  const cluster = { membership: hears(...NODES) }
  t.equal(report({ reason: 'interface-down', sinceMs: 1500, cluster }), undefined)
  t.not(report({ reason: 'interface-down', sinceMs: 1625, cluster }), undefined)
})

t.test('the owner is gone and too few are heard to take over', async (t) => {
  const cluster = { notReady: ['n1', 'n2'], membership: hears('n3') }
  t.match(report({ reason: 'no-quorum', status: OWNED, cluster }), {
    type: 'Announced',
    status: 'Unknown',
    reason: 'NoQuorum',
    message:
      /^node n1 has the address and is gone \(the node is not Ready\); nobody took over: one node may answer and does not: .*port 7946/,
  })
  t.equal(report({ reason: 'no-quorum', status: OWNED, cluster, sinceMs: 100 }), undefined)
  t.match(report({ reason: 'node-excluded', status: OWNED, cluster: { ...cluster, excluded: ['n3'] } }), {
    status: 'Unknown',
    reason: 'NoEligibleNode',
  })
})

t.test('an owner that may be well is not called gone', async (t) => {
  const silentOnly = { membership: hears('n3') }
  t.equal(report({ reason: 'no-quorum', status: OWNED, cluster: silentOnly }), undefined, 'the API server knows nothing against it')
  const heard = { notReady: ['n1'], membership: hears('n1', 'n3') }
  t.equal(report({ reason: 'no-quorum', status: OWNED, cluster: heard }), undefined, 'it is heard')
  t.equal(report({ reason: 'interface-down', status: OWNED, cluster: { notReady: ['n1'] } }), undefined, 'it may write this itself')
  t.equal(report({ reason: 'interface-down', status: OWNED }), undefined, 'it is eligible')
})

t.test('without membership: a node, or a speaker, that is no more', async (t) => {
  t.match(report({ reason: 'interface-down', status: OWNED, cluster: { noSpeaker: ['n1'] } }), {
    status: 'Unknown',
    reason: 'InterfaceDown',
  })
  t.match(report({ reason: 'interface-down', status: OWNED, cluster: { nodes: ['n2', 'n3'] } }), {
    status: 'Unknown',
    reason: 'InterfaceDown',
  })
})

t.test('only silence is reported', async (t) => {
  const claim = claimObject(ADDRESS)
  const facts = clusterFacts({ nodes: NODES })
  t.equal(
    reportOf(claim, { kind: 'release', epoch: 1, recorded: true, reason: 'interface-down' }, electorateOf(claim, facts), facts, LONG_MS),
    undefined,
  )
})

t.test('what has an age of its own: each owner, and nobody', async (t) => {
  t.equal(reportVacancy(claimObject(ADDRESS)), 'unowned')
  t.equal(reportVacancy(claimObject(ADDRESS, {}, OWNED)), 'gone/n1/4')
})

t.test('time alone may make it worth a report, until it is said', async (t) => {
  const said = {
    type: 'Announced',
    status: 'False',
    reason: 'NobodyAnswers',
    message: 'so',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  } as const
  t.ok(isUnreported(claimObject(ADDRESS), silent('interface-down')))
  t.notOk(isUnreported(claimObject(ADDRESS), silent('protocol-not-served')))
  t.notOk(isUnreported(claimObject(ADDRESS, {}, OWNED), silent('interface-down')))
  t.notOk(isUnreported(claimObject(ADDRESS, {}, { conditions: [said] }), silent('interface-down')))
})

t.test('one node reports: the first of the order whose speaker is up', async (t) => {
  const reporters = (cluster: Partial<ClusterShape>) =>
    NODES.filter((node) => isReporter(node, ADDRESS, clusterFacts({ nodes: NODES, ...cluster })))
  t.same(reporters({}), ['n1'])
  t.same(reporters({ speakerNotReady: ['n1'] }), ['n3'])
  t.same(reporters({ membership: hears('n2', 'n3') }), ['n3'])
})
