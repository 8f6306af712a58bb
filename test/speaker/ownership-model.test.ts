/**
 * The rules of ownership, run by two and three nodes in a world where packets and writes are lost and late, processes end and pause, links and
 * the API server go away, and people give orders (test/speaker/model). The long form is `npm run soak -- ownership`.
 */
import t from 'tap'
import { createRandom } from '../soak/support/random.ts'
import { BROKEN } from './model/broken.ts'
import {
  type Bounds,
  type Breach,
  explore,
  live,
  ownedWorld,
  parseStory,
  REAL,
  replay,
  shrink,
  unownedWorld,
  worldAfter,
} from './model/explore.ts'
import { FAULTS, type Fault } from './model/steps.ts'

const EVERY_STATE = 1_000_000
const tell = (breach: Breach | undefined): string => (breach === undefined ? '' : `${breach.law}: ${breach.story.join('; ')}`)

const explorations: Readonly<Record<string, Omit<Bounds, 'states'>>> = {
  'three nodes, any one fault, every order': { nodes: 3, faults: 1, kinds: FAULTS, fine: true },
  'two nodes, any two faults, every order': { nodes: 2, faults: 2, kinds: FAULTS, fine: true },
  'three nodes, two of: crash, partition': { nodes: 3, faults: 2, kinds: ['crash', 'isolate'], fine: false },
  'three nodes, two of: partition, move, a write that is late': {
    nodes: 3,
    faults: 2,
    kinds: ['isolate', 'move', 'slow-write'],
    fine: false,
  },
  'three nodes, two of: pause, an API server that is away, a false suspicion': {
    nodes: 3,
    faults: 2,
    kinds: ['pause', 'api-down', 'suspect'],
    fine: false,
  },
}

for (const [name, bounds] of Object.entries(explorations)) {
  t.test(name, async (t) => {
    const { complete, states, depth, takes, breach } = explore(ownedWorld(bounds.nodes, REAL), { ...bounds, states: EVERY_STATE }, REAL)
    t.equal(tell(breach), '')
    t.ok(complete, `${states} states, up to ${depth} steps and ${takes} moves`)
    t.ok(states > 1000)
  })
}

t.test('an address that nobody ever had', async (t) => {
  const kinds: readonly Fault[] = ['crash', 'isolate', 'api-away', 'hurry', 'slow-write']
  const { complete, states, breach } = explore(unownedWorld(3, REAL), { nodes: 3, faults: 1, kinds, fine: true, states: EVERY_STATE }, REAL)
  t.equal(tell(breach), '')
  t.ok(complete, `${states} states`)
})

t.test('the API server alone moves nothing', async (t) => {
  for (const nodes of [2, 3]) {
    const kinds: readonly Fault[] = ['api-away', 'api-down', 'hurry', 'slow-write', 'delay']
    const { complete, takes, states, breach } = explore(
      ownedWorld(nodes, REAL),
      { nodes, faults: 4, kinds, fine: true, states: EVERY_STATE },
      REAL,
    )
    t.equal(tell(breach), '')
    t.ok(complete && states > 1, `${states} states`)
    t.equal(takes, 0)
  }
})

t.test('long random lives with every fault', async (t) => {
  let [lives, faults, takes] = [0, 0, 0]
  for (const nodes of [2, 3])
    for (const calm of [3, 10])
      for (let seed = 1; seed <= 75; seed++) {
        const life = live(createRandom(seed), { nodes, steps: 300, calm, kinds: FAULTS }, REAL)
        lives++
        faults += life.faults
        takes += life.takes
        if (life.law === undefined) continue
        return void t.fail(`seed ${seed}, ${nodes} nodes: ${tell(replay(shrink(life.steps, nodes, REAL), nodes, REAL)) || life.law}`)
      }
  t.ok(faults > 1000 && takes > 100, `${lives} lives, ${faults} faults, ${takes} moves`)
})

for (const [name, { rules, nodes, faults, kinds, after }] of Object.entries(BROKEN)) {
  t.test(`the exploration finds it when ${name}`, async (t) => {
    const bounds = { nodes, faults, kinds, fine: false, states: EVERY_STATE }
    const found = explore(after === undefined ? ownedWorld(nodes, rules) : worldAfter(parseStory(after), nodes, rules), bounds, rules)
    t.not(found.breach, undefined, `${found.states} states`)
    t.comment(tell(found.breach))
    const story = parseStory([...(after === undefined ? [] : [after]), ...(found.breach?.story ?? [])].join('; '))
    t.equal(tell(replay(story, nodes, REAL)), '', 'the same story is harmless with the real rules')
  })
}
