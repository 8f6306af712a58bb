/** What must hold in the world of ownership, at each step and once nothing happens any more. */
import type { Present } from '../../../src/speaker/assertion.ts'
import { ADDRESS } from '../support/contest.ts'
import { isInformed, possible } from './conditions.ts'
import { apply } from './effects.ts'
import { FLOW, type Kind, REST, type Step, textOf } from './steps.ts'
import { copyWorld, isReachable, nameOf, presentFor, type Rules, runs, type World } from './world.ts'

/** More steps than any world needs to come to rest: then it never does. */
const RESTLESS = 400
/** How often the address may change hands for one fault: two nodes may take it at once, and one of them is right. */
const TAKES_PER_FAULT = 2

/** The nodes that answer on the wire. */
export const answering = ({ speakers }: World): readonly number[] =>
  [...speakers.keys()].filter((at) => {
    const speaker = speakers[at]
    return speaker !== undefined && runs(speaker) && speaker.isSettled && speaker.answers !== undefined
  })

/** The running nodes that can know of each other, by the lowest of them. */
function sides(world: World): readonly (readonly number[])[] {
  const running = [...world.speakers.keys()].filter((at) => isRunning(world, at))
  const found: number[][] = []
  for (const at of running) {
    const side = found.find(([first = at]) => isReachable(world, at, first))
    if (side === undefined) found.push([at])
    else side.push(at)
  }
  return found
}

const isRunning = (world: World, at: number): boolean => {
  const speaker = world.speakers[at]
  return speaker !== undefined && runs(speaker)
}

const isWhole = ({ links }: World, side: readonly number[]): boolean =>
  side.every((one) => side.every((other) => one === other || links[one]?.[other] === true))

/** What is wrong in a state, whatever comes next. */
export function faultOf(before: World, world: World, rules: Rules): string | undefined {
  const [old, now] = [before.claim.record, world.claim.record]
  if (old !== undefined && (now === undefined || now.epoch < old.epoch || (now.epoch === old.epoch && now.node !== old.node)))
    return `the record fell from ${JSON.stringify(old)} to ${JSON.stringify(now)}`
  for (const [at, speaker] of world.speakers.entries())
    if (runs(speaker) && !speaker.isSettled && speaker.answers !== undefined) return `${nameOf(at)} answers before it has heard the others`
  const usurper = world.speakers.findIndex((_, at) => hasTaken(before, world, at) && !hearsEnough(world, at))
  if (usurper >= 0) return `${nameOf(usurper)} took the address, and it hears too few`
  const wire = answering(world)
  for (const side of sides(world)) {
    const both = side.filter((at) => wire.includes(at))
    if (both.length > 1 && isWhole(world, side) && side.every((at) => isInformed(world, at, rules)))
      return `${both.map(nameOf).join(' and ')} answer on one side, and everything was said`
  }
  return undefined
}

/** Whether a node announces an epoch that the claim does not give it. */
function hasTaken(before: World, world: World, at: number): boolean {
  const [old, now] = [before.speakers[at], world.speakers[at]]
  return now?.answers !== undefined && now.answers !== old?.answers && now.own?.recorded === false && old?.own?.epoch !== now.answers
}

/** A majority of the known speakers, by what the node hears. */
const hearsEnough = ({ speakers }: World, at: number): boolean =>
  speakers.filter((_, other) => other === at || speakers[at]?.alive[other] === true).length * 2 > speakers.length

export interface Rest {
  readonly world: World
  readonly wrong: string | undefined
  /** What happened until then. */
  readonly steps: readonly Step[]
}

/** Which of the possible steps comes next. */
export type Choose = (steps: readonly Step[]) => Step | undefined

const FIRST: Choose = ([first]) => first

/** Lets everything that flows flow, and everybody wait long enough, until nothing happens any more; faults stay as they are. */
export function flow(start: World, rules: Rules, choose: Choose = FIRST): Rest {
  const world = copyWorld(start)
  const steps: Step[] = []
  for (let count = 0; count < RESTLESS; count++) {
    const before = copyWorld(world)
    const next = choose(possible(world, FLOW, rules)) ?? choose(possible(world, REST, rules))
    if (next === undefined) return { world, wrong: undefined, steps }
    apply(world, next, rules)
    steps.push(next)
    const wrong = faultOf(before, world, rules)
    if (wrong !== undefined) return { world, wrong, steps }
  }
  return { world, wrong: `it does not come to rest: ${steps.slice(-12).map(textOf).join(', ')}`, steps }
}

/** Ends every fault, except what people have said: which nodes are excluded. */
export function repair(start: World, rules: Rules): World {
  const world = copyWorld(start)
  const kinds: readonly Kind[] = ['api-back', 'link', 'able', 'resume', 'stop', 'start']
  for (const kind of kinds) for (const step of possible(world, [kind], rules)) apply(world, step, rules)
  return world
}

