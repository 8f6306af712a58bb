/** When each step can happen in the world of ownership. */
import { ADDRESS } from '../support/contest.ts'
import type { Kind, Step } from './steps.ts'
import { isReachable, nameOf, type Rules, runs, type Speaker, type Word, type World } from './world.ts'

const isHeardNow = (world: World, at: number, to: number): boolean => {
  const [speaker, other] = [world.speakers[at], world.speakers[to]]
  return speaker?.alive[to] === true && speaker.lives[to] === other?.life
}

const isNoticed = (world: World, at: number, to: number): boolean => {
  const [speaker, other] = [world.speakers[at], world.speakers[to]]
  if (speaker === undefined || other === undefined) return true
  if (!isReachable(world, at, to)) return speaker.alive[to] !== true
  return isHeardNow(world, at, to) && speaker.leaving[to] === other.isLeaving
}

/** Whether a word tells its receiver anything. */
export const isNews = (receiver: Speaker, from: number, word: Word, { merge }: Rules): boolean => {
  const said = { node: nameOf(from), ...word }
  const known = receiver.heard[from]
  const { record } = receiver.claim
  if (known !== undefined && merge({ node: nameOf(from), ...known }, said, ADDRESS)?.epoch === known.epoch)
    return known.epoch === word.epoch && (known.state !== word.state ? word.state === 'released' : word.recorded && !known.recorded)
  return record === undefined || record.epoch < word.epoch || merge(record, said, ADDRESS) !== record
}

const isUntold = (world: World, from: number, to: number, rules: Rules): boolean => {
  const [speaker, other] = [world.speakers[from], world.speakers[to]]
  if (speaker === undefined || other === undefined || !runs(speaker) || !runs(other) || speaker.own === undefined) return false
  return world.links[from]?.[to] === true && isHeardNow(world, to, from) && isNews(other, from, speaker.own, rules)
}

const isKnowing = (world: World, at: number, rules: Rules): boolean =>
  world.speakers.every((_, other) => other === at || (isNoticed(world, at, other) && !isUntold(world, other, at, rules)))

/** Whether all that node `at` could learn from the nodes that it hears has reached it. */
export const isInformed = isKnowing

type Test = (world: World, at: number, to: number, rules: Rules) => boolean

/** Where the late word from one node to another is kept. */
export const place = (world: World, at: number, to: number): number => at * world.speakers.length + to

/** When a step can happen. Those of one node are asked for `to === at` only. */
const POSSIBLE: Readonly<Record<Kind, { readonly pair: boolean; readonly test: Test }>> = {
  notice: { pair: true, test: (world, at, to) => isRunning(world, at) && !isNoticed(world, at, to) },
  'notice-all': {
    pair: false,
    test: (world, at) => isRunning(world, at) && world.speakers.some((_, to) => to !== at && !isNoticed(world, at, to)),
  },
  tell: { pair: true, test: isUntold },
  arrive: { pair: true, test: (world, at, to) => world.late[place(world, at, to)] !== undefined && isRunning(world, to) },
  read: {
    pair: false,
    test: (world, at) => isRunning(world, at) && world.api[at] === true && world.speakers[at]?.claim.version !== world.claim.version,
  },
  write: {
    pair: false,
    test: (world, at) =>
      isRunning(world, at) &&
      world.api[at] === true &&
      world.speakers[at]?.wants !== undefined &&
      world.speakers[at]?.claim.version === world.claim.version,
  },
  land: { pair: false, test: (world, at) => world.lateWrites[at] !== undefined },
  settle: {
    pair: false,
    test: (world, at, _to, rules) => isRunning(world, at) && world.speakers[at]?.isSettled === false && isKnowing(world, at, rules),
  },
  stop: { pair: false, test: (world, at) => isRunning(world, at) && world.speakers[at]?.isLeaving === true },
  resume: { pair: false, test: (world, at) => world.speakers[at]?.isPaused === true },
  start: { pair: false, test: (world, at) => world.speakers[at]?.isUp === false && world.api[at] === true },
  link: { pair: false, test: (world, at) => at === 0 && world.links.some((row) => row.includes(false)) },
  'api-back': { pair: false, test: (world, at) => world.api[at] === false },
  able: { pair: false, test: (world, at) => world.speakers[at]?.isAble === false },
  crash: { pair: false, test: (world, at) => world.speakers[at]?.isUp === true },
  pause: { pair: false, test: isRunning },
  cut: { pair: true, test: (world, at, to) => at < to && world.speakers.length > 2 && world.links[at]?.[to] === true },
  isolate: { pair: false, test: (world, at) => world.links[at]?.some((isLinked, to) => isLinked && to !== at) === true },
  'api-away': { pair: false, test: (world, at) => world.api[at] === true },
  'api-down': { pair: false, test: (world, at) => at === 0 && world.api.includes(true) },
  unable: { pair: false, test: (world, at) => world.speakers[at]?.isAble === true },
  exclude: { pair: false, test: () => true },
  leave: { pair: false, test: (world, at) => isRunning(world, at) && world.speakers[at]?.isLeaving === false },
  move: {
    pair: false,
    test: (world, at) => world.api[at] === true && world.claim.record?.state === 'held' && world.claim.record.node !== nameOf(at),
  },
  suspect: { pair: true, test: (world, at, to) => isRunning(world, at) && world.speakers[at]?.alive[to] === true },
  delay: { pair: true, test: (world, at, to, rules) => isUntold(world, at, to, rules) && world.late[place(world, at, to)] === undefined },
  'slow-write': {
    pair: false,
    test: (world, at) =>
      isRunning(world, at) && world.api[at] === true && world.speakers[at]?.wants !== undefined && world.lateWrites[at] === undefined,
  },
  expire: { pair: false, test: isWaiting },
  hurry: { pair: false, test: isWaiting },
}

function isRunning(world: World, at: number): boolean {
  const speaker = world.speakers[at]
  return speaker !== undefined && runs(speaker)
}

function isWaiting(world: World, at: number): boolean {
  const speaker = world.speakers[at]
  return speaker !== undefined && runs(speaker) && speaker.waits && !speaker.isDue
}

/** Every step of these kinds that can happen now. */
export function possible(world: World, kinds: readonly Kind[], rules: Rules): Step[] {
  const steps: Step[] = []
  const count = world.speakers.length
  for (const kind of kinds) {
    const { pair, test } = POSSIBLE[kind]
    for (let at = 0; at < count; at++) {
      if (!pair) {
        if (test(world, at, at, rules)) steps.push({ kind, at, to: at })
        continue
      }
      for (let to = 0; to < count; to++) if (to !== at && test(world, at, to, rules)) steps.push({ kind, at, to })
    }
  }
  return steps
}
