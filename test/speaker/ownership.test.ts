import t from 'tap'
import { err } from '../../src/result.ts'
import type { Present } from '../../src/speaker/assertion.ts'
import { electionOrder } from '../../src/speaker/election.ts'
import { TIMING_PROFILES } from '../../src/speaker/membership/timing.ts'
import { type Contest, decideOwnership, FLAP_MS, hasSuccessor } from '../../src/speaker/ownership.ts'
import { ADDRESS, type ContestShape, contestOf, HEARS_ALL, lineOf, NODES } from './support/contest.ts'

const heldBy = (node: string, over: Partial<Present> = {}): Present => ({ node, epoch: 4, state: 'held', recorded: true, ...over })
const leftBy = (node: string): Present => heldBy(node, { state: 'released' })
const DOWN = err('interface-down') as Contest['ability']
const OFF = err('layer2-off') as Contest['ability']
const hears = (over: Partial<typeof HEARS_ALL> = {}) => ({ ...HEARS_ALL, ...over })
const MOVE = { node: 'n3', epoch: 4, reason: 'moved' } as const

/** The order of the address is n1, n3, n2. */
const table: Readonly<Record<string, readonly [ContestShape, string]>> = {
  'nobody ever had it: the first takes it at once': [{}, 'take record'],
  'nobody ever had it: the second waits': [{ self: 'n3' }, 'silent first-choice-first'],
  'nobody ever had it: the second takes it when the first did not': [{ self: 'n3', sinceMs: 2500 }, 'take record'],
  'the third waits longer than the second': [{ self: 'n2', sinceMs: 2500 }, 'silent first-choice-first'],
  'and takes it in the end': [{ self: 'n2', sinceMs: 4500 }, 'take record'],
  'speakers that hear each other wait a quarter of that': [{ self: 'n3', membership: hears(), sinceMs: 625 }, 'take record'],
  'and no less': [{ self: 'n3', membership: hears(), sinceMs: 499 }, 'silent first-choice-first'],
  'the first time, a speaker that still starts keeps its place': [
    { self: 'n3', unfit: { n1: 'speaker-not-ready' } },
    'silent first-choice-first',
  ],
  'so does one that is not heard yet': [{ self: 'n3', membership: hears(), unfit: { n1: 'speaker-silent' } }, 'silent first-choice-first'],
  'so does one that says that it cannot serve yet': [
    { self: 'n3', membership: hears(), unfit: { n1: 'speaker-not-serving' } },
    'silent first-choice-first',
  ],
  'a node without a speaker has no place': [{ self: 'n3', unfit: { n1: 'no-speaker' } }, 'take record'],
  'nor has one that is not Ready': [{ self: 'n3', unfit: { n1: 'node-not-ready' } }, 'take record'],
  'nor an excluded one': [{ self: 'n3', unfit: { n1: 'node-excluded' } }, 'take record'],
  'a speaker that is not Ready itself takes nothing': [{ unfit: { n1: 'speaker-not-ready' } }, 'silent speaker-not-ready'],
  'a leaving speaker takes nothing': [{ leaving: true }, 'silent leaving'],
  'a node that cannot serve takes nothing': [{ ability: DOWN }, 'silent interface-down'],
  'a minority records the first owner too, behind everybody': [{ membership: hears({ quorum: 'minority' }), sinceMs: 1999 }, 'take record'],
  'and waits until everybody could have': [{ membership: hears({ quorum: 'minority' }), sinceMs: 1499 }, 'silent first-choice-first'],

  "the address is this node's": [{ self: 'n2', present: heldBy('n2') }, 'answer'],
  'and is so before the claim says it': [{ self: 'n2', present: heldBy('n2', { recorded: false }) }, 'answer'],
  'another node has it and is well: it stays, whatever the order': [{ present: heldBy('n2') }, 'silent owned-elsewhere'],
  'the owner is leaving: its successor takes over at once': [
    { self: 'n3', present: heldBy('n1'), unfit: { n1: 'speaker-leaving' } },
    'take record',
  ],
  'and announces first where a majority is heard': [
    { self: 'n3', present: heldBy('n1'), unfit: { n1: 'speaker-leaving' }, membership: hears() },
    'take announce',
  ],
  'the owner is leaving: the next but one waits': [
    { self: 'n2', present: heldBy('n1'), unfit: { n1: 'speaker-leaving' } },
    'silent first-choice-first',
  ],
  'the owner failed: nobody waits for a speaker that is not there': [
    { self: 'n2', present: heldBy('n1'), unfit: { n1: 'speaker-silent', n3: 'speaker-silent' }, membership: hears() },
    'take announce',
  ],
  'the owner is no node any more': [{ present: heldBy('gone'), unfit: { gone: 'node-unknown' } }, 'take record'],
  'a leaving owner goes on': [{ present: heldBy('n1'), leaving: true, unfit: { n1: 'speaker-leaving' } }, 'answer'],
  'an owner whose node is not Ready goes on': [{ present: heldBy('n1'), unfit: { n1: 'node-not-ready' } }, 'answer'],
  'an owner whose speaker is not Ready goes on': [{ present: heldBy('n1'), unfit: { n1: 'speaker-not-ready' } }, 'answer'],

  'a link that is down is silent': [{ present: heldBy('n1'), ability: DOWN, sinceMs: FLAP_MS.readiness - 1 }, 'silent interface-down'],
  'a link that stays down gives up': [{ present: heldBy('n1'), ability: DOWN, sinceMs: FLAP_MS.readiness }, 'release interface-down'],
  'sooner where the others are told at once': [
    { present: heldBy('n1'), ability: DOWN, sinceMs: FLAP_MS.membership, membership: hears() },
    'release interface-down',
  ],
  'never where a minority is heard: the switch may be away': [
    { present: heldBy('n1'), ability: DOWN, sinceMs: 99_999, membership: hears({ quorum: 'minority' }) },
    'silent interface-down',
  ],
  'layer 2 was switched off': [{ present: heldBy('n1'), ability: OFF }, 'release layer2-off'],
  'the node that just gave up is passed over': [{ self: 'n3', present: leftBy('n1'), membership: hears() }, 'take announce'],
  'it takes the address again when it can before anybody did': [
    { self: 'n2', present: leftBy('n2'), membership: hears() },
    'take announce',
  ],
  'the next but one waits for the next': [{ self: 'n2', present: leftBy('n1'), membership: hears() }, 'silent first-choice-first'],

  'an excluded owner goes on while others may take over': [{ present: heldBy('n1'), unfit: { n1: 'node-excluded' } }, 'answer'],
  'it stops when there is no other': [{ nodes: ['n1'], present: heldBy('n1'), unfit: { n1: 'node-excluded' } }, 'release node-excluded'],
  'it stops when none of the others can': [
    { present: heldBy('n1'), unfit: { n1: 'node-excluded' }, sinceMs: 6500 },
    'release node-excluded',
  ],
  'and not before all of them had their time': [{ present: heldBy('n1'), unfit: { n1: 'node-excluded' }, sinceMs: 6000 }, 'answer'],
  'the same where they hear each other': [
    { present: heldBy('n1'), unfit: { n1: 'node-excluded' }, membership: hears(), sinceMs: 1625 },
    'release node-excluded',
  ],
  'an owner that is selected no more stops likewise': [
    { nodes: ['n1'], present: heldBy('n1'), unfit: { n1: 'node-not-selected' } },
    'release node-not-selected',
  ],
  'so does one that is out of service': [
    { nodes: ['n1'], present: heldBy('n1'), unfit: { n1: 'node-out-of-service' } },
    'release node-out-of-service',
  ],
  'a cordoned one goes on': [{ nodes: ['n1'], present: heldBy('n1'), unfit: { n1: 'node-cordoned' } }, 'answer'],
  'Local: the endpoint moved: its node takes over': [
    { self: 'n2', present: heldBy('n1'), unfit: { n1: 'no-ready-endpoint', n3: 'no-ready-endpoint' } },
    'take record',
  ],
  'Local: the owner goes on meanwhile': [{ present: heldBy('n1'), unfit: { n1: 'no-ready-endpoint', n3: 'no-ready-endpoint' } }, 'answer'],
  'Local: no endpoint anywhere: the owner stops': [
    { present: heldBy('n1'), unfit: { n1: 'no-ready-endpoint', n2: 'no-ready-endpoint', n3: 'no-ready-endpoint' } },
    'release no-ready-endpoint',
  ],
  'facts are missing: nobody takes': [{ complete: false }, 'silent facts-incomplete'],
  'facts are missing: the owner goes on': [
    { complete: false, present: heldBy('n1'), unfit: { n1: 'no-ready-endpoint', n2: 'no-ready-endpoint', n3: 'no-ready-endpoint' } },
    'answer',
  ],
}

