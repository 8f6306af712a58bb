/** Explores the world of ownership: every state within a number of faults, or long random lives. */
import { merge } from '../../../src/speaker/assertion.ts'
import { decideOwnership } from '../../../src/speaker/ownership.ts'
import type { Random } from '../../soak/support/random.ts'
import { possible } from './conditions.ts'
import { after, apply } from './effects.ts'
import { type Choose, faultOf, flow, wrongAtRest, wrongIn, wrongInMoves, wrongWhenWell } from './laws.ts'
import { COARSE_FLOW, type Fault, FLOW, type Kind, REPAIRS, REST, type Step, textOf } from './steps.ts'
import { copyWorld, createWorld, look, type Rules, type Word, type World } from './world.ts'

/** The rules of the product. */
export const REAL: Rules = { decide: decideOwnership, merge, forgetsEarlierLives: true, keepsOwnWord: true }

/** A law that broke, and how it came to that. */
export interface Breach {
  readonly law: string
  readonly story: readonly string[]
}

export interface Bounds {
  readonly nodes: number
  /** How many faults there may be in one story, and which. */
  readonly faults: number
  readonly kinds: readonly Fault[]
  readonly states: number
  /** Every order of what flows; otherwise a node hears of all the others at once. */
  readonly fine: boolean
}

export interface Exploration {
  readonly states: number
  /** False when `bounds.states` ended it. */
  readonly complete: boolean
  /** The most moves and the most steps of one story. */
  readonly takes: number
  readonly depth: number
  readonly breach: Breach | undefined
}

/** How a state was reached; the world itself is kept only while it is at the edge. */
interface Visit {
  readonly from: Visit | undefined
  readonly step: Step | undefined
  readonly depth: number
}

/** A world at rest in which the first owner is recorded. */
export function ownedWorld(nodes: number, rules: Rules): World {
  const { world } = flow(unownedWorld(nodes, rules), rules)
  world.takes = 0
  return world
}

/** A world in which nobody ever had the address, after everybody's first look. */
export function unownedWorld(nodes: number, rules: Rules): World {
  const world = createWorld(nodes)
  for (let at = 0; at < nodes; at++) look(world, at, rules)
  return world
}

/**
 * Breadth first, so that the first breach has a shortest story. What flows is never used up: from every state there is a way to rest, and all
 * of them are followed, so it is enough to judge rest where it is reached.
 */
export function explore(start: World, bounds: Bounds, rules: Rules, progress?: (states: number) => void): Exploration {
  const seen = new Set([digest(keyOf(start))])
  let edge: (readonly [World, Visit])[] = [[start, { from: undefined, step: undefined, depth: 0 }]]
  const most = { takes: 0, depth: 0 }
  const result = (breach: Breach | undefined, complete: boolean): Exploration => ({ states: seen.size, complete, ...most, breach })
  while (edge.length > 0) {
    const next: (readonly [World, Visit])[] = []
    for (const [before, visit] of edge) {
      const { steps, law } = outlook(before, bounds, rules)
      if (law !== undefined) return result({ law, story: storyOf(visit) }, false)
      for (const step of steps) {
        const world = after(before, step, rules)
        const key = digest(keyOf(world))
        if (seen.has(key)) continue
        if (seen.size >= bounds.states) return result(undefined, false)
        seen.add(key)
        const reached: Visit = { from: visit, step, depth: visit.depth + 1 }
        const wrong = faultOf(before, world, rules) ?? wrongInMoves(world)
        if (wrong !== undefined) return result({ law: wrong, story: storyOf(reached) }, false)
        most.takes = Math.max(most.takes, world.takes)
        most.depth = reached.depth
        next.push([world, reached])
      }
    }
    edge = next
    progress?.(seen.size)
  }
  return result(undefined, true)
}

