/**
 * Every state that ownership can meet, against a table that is written out: 10,368 states, and each is decided by the first row that fits.
 * The rows about who may take over are those of the design: alone, one of two, a majority, a minority.
 */
import t from 'tap'
import { err, ok } from '../../src/result.ts'
import { type Contest, decideOwnership } from '../../src/speaker/ownership.ts'
import { ABILITY, contestOf, lineOf } from './support/contest.ts'

/** The node that decides is n1, the first of the order n1, n3, n2. `well` and `gone` are other nodes. */
const DIMENSIONS = {
  /** `off`: no membership. `unsettled`: membership, and not everybody was heard yet. */
  quorum: ['off', 'unsettled', 'alone', 'majority', 'one-of-two', 'minority'],
  /** Who has the address: nobody ever; this node (recorded, or by its word alone); another one; or it was given up by this or another one. */
  present: ['none', 'self', 'self-unrecorded', 'well', 'gone', 'gone-unheard', 'left-by-self', 'left-by-other'],
  /** `flap`: a trouble that may pass. `off`: one that does not. */
  ability: ['able', 'flap', 'off'],
  leaving: ['no', 'yes'],
  challenged: ['no', 'yes'],
  /** To whom an administrator wants the address moved. */
  move: ['none', 'self', 'other'],
  /** Whether this node has seen it so for longer than anybody waits. */
  waited: ['no', 'yes'],
  /** Whether the node itself is eligible. */
  self: ['fit', 'excluded', 'out'],
  complete: ['yes'],
} as const
type Dimension = keyof typeof DIMENSIONS
type State = { readonly [D in Dimension]: (typeof DIMENSIONS)[D][number] }
type Row = { readonly [D in Dimension]?: (typeof DIMENSIONS)[D][number] | readonly (typeof DIMENSIONS)[D][number][] }

const OWN = ['self', 'self-unrecorded'] as const
const MAY_ANNOUNCE = ['alone', 'majority'] as const

const table: readonly (readonly [Row, string])[] = [
  [{ quorum: 'unsettled' }, 'silent membership-unsettled'],

  // The address is this node's.
  [{ present: OWN, quorum: 'minority', ability: 'flap' }, 'silent interface-down'],
  [{ present: OWN, quorum: 'minority', ability: 'off' }, 'silent layer2-off'],
  [{ present: OWN, ability: 'flap', waited: 'no' }, 'silent interface-down'],
  [{ present: OWN, ability: 'flap', waited: 'yes' }, 'release interface-down'],
  [{ present: OWN, ability: 'off' }, 'release layer2-off'],
  [{ present: OWN, quorum: 'minority', challenged: 'yes' }, 'silent challenged'],
  [{ present: OWN, self: 'excluded', waited: 'yes' }, 'release node-excluded'],
  [{ present: OWN }, 'answer'],

  // Another node has it and is well.
  [{ present: 'well', move: ['none', 'other'] }, 'silent owned-elsewhere'],
  // Two speakers that never heard each other.
  [{ present: 'gone-unheard', quorum: 'one-of-two' }, 'silent owner-unheard'],

  // It is to be taken: what keeps this node from it.
  [{ leaving: 'yes' }, 'silent leaving'],
  [{ ability: 'flap' }, 'silent interface-down'],
  [{ ability: 'off' }, 'silent layer2-off'],
  [{ self: 'excluded' }, 'silent node-excluded'],
  [{ self: 'out' }, 'silent node-not-ready'],

  // Nobody ever had it: by the claim, whoever is heard; a minority after everybody else.
  [{ present: 'none', quorum: 'minority', waited: 'no' }, 'silent first-choice-first'],
  [{ present: 'none', quorum: 'minority', waited: 'yes' }, 'take record'],
  // The wish of an administrator counts for an epoch, and here is none.
  [{ present: 'none' }, 'take record'],

  [{ quorum: 'minority' }, 'silent no-quorum'],

  // A majority gives an owner that it never heard time.
  [{ present: 'gone-unheard', quorum: MAY_ANNOUNCE, waited: 'no' }, 'silent first-choice-first'],
  // Somebody else is wanted, and has the first turn.
  [{ move: 'other', present: ['gone', 'left-by-other', 'gone-unheard'], waited: 'no' }, 'silent first-choice-first'],

  [{ quorum: MAY_ANNOUNCE }, 'take announce'],
  [{ quorum: 'one-of-two' }, 'take record'],
  [{ quorum: 'off' }, 'take record'],
]

