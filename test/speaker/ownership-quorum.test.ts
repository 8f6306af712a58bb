import t from 'tap'
import type { Present } from '../../src/speaker/assertion.ts'
import { electionOrder } from '../../src/speaker/election.ts'
import { decideOwnership, UNHEARD_MS } from '../../src/speaker/ownership.ts'
import { type ContestShape, contestOf, HEARS_ALL, lineOf, NODES } from './support/contest.ts'

const heldBy = (node: string, over: Partial<Present> = {}): Present => ({ node, epoch: 4, state: 'held', recorded: true, ...over })
const leftBy = (node: string): Present => heldBy(node, { state: 'released' })
const hears = (over: Partial<typeof HEARS_ALL> = {}) => ({ ...HEARS_ALL, ...over })
const MOVE = { node: 'n3', epoch: 4, reason: 'moved' } as const

/** The order of the address is n1, n3, n2. */
const table: Readonly<Record<string, readonly [ContestShape, string]>> = {
  'the others are not heard yet: the recorded owner is silent too': [
    { present: heldBy('n1'), membership: hears({ settled: false }) },
    'silent membership-unsettled',
  ],
  'a minority takes nothing': [
    { self: 'n3', present: heldBy('n1'), unfit: { n1: 'speaker-silent' }, membership: hears({ quorum: 'minority' }), sinceMs: 99_999 },
    'silent no-quorum',
  ],
  'nor what was given up': [
    { self: 'n3', present: leftBy('n1'), membership: hears({ quorum: 'minority' }), sinceMs: 99_999 },
    'silent no-quorum',
  ],
  'an owner in a minority goes on': [{ present: heldBy('n1'), membership: hears({ quorum: 'minority' }) }, 'answer'],
  'until it hears a foreign claim': [
    { present: heldBy('n1'), membership: hears({ quorum: 'minority' }), challenged: true },
    'silent challenged',
  ],
  'an owner in a majority defends itself': [{ present: heldBy('n1'), membership: hears(), challenged: true }, 'answer'],
  'one of two takes by the claim': [
    {
      self: 'n3',
      nodes: ['n1', 'n3'],
      present: heldBy('n1'),
      unfit: { n1: 'speaker-silent' },
      membership: hears({ quorum: 'one-of-two' }),
    },
    'take record',
  ],
  'one of two takes nothing from an owner that it never heard': [
    {
      self: 'n3',
      nodes: ['n1', 'n3'],
      present: heldBy('n1'),
      unfit: { n1: 'speaker-silent' },
      membership: hears({ quorum: 'one-of-two', ownerHeard: false }),
      sinceMs: 99_999,
    },
    'silent owner-unheard',
  ],
  'nor one that was never heard to serve': [
    {
      self: 'n3',
      nodes: ['n1', 'n3'],
      present: heldBy('n1'),
      unfit: { n1: 'speaker-not-serving' },
      membership: hears({ quorum: 'one-of-two', ownerHeard: false }),
    },
    'silent owner-unheard',
  ],
  'unless the API server says that it is gone': [
    {
      self: 'n3',
      nodes: ['n1', 'n3'],
      present: heldBy('n1'),
      unfit: { n1: 'node-not-ready' },
      membership: hears({ quorum: 'one-of-two', ownerHeard: false }),
    },
    'take record',
  ],
  'a majority gives such an owner time': [
    {
      self: 'n3',
      present: heldBy('n1'),
      unfit: { n1: 'speaker-silent' },
      membership: hears({ ownerHeard: false }),
      sinceMs: UNHEARD_MS - 1,
    },
    'silent first-choice-first',
  ],
  'and takes over then': [
    { self: 'n3', present: heldBy('n1'), unfit: { n1: 'speaker-silent' }, membership: hears({ ownerHeard: false }), sinceMs: UNHEARD_MS },
    'take announce',
  ],
  'the only speaker takes at once': [
    { nodes: ['n1'], present: heldBy('gone'), unfit: { gone: 'no-speaker' }, membership: hears({ quorum: 'alone' }) },
    'take announce',
  ],

  'a wish: its node takes the address, whatever the order': [
    { self: 'n3', present: heldBy('n1'), moveTo: MOVE, membership: hears() },
    'take announce',
  ],
  'a wish, without membership': [{ self: 'n3', present: heldBy('n1'), moveTo: MOVE }, 'take record'],
  'a wish: the owner goes on meanwhile': [{ present: heldBy('n1'), moveTo: MOVE, membership: hears() }, 'answer'],
  'a wish: nobody else does anything': [{ self: 'n2', present: heldBy('n1'), moveTo: MOVE, membership: hears() }, 'silent owned-elsewhere'],
  'a wish of another epoch is over': [
    { self: 'n3', present: heldBy('n1', { epoch: 5 }), moveTo: MOVE, membership: hears() },
    'silent owned-elsewhere',
  ],
  'a wish is not for a node that is not eligible': [
    { self: 'n3', present: heldBy('n1'), moveTo: MOVE, unfit: { n3: 'node-excluded' }, membership: hears() },
    'silent node-excluded',
  ],
  'a wish in a minority': [
    { self: 'n3', present: heldBy('n1'), moveTo: MOVE, membership: hears({ quorum: 'minority' }) },
    'silent no-quorum',
  ],
  'the owner fails while a wish is open: its node is the first': [
    { self: 'n2', present: heldBy('n1'), moveTo: { ...MOVE, node: 'n2' }, unfit: { n1: 'speaker-silent' }, membership: hears() },
    'take announce',
  ],
  'and the first of the order the second': [
    { self: 'n3', present: heldBy('n1'), moveTo: { ...MOVE, node: 'n2' }, unfit: { n1: 'speaker-silent' }, membership: hears() },
    'silent first-choice-first',
  ],
  'a wish for a node that cannot keeps nobody back': [
    {
      self: 'n3',
      present: heldBy('n1'),
      moveTo: { ...MOVE, node: 'n2' },
      unfit: { n1: 'speaker-silent', n2: 'node-excluded' },
      membership: hears(),
    },
    'take announce',
  ],
}

for (const [name, [shape, want]] of Object.entries(table)) {
  t.test(name, async (t) => {
    t.equal(lineOf(decideOwnership(contestOf(shape))), want)
  })
}

t.test('a leaver moves only its own addresses', async (t) => {
  const addresses = Array.from({ length: 50 }, (_, at) => `10.251.1.${at}`)
  const ownerAfter = (address: string, before: string | undefined, unfit: NonNullable<ContestShape['unfit']>) => {
    const present = before === undefined ? undefined : heldBy(before)
    const takers = NODES.filter(
      (self) => decideOwnership(contestOf({ self, address, present, unfit, membership: hears() })).kind === 'take',
    )
    t.ok(takers.length <= 1, 'one taker at most')
    return takers[0] ?? before
  }
  const first = addresses.map((address) => ownerAfter(address, undefined, {}))
  const second = addresses.map((address, at) => ownerAfter(address, first[at], { n2: 'speaker-leaving' }))
  for (const [at, address] of addresses.entries()) {
    const order = electionOrder(NODES, address)
    t.equal(first[at], order[0])
    t.equal(second[at], first[at] === 'n2' ? order[1] : first[at])
  }
  const back = addresses.map((address, at) => ownerAfter(address, second[at], {}))
  t.same(back, second, 'and a node that comes back moves nothing')
})