/** 53 bits of a text (cyrb53): millions of states fit into memory, and two of them are taken for one once in a thousand explorations. */
function digest(text: string): number {
  let [high, low] = [0xdeadbeef, 0x41c6ce57]
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    high = Math.imul(high ^ code, 2654435761)
    low = Math.imul(low ^ code, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return 4294967296 * (2097151 & low) + (high >>> 0)
}

/** What can come next, and what is wrong at rest. */
function outlook(world: World, { faults, kinds, fine }: Bounds, rules: Rules): { steps: readonly Step[]; law: string | undefined } {
  const flowing = possible(world, fine ? FLOW : COARSE_FLOW, rules)
  const repairs = possible(world, REPAIRS, rules)
  const breaking = world.faults < faults ? possible(world, kinds, rules) : []
  const waits = flowing.length > 0 ? [] : possible(world, REST, rules)
  const isRest = flowing.length === 0 && waits.length === 0
  const law = isRest ? (wrongAtRest(world, rules) ?? (repairs.length === 0 ? wrongWhenWell(world, rules) : undefined)) : undefined
  return { steps: [...flowing, ...waits, ...repairs, ...breaking], law }
}

function storyOf(visit: Visit): readonly string[] {
  const story: string[] = []
  for (let at: Visit | undefined = visit; at?.step !== undefined; at = at.from) story.push(textOf(at.step))
  return story.reverse()
}

const word = (said: Word | undefined): string => (said === undefined ? '-' : `${said.epoch}${said.state[0]}${said.recorded ? 'r' : ''}`)
const bits = (flags: readonly boolean[]): string => flags.map((flag) => (flag ? '1' : '0')).join('')

/** A text that two states share when nothing can tell them apart. */
export function keyOf({ speakers, claim, links, api, excluded, late, lateWrites, moveTo, faults, takes }: World): string {
  const parts: (string | number)[] = [faults, takes, claimKey(claim), bits(links.flat()), bits(api), bits(excluded)]
  if (moveTo !== undefined) parts.push(`>${moveTo.node}${moveTo.epoch}`)
  for (const one of late) parts.push(one === undefined ? '' : `${one[0]}/${word(one[1])}`)
  for (const one of lateWrites) parts.push(one === undefined ? '' : `${one[0]}/${one[1].node}${word(one[1])}`)
  for (const each of speakers) {
    parts.push(each.life)
    if (!each.isUp) {
      parts.push(each.isAble ? 'x' : 'y')
      continue
    }
    parts.push(bits([each.isPaused, each.isAble, each.isLeaving, each.isSettled, each.isDue, each.waits, each.ownerHeard.isHeard]))
    parts.push(
      claimKey(each.claim),
      word(each.own),
      each.heard.map(word).join(','),
      each.lives.join(),
      bits(each.alive),
      bits(each.leaving),
    )
    parts.push(each.ownerHeard.tenure, each.wait, each.answers ?? '', each.wants === undefined ? '' : word(each.wants))
  }
  return parts.join('|')
}

const claimKey = ({ version, record }: World['claim']): string => `${version}:${record === undefined ? '' : record.node + word(record)}`

export interface LifeBounds {
  readonly nodes: number
  readonly steps: number
  /** How many steps there are for one fault, on average. */
  readonly calm: number
  readonly kinds: readonly Fault[]
}

/** Steps as a breach tells them: `crash n1; notice-all n2`. */
export const parseStory = (text: string): readonly Step[] =>
  text.split('; ').map((part) => {
    const [kind = '', at = '', to = at] = part.split(' ')
    return { kind: kind as Kind, at: Number(at.slice(1)) - 1, to: Number(to.slice(1)) - 1 }
  })

/** The world after a list of steps. */
export function worldAfter(steps: readonly Step[], nodes: number, rules: Rules): World {
  const world = ownedWorld(nodes, rules)
  for (const step of steps) apply(world, step, rules)
  return world
}

/** The breach of a list of steps, those that cannot happen left out; undefined when all is well. */
export function replay(steps: readonly Step[], nodes: number, rules: Rules): Breach | undefined {
  const world = ownedWorld(nodes, rules)
  const story: string[] = []
  for (const step of steps) {
    if (!possible(world, [step.kind], rules).some(({ at, to }) => at === step.at && to === step.to)) continue
    const before = copyWorld(world)
    apply(world, step, rules)
    story.push(textOf(step))
    const law = faultOf(before, world, rules)
    if (law !== undefined) return { law, story }
  }
  const wrong = wrongIn(world, rules)
  return wrong === undefined ? undefined : { law: wrong.wrong ?? '', story: [...story, '...', ...wrong.steps.map(textOf)] }
}

/** Leaves out step after step for as long as a breach remains. */
export function shrink(steps: readonly Step[], nodes: number, rules: Rules): readonly Step[] {
  let shortest = steps
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = Math.floor(size / 2))
    for (let at = 0; at < shortest.length; ) {
      const shorter = shortest.toSpliced(at, size)
      if (replay(shorter, nodes, rules) === undefined) at += size
      else shortest = shorter
    }
  return shortest
}

/** One long random life; what becomes of it is looked at now and then. */
export function live(random: Random, { nodes, steps, calm, kinds }: LifeBounds, rules: Rules): Life {
  const world = ownedWorld(nodes, rules)
  const lived: Step[] = []
  const choose: Choose = (choices) => (choices.length === 0 ? undefined : random.pick(choices))
  for (let count = 0; count < steps; count++) {
    const wanted: readonly Kind[] = random.below(calm) === 0 ? kinds : random.below(calm) === 0 ? REPAIRS : FLOW
    const step = choose(possible(world, wanted, rules))
    if (step === undefined) continue
    const before = copyWorld(world)
    apply(world, step, rules)
    lived.push(step)
    const law = faultOf(before, world, rules) ?? (random.below(calm * 2) > 0 ? undefined : wrongIn(world, rules, choose)?.wrong)
    if (law !== undefined) return { takes: world.takes, faults: world.faults, law, steps: lived }
  }
  return { takes: world.takes, faults: world.faults, law: undefined, steps: lived }
}

export interface Life {
  readonly takes: number
  readonly faults: number
  /** The law that broke. */
  readonly law: string | undefined
  readonly steps: readonly Step[]
}
