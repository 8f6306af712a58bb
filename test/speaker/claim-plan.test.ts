import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { silentLogger } from '../../src/runtime/logger.ts'
import { createClaimPlan } from '../../src/speaker/claim-plan.ts'
import { createConflicts } from '../../src/speaker/conflicts.ts'
import { type Decision, decideClaim, type Knowledge, type SpeakerFacts } from '../../src/speaker/desired.ts'
import { electionOrder } from '../../src/speaker/election.ts'
import { addressKey } from '../../src/speaker/layer2/address-key.ts'
import { createClaimMemory } from '../../src/speaker/memory.ts'
import { createWords } from '../../src/speaker/words.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { claimObject, clusterFacts, hostFacts, ipOf } from './support/objects.ts'

const ADDRESS = '10.0.0.1'
const NODES = ['n1', 'n2', 'n3']
const [self = ''] = electionOrder(NODES, ADDRESS)
const facts: SpeakerFacts = {
  self,
  leaving: false,
  layer2: true,
  subnetCheck: true,
  nodeAddress: undefined,
  cluster: clusterFacts({ nodes: NODES }),
  host: hostFacts(),
  quorum: 'majority',
  isBroken: () => false,
  rebalance: undefined,
  nowMs: 0,
  wallMs: Date.parse('2026-11-21T02:00:00Z'),
}
const PROBED = claimObject(ADDRESS, { probe: true })

function planning(takenBy: Uint8Array | undefined) {
  const asked: unknown[] = []
  const answered: string[] = []
  const knowledge: Knowledge = { memory: createClaimMemory(), words: createWords(self), conflicts: createConflicts() }
  const plan = createClaimPlan({
    layer2: {
      async probe(address) {
        asked.push(address)
        return { address, takenBy }
      },
    },
    knowledge,
    clock: createManualClock(),
    logger: silentLogger,
    onAnswer: (claim) => answered.push(claim),
  })
  const patch = (claim = PROBED) => plan.patch(claim, decideClaim(claim, facts, knowledge), facts)?.status
  return { plan, patch, asked, answered }
}

t.test('a free address: Probing, then the owner', async (t) => {
  const { patch, asked, answered } = planning(undefined)
  t.same(patch(), { phase: 'Probing' })
  t.equal(patch(claimObject(ADDRESS, { probe: true }, { phase: 'Probing' })), undefined, 'said already')
  await delay(0)
  t.same([asked, answered], [[addressKey(ipOf(ADDRESS))], [ADDRESS]])
  t.match(patch(), { phase: 'Active', owner: { node: self, epoch: 1 } })
})

t.test('a taken one: the MAC, and no owner', async (t) => {
  const { patch } = planning(Uint8Array.of(2, 0, 0, 0, 0, 9))
  patch()
  await delay(0)
  const said = patch()
  t.match(said?.conditions, [{ type: 'AddressConflict', status: 'True', reason: 'AddressInUse', message: /02:00:00:00:00:09/ }])
  t.equal(said?.owner, undefined)
})

t.test('an address that is not probed is not asked about', async (t) => {
  const { plan, patch, asked } = planning(undefined)
  t.match(patch(claimObject(ADDRESS)), { owner: { node: self } })
  t.same(asked, [])
  const nothing: Decision = { ownership: { kind: 'silent', reason: 'owned-elsewhere' }, present: undefined, report: undefined }
  t.equal(plan.patch(PROBED, nothing, facts), undefined)
  plan.forget(ADDRESS)
  plan.close()
})
