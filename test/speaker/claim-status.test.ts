import t from 'tap'
import { AddressClaim, type AddressClaimStatus } from '../../src/api/address-claim.ts'
import { lastOwnerOf, nextEpoch, reportPatch, type StatusPatch, takePatch, yieldPatch } from '../../src/speaker/claim-status.ts'
import { type Decision, decideClaim, desired, patchFor, type SpeakerFacts } from '../../src/speaker/desired.ts'
import { electionOrder } from '../../src/speaker/election.ts'
import { createClaimMemory } from '../../src/speaker/memory.ts'
import { type ClusterShape, claimObject, clusterFacts, ETH0, hostFacts } from './support/objects.ts'

const NOW = '2026-11-21T02:00:00.000Z'
const N1 = { node: 'n1', interface: 'eth0' }
const owned: AddressClaimStatus = { owner: { node: 'n2', interface: 'eth1', epoch: 4, since: '2026-01-01T00:00:00Z' } }

t.test('the first owner has epoch 1 and no history', async (t) => {
  t.same(takePatch(claimObject('10.0.0.1'), N1, undefined, NOW), {
    metadata: { resourceVersion: '1' },
    status: {
      owner: { ...N1, epoch: 1, since: NOW },
      history: [],
      conditions: [
        {
          type: 'Announced',
          status: 'True',
          reason: 'Announced',
          message: 'node n1 answers for the address on eth0',
          lastTransitionTime: NOW,
        },
      ],
    },
  })
})

t.test('a take-over closes the previous ownership with its reason', async (t) => {
  const { status } = takePatch(claimObject('10.0.0.1', {}, owned), N1, 'speaker-leaving', NOW)
  t.equal(status.owner?.epoch, 5)
  t.same(status.history, [
    {
      node: 'n2',
      epoch: 4,
      from: '2026-01-01T00:00:00Z',
      until: NOW,
      reason: 'SpeakerLeaving: the speaker Pod on the node is being deleted',
    },
  ])
})

t.test('giving up removes the owner, says why, and the next epoch is still higher', async (t) => {
  const claim = claimObject('10.0.0.1', {}, owned)
  const { status } = yieldPatch(claim, 'interface-down', NOW)
  t.equal(status.owner, null)
  t.match(status.conditions, [{ type: 'Announced', status: 'False', reason: 'InterfaceDown' }])
  const after = claimObject('10.0.0.1', {}, { history: status.history ?? [] })
  t.equal(nextEpoch(after), 5)
  t.equal(lastOwnerOf(after), 'n2')
  t.equal(lastOwnerOf(claim), undefined)
})

t.test('an owner that answers on another interface now says so, and nothing else changes', async (t) => {
  const facts = factsOf({ self: 'n2' }, 0)
  const patch = (on: string) => {
    const claim = claimObject(ADDRESS, {}, { owner: { node: 'n2', interface: on, epoch: 4, since: '2026-01-01T00:00:00Z' } })
    return patchFor(claim, decideClaim(claim, facts, createClaimMemory()), 'n2', NOW)
  }
  t.equal(patch('eth0'), undefined)
  const { status } = patch('eth1') ?? {}
  t.same(status?.owner, { node: 'n2', interface: 'eth0', epoch: 4, since: '2026-01-01T00:00:00Z' })
  t.match(status?.conditions, [{ type: 'Announced', status: 'True', message: 'node n2 answers for the address on eth0' }])
  t.equal(status?.history, undefined)
})

t.test('a claim whose Eip became layer2 no longer says that its protocol is not served', async (t) => {
  const words = { status: 'True', reason: 'ProtocolNotServed', message: 'protocol bgp', lastTransitionTime: NOW } as const
  const other = { type: 'AddressConflict', ...words, status: 'False' } as const
  const before = claimObject('10.0.0.1', {}, { conditions: [{ type: 'ProtocolNotServed', ...words }, other] })
  const types = (patch: StatusPatch | undefined) => patch?.status.conditions?.map(({ type }) => type)
  t.same(types(takePatch(before, N1, undefined, NOW)), ['AddressConflict', 'Announced'])
  const report = { type: 'Announced', status: 'False', reason: 'NoEligibleNode', message: 'no node may answer' } as const
  t.same(types(reportPatch(before, report, NOW)), ['AddressConflict', 'Announced'])
  const said = claimObject('10.0.0.1', {}, { conditions: [{ ...report, lastTransitionTime: NOW }] })
  t.equal(reportPatch(said, report, NOW), undefined, 'nothing to write')
})

t.test('the history keeps the last eight', async (t) => {
  let claim = claimObject('10.0.0.1')
  for (let turn = 0; turn < 20; turn++) {
    const { status } = takePatch(claim, { node: `n${turn}`, interface: 'eth0' }, 'node-not-ready', NOW)
    const { owner, history = [] } = status
    claim = claimObject('10.0.0.1', {}, { history, ...(owner ? { owner } : {}) })
  }
  t.equal(claim.status?.owner?.epoch, 20)
  t.same(
    claim.status?.history?.map(({ epoch }) => epoch),
    [12, 13, 14, 15, 16, 17, 18, 19],
  )
  t.equal(AddressClaim.plural, 'addressclaims')
})