for (const [name, [shape, want]] of Object.entries(table)) {
  t.test(name, async (t) => {
    t.equal(lineOf(decideOwnership(contestOf(shape))), want)
  })
}

t.test('a node that is cut off altogether knows it before its link counts as gone for good', async (t) => {
  for (const { deadMs, heartbeatMs } of Object.values(TIMING_PROFILES)) t.ok(FLAP_MS.membership >= deadMs + heartbeatMs / 2)
})

t.test('a take names its epoch, and why the last ownership ended', async (t) => {
  const take = (shape: ContestShape) => decideOwnership(contestOf({ self: 'n3', membership: hears(), ...shape }))
  t.match(decideOwnership(contestOf()), { kind: 'take', epoch: 1, departure: undefined })
  t.match(take({ present: heldBy('n1'), unfit: { n1: 'speaker-silent' } }), { kind: 'take', epoch: 5, departure: 'speaker-silent' })
  t.match(take({ present: leftBy('n1') }), { kind: 'take', epoch: 5, departure: 'released' })
  t.match(take({ present: heldBy('n1'), moveTo: MOVE }), { kind: 'take', epoch: 5, departure: 'moved' })
  t.match(take({ present: heldBy('n1'), moveTo: { ...MOVE, reason: 'rebalanced' } }), { kind: 'take', epoch: 5, departure: 'rebalanced' })
})

