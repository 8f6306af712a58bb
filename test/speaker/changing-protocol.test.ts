/** An address whose Eip changes between layer 2 and BGP, as the logic of layer 2 sees it. */
import t from 'tap'
import type { AddressClaimStatus } from '../../src/api/address-claim.ts'
import { isStaying } from '../../src/policy/eligibility.ts'
import { createConflicts } from '../../src/speaker/conflicts.ts'
import { decideClaim, type SpeakerFacts } from '../../src/speaker/desired.ts'
import { createClaimMemory } from '../../src/speaker/memory.ts'
import { reportOf } from '../../src/speaker/report.ts'
import { createWords } from '../../src/speaker/words.ts'
import { routeNode } from './routes/support.ts'
import { claimObject, clusterFacts, hostFacts } from './support/objects.ts'

const ADDRESS = '10.251.0.240'
const owner = (node: string, on = 'eth0') => ({ node, interface: on, epoch: 3, since: '2026-01-01T00:00:00Z' })
const announcers = [{ node: 'n3', protocol: 'bgp', since: '' } as const]

const facts: SpeakerFacts = {
  self: 'n1',
  leaving: false,
  layer2: true,
  subnetCheck: true,
  nodeAddress: undefined,
  cluster: clusterFacts({ nodes: ['n1', 'n2', 'n3'] }),
  host: hostFacts(),
  quorum: 'alone',
  isBroken: () => false,
  rebalance: undefined,
  nowMs: 0,
  wallMs: 0,
}

function decided(status?: AddressClaimStatus) {
  const { interface: _none, ...claim } = claimObject(ADDRESS, { protocol: 'bgp' }, status).spec
  const knowledge = { memory: createClaimMemory(), words: createWords('n1'), conflicts: createConflicts() }
  return decideClaim({ ...claimObject(ADDRESS, {}, status), spec: claim }, facts, knowledge)
}

t.test('an address of BGP finds no owner, and nobody complains', async (t) => {
  const decision = decided()
  t.match(decision.ownership, { kind: 'silent', reason: 'other-protocol' })
  t.equal(decision.report, undefined)
})

t.test('its owner of before answers on where it did, until somebody announces it', async (t) => {
  t.match(decided({ owner: owner('n1') }).ownership, { kind: 'answer', epoch: 3, ability: { interface: { name: 'eth0' } } })
  t.match(decided({ owner: owner('n1'), announcers }).ownership, { kind: 'release', epoch: 3, reason: 'other-protocol' })
  t.match(
    decided({ owner: owner('n1', 'eth9') }).ownership,
    { kind: 'silent', reason: 'interface-missing' },
    'where it cannot, it does not',
  )
})

t.test('nobody else takes it from an owner, well or gone', async (t) => {
  t.equal(decided({ owner: owner('n2') }).ownership.kind, 'silent')
  t.equal(decided({ owner: owner('gone') }).ownership.kind, 'silent')
  const gone = claimObject(ADDRESS, { protocol: 'bgp' }, { owner: owner('gone') })
  const electorate = { complete: true, eligibility: () => ({ eligible: true }) as const, weightOf: () => 0 }
  t.equal(reportOf(gone, { kind: 'silent', reason: 'other-protocol' }, electorate, facts.cluster, 1e9), undefined)
})

t.test('a speaker comes back on a node that stays', async (t) => {
  const node = routeNode('n1')
  t.ok(isStaying(node))
  t.notOk(isStaying(undefined))
  t.notOk(isStaying({ ...node, spec: { unschedulable: true } }), 'cordoned')
  t.notOk(isStaying({ ...node, metadata: { ...node.metadata, deletionTimestamp: 'now' } }))
  t.notOk(isStaying(routeNode('n1', { ready: false })))
  const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }]
  t.notOk(isStaying({ ...node, spec: { taints } }))
})
