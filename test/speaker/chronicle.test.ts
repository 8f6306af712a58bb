import t from 'tap'
import { createChronicle } from '../../src/speaker/chronicle.ts'
import { createClaimEvents } from '../../src/speaker/claim-events.ts'
import type { StatusPatch } from '../../src/speaker/claim-status.ts'
import type { Decision, SpeakerFacts } from '../../src/speaker/desired.ts'
import type { Ownership } from '../../src/speaker/ownership.ts'
import { claimObject, clusterFacts, ETH0, hostFacts, ipOf } from './support/objects.ts'

const NODES = ['n1', 'n2', 'n3']
const dead = { alive: false, serving: false, leaving: false, lastSignMs: 1000, fault: 'silent' } as const
const facts: SpeakerFacts = {
  self: 'n1',
  leaving: false,
  layer2: true,
  subnetCheck: true,
  nodeAddress: undefined,
  cluster: clusterFacts({ nodes: NODES, membership: { settled: true, members: new Map([['n2', dead]]) } }),
  host: hostFacts(),
  quorum: 'majority',
  isBroken: () => false,
  rebalance: undefined,
  nowMs: 1045,
  wallMs: 0,
}
const ability = { ip: ipOf('10.0.0.1'), interface: { ...ETH0, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) } }
const take = (first: 'announce' | 'record'): Ownership => ({ kind: 'take', ability, epoch: 5, departure: 'speaker-silent', first })
const decision = (ownership: Ownership): Decision => ({
  ownership,
  present: { node: 'n2', epoch: 4, state: 'held', recorded: true },
  report: undefined,
})
const CLAIM = claimObject('10.0.0.1')
const owned = (node: string, epoch = 5): StatusPatch => ({
  metadata: { resourceVersion: '1' },
  status: { owner: { node, interface: 'eth0', epoch, since: '2026-01-01T00:00:00Z' } },
})

function chronicling() {
  const told: string[] = []
  const events = createClaimEvents({
    self: 'n1',
    recorder: {
      record: (about, { reason, message }) => void told.push(`${about.kind} ${about.metadata.name} ${reason} ${message}`),
      close: async () => undefined,
    },
    eipUid: (name) => (name === 'pool' ? 'uid-pool' : undefined),
  })
  const chronicle = createChronicle({
    self: 'n1',
    journal: { decided: () => undefined, wrote: () => undefined, forget: () => undefined },
    counts: { moved: (reason) => told.push(`moved ${reason}`), failedOver: (ms) => told.push(`${ms} ms`), conflicts: () => undefined },
    events,
  })
  return { chronicle, told }
}
const TAKEN = ['Service web SetBalancer success to add nexthops [n1]', 'Eip pool ConfigSpeaker config openelb layer2 speaker successfully']

t.test('a take-over that is announced first is counted then, and told as an Event when it is recorded', async (t) => {
  const { chronicle, told } = chronicling()
  chronicle.decided(CLAIM, decision(take('announce')), facts)
  t.same(told, ['moved speaker-silent', '45 ms'])
  const answer: Ownership = { kind: 'answer', ability, epoch: 5, recorded: false }
  chronicle.decided(CLAIM, decision(answer), facts)
  chronicle.written(CLAIM, decision(answer), owned('n1'), facts)
  t.same(told.slice(2), TAKEN)
})

t.test('one that is recorded first is counted with the record, and the Eip is told once', async (t) => {
  const { chronicle, told } = chronicling()
  chronicle.decided(CLAIM, decision(take('record')), facts)
  t.same(told, [])
  chronicle.written(CLAIM, decision(take('record')), owned('n1'), facts)
  t.same(told, ['moved speaker-silent', '45 ms', ...TAKEN])
  chronicle.written(CLAIM, decision(take('record')), owned('n1', 6), facts)
  t.equal(told.filter((text) => text.startsWith('Eip')).length, 1)
  const { length } = told
  const own = claimObject('10.0.0.1', {}, { owner: { node: 'n1', interface: 'eth1', epoch: 6, since: '2026-01-01T00:00:00Z' } })
  chronicle.written(own, decision({ kind: 'answer', ability, epoch: 6, recorded: true }), owned('n1', 6), facts)
  t.equal(told.length, length, 'another interface is no other owner')
})

t.test('an address that goes is told by whoever had it', async (t) => {
  const { chronicle, told } = chronicling()
  chronicle.removed(CLAIM, false)
  t.same(told, [])
  chronicle.removed(CLAIM, true)
  t.same(told, ['Service web DelBalancer success to withdraw announcement for service'])
})
