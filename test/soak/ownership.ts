/** The rules of layer 2 ownership in every state within a number of faults, and in long random lives. */
import { type Bounds, explore, live, ownedWorld, REAL, replay, shrink } from '../speaker/model/explore.ts'
import { FAULTS, type Fault } from '../speaker/model/steps.ts'
import { createRandom } from './support/random.ts'
import { count, createProgress, type Progress, readOptions, SEED } from './support/soak.ts'

export const describe = 'Two and three nodes with the rules of layer 2 ownership: every state within some faults, and random lives.'

export const flags = {
  states: count(300_000, 1, 'How many states one exploration may have; it ends there unfinished, without a fault.'),
  lives: count(5000, 0, 'How many random lives there are.'),
  steps: count(600, 1, 'How many steps a life has.'),
  seed: SEED,
} as const

const REPORT_STATES = 500_000
const REPORT_LIVES = 2000

/** What is explored: every pair of kinds of faults with two faults, and groups of kinds with three. */
function* explorations(): Generator<Omit<Bounds, 'states'>> {
  yield { nodes: 3, faults: 1, kinds: FAULTS, fine: true }
  yield { nodes: 2, faults: 3, kinds: FAULTS, fine: true }
  for (const [at, one] of FAULTS.entries())
    for (const other of FAULTS.slice(at)) yield { nodes: 3, faults: 2, kinds: one === other ? [one] : [one, other], fine: false }
  const groups: readonly (readonly Fault[])[] = [
    ['crash', 'isolate'],
    ['isolate', 'api-down', 'move'],
    ['pause', 'suspect', 'hurry'],
    ['crash', 'slow-write', 'hurry'],
  ]
  for (const kinds of groups) yield { nodes: 3, faults: 3, kinds, fine: false }
}

interface Sum {
  explorations: number
  complete: number
  states: number
  moves: number
  lives: number
  faults: number
}

/** Explores, then lives, until all is done or a law breaks. */
export async function run(argv: readonly string[]): Promise<object> {
  const { states, lives, steps, seed } = readOptions(argv, flags)
  const progress = createProgress('ownership')
  const sum: Sum = { explorations: 0, complete: 0, states: 0, moves: 0, lives: 0, faults: 0 }
  const broken = exploreAll(states, sum, progress) ?? liveAll({ lives, steps, seed }, sum, progress)
  return { passed: broken === undefined, ...sum, seed, ...(broken === undefined ? {} : { broken }) }
}

function exploreAll(states: number, sum: Sum, progress: Progress): string | undefined {
  for (const bounds of explorations()) {
    const name = `${bounds.nodes} nodes, ${bounds.faults} of ${bounds.kinds.length === FAULTS.length ? 'any' : bounds.kinds.join(', ')}`
    let told = 0
    const say = (seen: number): void => {
      if (seen - told < REPORT_STATES) return
      told = seen
      progress(`${name}: ${seen} states so far`)
    }
    const found = explore(ownedWorld(bounds.nodes, REAL), { ...bounds, states }, REAL, say)
    sum.explorations++
    sum.states += found.states
    sum.moves = Math.max(sum.moves, found.takes)
    if (found.complete) sum.complete++
    progress(`${name}: ${found.states} states${found.complete ? '' : ' and more'}, up to ${found.depth} steps and ${found.takes} moves`)
    if (found.breach !== undefined) return `${found.breach.law}: ${found.breach.story.join('; ')}`
  }
  return undefined
}

function liveAll({ lives, steps, seed }: { lives: number; steps: number; seed: number }, sum: Sum, progress: Progress): string | undefined {
  for (let at = 0; at < lives; at++) {
    const nodes = at % 4 === 0 ? 2 : 3
    const life = live(createRandom(seed + at), { nodes, steps, calm: 2 + (at % 12), kinds: FAULTS }, REAL)
    sum.lives++
    sum.faults += life.faults
    if (sum.lives % REPORT_LIVES === 0) progress(`${sum.lives} lives, ${sum.faults} faults`)
    if (life.law === undefined) continue
    const short = replay(shrink(life.steps, nodes, REAL), nodes, REAL)
    return short === undefined ? `seed ${seed + at}: ${life.law}` : `seed ${seed + at}: ${short.law}: ${short.story.join('; ')}`
  }
  return undefined
}