t.test('answers and releases repeat whether the claim knows the epoch', async (t) => {
  for (const recorded of [true, false]) {
    const present = heldBy('n1', { recorded })
    t.match(decideOwnership(contestOf({ present })), { kind: 'answer', epoch: 4, recorded })
    t.match(decideOwnership(contestOf({ present, ability: OFF })), { kind: 'release', epoch: 4, recorded })
  }
})

t.test('whoever waits says when to look again', async (t) => {
  const wakeOf = (shape: ContestShape) => {
    const ownership = decideOwnership(contestOf(shape))
    return 'wakeInMs' in ownership ? ownership.wakeInMs : undefined
  }
  const waits = (shape: ContestShape, least: number, most: number) => {
    const wakeInMs = wakeOf(shape)
    t.ok(wakeInMs !== undefined && wakeInMs >= least && wakeInMs <= most, `${wakeInMs} ms`)
  }
  waits({ self: 'n3', sinceMs: 500 }, 1500, 2000)
  waits({ self: 'n3', sinceMs: 100, membership: hears() }, 400, 525)
  waits({ present: heldBy('n1'), ability: DOWN, sinceMs: 50, membership: hears() }, 350, 350)
  waits({ present: heldBy('n1'), unfit: { n1: 'node-excluded' }, sinceMs: 600, membership: hears() }, 1024, 1025)
  t.equal(wakeOf({ present: heldBy('n1') }), undefined)
})

t.test('the waits are for one vacancy, not for the address', async (t) => {
  const asked: string[] = []
  const ask = (shape: ContestShape) =>
    void decideOwnership({ ...contestOf({ self: 'n3', ...shape }), vacantForMs: (vacancy) => asked.push(vacancy) * 0 })
  ask({})
  ask({ present: heldBy('n1'), unfit: { n1: 'speaker-silent' } })
  ask({ present: heldBy('n1', { epoch: 5 }), unfit: { n1: 'speaker-silent' } })
  ask({ present: leftBy('n1') })
  ask({ present: heldBy('n3'), ability: DOWN })
  ask({ present: heldBy('n3'), unfit: { n3: 'node-excluded' } })
  t.equal(new Set(asked).size, 6, asked.join())
})

t.test('a successor is another node that is eligible', async (t) => {
  t.ok(hasSuccessor(contestOf()))
  t.notOk(hasSuccessor(contestOf({ nodes: ['n1'] })))
  t.notOk(hasSuccessor(contestOf({ unfit: { n2: 'node-not-ready', n3: 'speaker-leaving' } })))
  t.same(electionOrder(NODES, ADDRESS), ['n1', 'n3', 'n2'], 'the order that the table speaks of')
})
