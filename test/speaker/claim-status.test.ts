import t from 'tap'
import { AddressClaim, type AddressClaimStatus } from '../../src/api/address-claim.ts'
import {
  announcedPatch,
  probingPatch,
  recordOf,
  releasePatch,
  reportPatch,
  type StatusPatch,
  type Tenure,
  takePatch,
} from '../../src/speaker/claim-status.ts'
import { claimObject } from './support/objects.ts'

const NOW = '2026-11-21T02:00:00.000Z'
const N1 = { node: 'n1', interface: 'eth0' }
const tenure = (over: Partial<Tenure> = {}): Tenure => ({ ...N1, epoch: 1, since: NOW, departure: undefined, ...over })
const owned: AddressClaimStatus = { owner: { node: 'n2', interface: 'eth1', epoch: 4, since: '2026-01-01T00:00:00Z' } }

t.test('the first owner has epoch 1 and no history', async (t) => {
  t.same(takePatch(claimObject('10.0.0.1'), tenure(), NOW), {
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
  const began = '2026-11-21T01:59:59.950Z'
  const { status } = takePatch(claimObject('10.0.0.1', {}, owned), tenure({ epoch: 5, since: began, departure: 'speaker-leaving' }), NOW)
  t.same(status.owner, { ...N1, epoch: 5, since: began }, 'since it was announced, not since it was written')
  t.same(status.history, [
    {
      node: 'n2',
      epoch: 4,
      from: '2026-01-01T00:00:00Z',
      until: NOW,
      reason: 'SpeakerLeaving: the speaker on the node is shutting down',
    },
  ])
})

t.test('giving up removes the owner, says why, and the epoch is kept', async (t) => {
  const claim = claimObject('10.0.0.1', {}, owned)
  const { status } = releasePatch(claim, tenure({ node: 'n2', epoch: 4 }), 'interface-down', NOW)
  t.equal(status.owner, null)
  t.match(status.conditions, [{ type: 'Announced', status: 'False', reason: 'InterfaceDown', message: /^node n2 gave the address up: / }])
  const after = claimObject('10.0.0.1', {}, { history: status.history ?? [] })
  t.same(recordOf(after), { node: 'n2', epoch: 4, state: 'released', recorded: true })
  t.same(recordOf(claim), { node: 'n2', epoch: 4, state: 'held', recorded: true })
  t.equal(recordOf(claimObject('10.0.0.1')), undefined)
})

t.test('a time as the owner that began and ended while nothing could be written is written as a whole', async (t) => {
  const began = '2026-11-21T01:00:00.000Z'
  const unwritten = tenure({ epoch: 5, since: began, departure: 'speaker-silent' })
  const { status } = releasePatch(claimObject('10.0.0.1', {}, owned), unwritten, 'interface-down', NOW)
  t.match(status.history, [
    { node: 'n2', epoch: 4, reason: /^SpeakerSilent: / },
    { node: 'n1', epoch: 5, from: began, until: NOW, reason: /^InterfaceDown: / },
  ])
  const full = Array.from({ length: 8 }, (_, at) => ({ node: 'n3', epoch: at, from: began, until: NOW, reason: 'x' }))
  t.equal(releasePatch(claimObject('10.0.0.1', {}, { history: full }), unwritten, 'interface-down', NOW).status.history?.length, 8)
})

t.test('an owner that answers on another interface now says so, and nothing else changes', async (t) => {
  const said = { type: 'Announced', status: 'True', reason: 'Announced', message: 'x', lastTransitionTime: NOW } as const
  const claim = claimObject('10.0.0.1', {}, { ...owned, conditions: [said] })
  t.equal(announcedPatch(claim, 'eth1', NOW), undefined)
  t.match(
    announcedPatch(claimObject('10.0.0.1', {}, owned), 'eth1', NOW)?.status.conditions,
    [{ status: 'True' }],
    'the condition alone is missing',
  )
  const { status } = announcedPatch(claim, 'eth0', NOW) ?? {}
  t.same(status?.owner, { node: 'n2', interface: 'eth0', epoch: 4, since: '2026-01-01T00:00:00Z' })
  t.match(status?.conditions, [{ type: 'Announced', status: 'True', message: 'node n2 answers for the address on eth0' }])
  t.equal(status?.history, undefined)
})

t.test('a claim that is probed is Probing, and Active with its first owner', async (t) => {
  const probed = claimObject('10.0.0.1', { probe: true })
  t.same(probingPatch(probed), { metadata: { resourceVersion: '1' }, status: { phase: 'Probing' } })
  t.equal(probingPatch(claimObject('10.0.0.1', { probe: true }, { phase: 'Probing' })), undefined)
  t.equal(takePatch(probed, tenure(), NOW).status.phase, 'Active')
  t.equal(takePatch(claimObject('10.0.0.1'), tenure(), NOW).status.phase, undefined)
})

t.test('a claim whose Eip became layer2 no longer says that its protocol is not served', async (t) => {
  const words = { status: 'True', reason: 'ProtocolNotServed', message: 'protocol bgp', lastTransitionTime: NOW } as const
  const other = { type: 'AddressConflict', ...words, status: 'False' } as const
  const before = claimObject('10.0.0.1', {}, { conditions: [{ type: 'ProtocolNotServed', ...words }, other] })
  const types = (patch: StatusPatch | undefined) => patch?.status.conditions?.map(({ type }) => type)
  t.same(types(takePatch(before, tenure(), NOW)), ['AddressConflict', 'Announced'])
  const report = { type: 'Announced', status: 'False', reason: 'NoEligibleNode', message: 'no node may answer' } as const
  t.same(types(reportPatch(before, report, NOW)), ['AddressConflict', 'Announced'])
  const said = claimObject('10.0.0.1', {}, { conditions: [{ ...report, lastTransitionTime: NOW }] })
  t.equal(reportPatch(said, report, NOW), undefined, 'nothing to write')
})

t.test('the history keeps the last eight', async (t) => {
  let claim = claimObject('10.0.0.1')
  for (let turn = 0; turn < 20; turn++) {
    const { status } = takePatch(claim, tenure({ node: `n${turn}`, epoch: turn + 1, departure: 'node-not-ready' }), NOW)
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