const isFit = (world: World, at: number): boolean => {
  const speaker = world.speakers[at]
  return speaker !== undefined && runs(speaker) && speaker.isAble && !speaker.isLeaving && world.excluded[at] !== true
}

/** What is wrong at rest while faults last. */
export function wrongAtRest(world: World, rules: Rules): string | undefined {
  const wire = answering(world)
  const { speakers, api } = world
  for (const side of sides(world)) {
    const here = side.filter((at) => wire.includes(at))
    // Words are not passed on: of two that hear of each other by a third one only, the API server tells the one that the other one has it.
    const canTell = isWhole(world, side) || here.every((at) => api[at] === true)
    if (here.length > 1 && canTell) return `at rest ${here.map(nameOf).join(' and ')} answer on one side`
    const unwanted = here.find((at) => world.excluded[at] === true)
    if (unwanted !== undefined) return `at rest ${nameOf(unwanted)} answers, and it is excluded`
    if (here.length > 0 || side.length * 2 <= speakers.length) continue
    const idle = whoShould(world, side, rules)
    if (idle !== undefined) return `at rest nobody answers on the side of ${side.map(nameOf).join(', ')}, and ${nameOf(idle)} could`
  }
  // Two speakers that do not hear each other still have the claim in common.
  if (speakers.length === 2 && wire.length > 1 && wire.every((at) => api[at] === true)) return 'at rest both answer, and both see the claim'
  return undefined
}

/**
 * A node of a majority that may answer and knows all that its side knows. What a node has read in the claim it does not pass on: where one
 * node alone sees the API server and cannot serve, the others may wait for an owner that it knows to be gone. Nor does an owner know that it
 * is one whose write went through while its answer, and then the API server, were lost to it; that lasts until the node is not Ready.
 */
function whoShould(world: World, side: readonly number[], rules: Rules): number | undefined {
  const believed = new Map(side.map((at) => [at, believes(world, at, rules)]))
  const known = [...believed.values()].reduce((best, present) => rules.merge(best, present, ADDRESS), undefined)
  const knows = (at: number): boolean => JSON.stringify(inOrder(believed.get(at))) === JSON.stringify(inOrder(known))
  const owner = side.find((at) => known?.state === 'held' && known.node === nameOf(at))
  if (owner !== undefined && world.api[owner] === false && !knows(owner)) return undefined
  return side.find((at) => isFit(world, at) && knows(at) && (known !== undefined || world.api[at] === true))
}

const believes = (world: World, at: number, rules: Rules): Present | undefined => {
  const speaker = world.speakers[at]
  return speaker === undefined ? undefined : presentFor(speaker, at, rules)
}

/** What is wrong at rest when every fault has ended: one owner, which everybody knows and the claim names. */
export function wrongWhenWell(world: World, rules: Rules): string | undefined {
  const wire = answering(world)
  const fit = [...world.speakers.keys()].filter((at) => isFit(world, at))
  if (fit.length === 0) return wire.length === 0 ? undefined : `${wire.map(nameOf).join()} answers and may not`
  const [owner] = wire
  if (wire.length !== 1 || owner === undefined) return `healed and at rest, ${wire.map(nameOf).join(' and ') || 'nobody'} answers`
  const wanted = JSON.stringify({ node: nameOf(owner), epoch: world.speakers[owner]?.answers, state: 'held', recorded: true })
  if (JSON.stringify(inOrder(world.claim.record)) !== wanted) return `the claim says ${JSON.stringify(world.claim.record)}, not ${wanted}`
  for (const [at, speaker] of world.speakers.entries()) {
    const present = JSON.stringify(inOrder(presentFor(speaker, at, rules)))
    if (present !== wanted) return `${nameOf(at)} believes ${present}, not ${wanted}`
  }
  return undefined
}

const inOrder = (present: World['claim']['record']) =>
  present === undefined ? undefined : { node: present.node, epoch: present.epoch, state: present.state, recorded: present.recorded }

/** What is wrong with the number of moves. */
export function wrongInMoves({ takes, faults }: World): string | undefined {
  const most = TAKES_PER_FAULT * (faults + 1)
  return takes > most ? `${takes} moves for ${faults} faults` : undefined
}

/** What is wrong with what becomes of a state: as it is, and when every fault ends. */
export function wrongIn(world: World, rules: Rules, choose?: Choose): Rest | undefined {
  const asItIs = flow(world, rules, choose)
  const wrong = asItIs.wrong ?? wrongAtRest(asItIs.world, rules) ?? wrongInMoves(asItIs.world)
  if (wrong !== undefined) return { ...asItIs, wrong }
  const well = flow(repair(world, rules), rules, choose)
  const wrongNow = well.wrong ?? wrongWhenWell(well.world, rules) ?? wrongInMoves(well.world)
  return wrongNow === undefined ? undefined : { ...well, wrong: `${wrongNow} (after every repair)` }
}