const PRESENT: Readonly<Record<State['present'], Contest['present']>> = {
  none: undefined,
  self: { node: 'n1', epoch: 4, state: 'held', recorded: true },
  'self-unrecorded': { node: 'n1', epoch: 4, state: 'held', recorded: false },
  well: { node: 'n2', epoch: 4, state: 'held', recorded: true },
  gone: { node: 'n2', epoch: 4, state: 'held', recorded: true },
  'gone-unheard': { node: 'n2', epoch: 4, state: 'held', recorded: true },
  'left-by-self': { node: 'n1', epoch: 4, state: 'released', recorded: true },
  'left-by-other': { node: 'n2', epoch: 4, state: 'released', recorded: false },
}

function contest(state: State): Contest {
  const isGone = state.present === 'gone' || state.present === 'gone-unheard'
  const unfitSelf = { fit: {}, excluded: { n1: 'node-excluded' }, out: { n1: 'node-not-ready' } } as const
  return contestOf({
    present: PRESENT[state.present],
    membership: hearing(state),
    ability: state.ability === 'able' ? ok(ABILITY) : err(state.ability === 'flap' ? 'interface-down' : 'layer2-off'),
    leaving: state.leaving === 'yes',
    challenged: state.challenged === 'yes',
    moveTo: state.move === 'none' ? undefined : { node: state.move === 'self' ? 'n1' : 'n3', epoch: 4, reason: 'moved' },
    sinceMs: state.waited === 'yes' ? 60_000 : 0,
    unfit: { ...unfitSelf[state.self], ...(isGone ? { n2: 'speaker-silent' } : {}) },
    complete: state.complete === 'yes',
  })
}

function hearing({ quorum, present }: State): Contest['membership'] {
  if (quorum === 'off') return undefined
  const ownerHeard = present !== 'gone-unheard'
  return quorum === 'unsettled' ? { settled: false, quorum: 'majority', ownerHeard } : { settled: true, quorum, ownerHeard }
}

function* states(dimensions: readonly Dimension[] = Object.keys(DIMENSIONS) as Dimension[]): Generator<State> {
  const [first, ...rest] = dimensions
  if (first === undefined) return void (yield {} as State)
  for (const others of states(rest)) for (const value of DIMENSIONS[first]) yield { ...others, [first]: value }
}

const fits = (row: Row, state: State): boolean =>
  Object.entries(row).every(([dimension, wanted]) => [wanted].flat().includes(state[dimension as Dimension] as never))

t.test('each state is decided as the table says, and each row is needed', async (t) => {
  const used = new Map<string, number>()
  let count = 0
  for (const state of states()) {
    count++
    const at = table.findIndex(([row]) => fits(row, state))
    const [, want] = table[at] ?? [{}, 'no row']
    used.set(`row ${at}`, (used.get(`row ${at}`) ?? 0) + 1)
    const got = lineOf(decideOwnership(contest(state)))
    if (got !== want) t.fail(`${JSON.stringify(state)}: ${got}, not ${want} (row ${at})`)
  }
  t.equal(used.size, table.length, 'no row without a state')
  t.equal(count, 6 * 8 * 3 * 2 * 2 * 3 * 2 * 3)
})

t.test('while facts are missing nobody takes, and whoever has it decides as ever', async (t) => {
  for (const state of states()) {
    if (state.self === 'excluded') continue
    const known = lineOf(decideOwnership(contest(state)))
    const got = lineOf(decideOwnership({ ...contest(state), complete: false }))
    const isOwn = state.present === 'self' || state.present === 'self-unrecorded'
    const want = isOwn || state.quorum === 'unsettled' ? known : 'silent facts-incomplete'
    if (got !== want) t.fail(`${JSON.stringify(state)}: ${got}, not ${want}`)
  }
  t.pass('every state')
})