const NODES = ['n1', 'n2', 'n3']
const ADDRESS = '10.251.0.240'
const [FIRST = '', SECOND = ''] = electionOrder(NODES, ADDRESS)

interface Situation {
  readonly claim?: ReturnType<typeof claimObject>
  readonly self?: string
  readonly cluster?: Partial<ClusterShape>
  readonly layer2?: boolean
  readonly down?: boolean
  readonly leaving?: boolean
}

const factsOf = ({ self = FIRST, cluster, layer2 = true, down = false, leaving = false }: Situation, nowMs: number): SpeakerFacts => ({
  self,
  leaving,
  layer2,
  cluster: clusterFacts({ nodes: NODES, ...cluster }),
  host: hostFacts([{ ...ETH0, up: !down }]),
  nowMs,
})

function reportAfter(ms: number, situation: Situation): Decision['report'] {
  const memory = createClaimMemory()
  const claim = situation.claim ?? claimObject(ADDRESS)
  decideClaim(claim, factsOf(situation, 0), memory)
  return decideClaim(claim, factsOf(situation, ms), memory).report
}

t.test('an address that nobody announces is reported, by one node, once', async (t) => {
  const vip = claimObject(ADDRESS, { protocol: 'vip' })
  const notServed = reportAfter(0, { claim: vip })
  t.match(notServed, { type: 'ProtocolNotServed', status: 'True', reason: 'ProtocolNotServed', message: /^protocol vip: / })
  t.equal(reportAfter(0, { claim: vip, self: SECOND }), undefined, 'by the first in the order of the address')
  if (notServed === undefined) return
  const said = claimObject(ADDRESS, { protocol: 'vip' }, { conditions: [{ ...notServed, lastTransitionTime: NOW }] })
  t.equal(reportAfter(0, { claim: said }), undefined, 'not again')

  t.match(reportAfter(0, { claim: claimObject('fd00::g'), self: electionOrder(NODES, 'fd00::g')[0] ?? '' }), { reason: 'BadClaim' })
  const ipv6 = { claim: claimObject('fd00::1'), self: electionOrder(NODES, 'fd00::1')[0] ?? '' }
  t.match(reportAfter(7000, ipv6), { reason: 'NobodyAnswers', message: /the interface has IPv6 switched off/ })
  const nobody = reportAfter(0, { cluster: { excluded: NODES } })
  t.match(nobody, { type: 'Announced', status: 'False', reason: 'NoEligibleNode' })
  t.match(nobody?.message, /^no node may answer: n1: the node carries the label .*, n2: /)
  t.equal(reportAfter(6000, { down: true }), undefined, 'while a place in the queue may still take it')
  t.match(reportAfter(7000, { down: true }), { reason: 'NobodyAnswers', message: /3 nodes may answer and none did; .*no carrier/ })
  t.equal(reportAfter(7000, { down: true, leaving: true }), undefined)
  t.equal(reportAfter(7000, {}), undefined, 'this node takes it')
  t.equal(reportAfter(7000, { down: true, claim: claimObject(ADDRESS, {}, owned) }), undefined, 'owned')
})

t.test('a message names five nodes and counts the rest', async (t) => {
  const nodes = Array.from({ length: 9 }, (_, at) => `n${at}`)
  const self = electionOrder(nodes, ADDRESS)[0] ?? ''
  t.match(reportAfter(0, { self, cluster: { nodes, excluded: nodes } })?.message, /n4: [^,]*, and 4 more nodes$/)
})

t.test('the whole set: lines, decisions and when to look again', async (t) => {
  const claims = [
    claimObject('10.251.0.240', {}, { owner: { node: 'n1', interface: 'eth0', epoch: 7, since: NOW } }),
    claimObject('10.251.0.241', {}, { owner: { node: 'n2', interface: 'eth0', epoch: 1, since: NOW } }),
    claimObject('10.251.0.242'),
    claimObject('255.255.255.254', {}, { owner: { node: 'n1', interface: 'eth0', epoch: 1, since: NOW } }),
  ]
  const facts = factsOf({ self: 'n1' }, 0)
  const wanted = desired(claims, { ...facts, host: { ...facts.host, linkUps: new Map([[2, 3]]) } }, createClaimMemory())
  const eth0 = { index: 2, name: 'eth0', mac: ETH0.mac }
  t.same(wanted.layer2, [
    { text: '10.251.0.240', address: 0x0afb00f0, interface: eth0, burst: '7 02:00:00:00:00:01 3' },
    { text: '255.255.255.254', address: 0xfffffffe, interface: eth0, burst: '1 02:00:00:00:00:01 3' },
  ])
  t.same(
    [...wanted.decisions.keys()],
    claims.map(({ metadata }) => metadata.name),
  )
  t.ok(wanted.wakeInMs !== undefined && wanted.wakeInMs >= 2000 && wanted.wakeInMs < 2500, 'n1 is second for .242')
  const settled = desired(claims.slice(0, 2), facts, createClaimMemory())
  t.equal(settled.wakeInMs, undefined)
  t.ok(
    [...settled.decisions.values()].every((decision) => patchFor(claims[0] ?? claimObject('10.0.0.1'), decision, 'n1', NOW) === undefined),
    'nothing to write',
  )
})
