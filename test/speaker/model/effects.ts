/** What each step does in the world of ownership. After it the node that it concerns looks at everything again. */
import { isNews, place } from './conditions.ts'
import { FAULTS, type Kind, type Step } from './steps.ts'
import { copyWorld, isReachable, look, nameOf, newLife, type Rules, type Speaker, type Word, type World } from './world.ts'

type Effect = (world: World, speaker: Speaker, step: Step, rules: Rules) => void

const hear = (world: World, from: number, to: number, word: Word): void => {
  const receiver = world.speakers[to]
  if (receiver !== undefined) receiver.heard[from] = word
}

function notice(world: World, at: number, to: number, { forgetsEarlierLives }: Rules): void {
  const [speaker, other] = [world.speakers[at], world.speakers[to]]
  if (speaker === undefined || other === undefined) return
  speaker.alive[to] = isReachable(world, at, to)
  if (speaker.alive[to] !== true) return
  if (speaker.lives[to] !== other.life && forgetsEarlierLives) speaker.heard[to] = undefined
  speaker.lives[to] = other.life
  speaker.leaving[to] = other.isLeaving
}

function write(world: World, speaker: Speaker): void {
  const { wants } = speaker
  if (wants === undefined) return
  world.claim = { version: world.claim.version + 1, record: wants }
  speaker.claim = world.claim
  if (wants.state === 'held' && speaker.own?.epoch !== wants.epoch) world.takes++
  speaker.own = { epoch: wants.epoch, state: wants.state, recorded: true }
}

/** What each step does, before the look. */
const EFFECTS: Readonly<Record<Kind, Effect>> = {
  notice: (world, _, { at, to }, rules) => notice(world, at, to, rules),
  'notice-all'(world, _, { at }, rules) {
    for (let to = 0; to < world.speakers.length; to++) if (to !== at) notice(world, at, to, rules)
  },
  tell(world, { own }, { at, to }) {
    if (own !== undefined) hear(world, at, to, own)
  },
  arrive(world, _, { at, to }, rules) {
    const [life, word] = world.late[place(world, at, to)] ?? []
    world.late[place(world, at, to)] = undefined
    const receiver = world.speakers[to]
    // Packets of an earlier life are refused.
    if (receiver === undefined || word === undefined || receiver.lives[at] !== life) return
    if (isNews(receiver, at, word, rules)) hear(world, at, to, word)
  },
  read(world, speaker) {
    speaker.claim = world.claim
  },
  write,
  land(world, _, { at }) {
    const [version, record] = world.lateWrites[at] ?? []
    world.lateWrites[at] = undefined
    if (record !== undefined && version === world.claim.version) world.claim = { version: version + 1, record }
  },
  settle: (_, speaker) => set(speaker, { isSettled: true }),
  stop: end,
  resume: (_, speaker) => set(speaker, { isPaused: false, isSettled: false }),
  start(world, speaker, { at }) {
    const { life, isAble } = speaker
    world.speakers[at] = newLife({ life: life + 1, isAble, claim: world.claim }, world.speakers.length)
  },
  link(world) {
    for (const row of world.links) row.fill(true)
  },
  'api-back'(world, _, { at }) {
    world.api[at] = true
  },
  able: (_, speaker) => set(speaker, { isAble: true }),
  crash: end,
  pause: (_, speaker) => set(speaker, { isPaused: true }),
  cut: (world, _, { at, to }) => cutLink(world, at, to),
  isolate(world, _, { at }) {
    for (let to = 0; to < world.speakers.length; to++) if (to !== at) cutLink(world, at, to)
  },
  'api-away'(world, _, { at }) {
    world.api[at] = false
  },
  'api-down'(world) {
    world.api.fill(false)
  },
  unable: (_, speaker) => set(speaker, { isAble: false }),
  exclude(world, _, { at }) {
    world.excluded[at] = world.excluded[at] !== true
  },
  leave: (_, speaker) => set(speaker, { isLeaving: true }),
  move(world, _, { at }) {
    world.moveTo = { node: nameOf(at), epoch: world.claim.record?.epoch ?? 0, reason: 'moved' }
  },
  suspect(_, speaker, { to }) {
    speaker.alive[to] = false
  },
  delay(world, { life, own }, { at, to }) {
    world.late[place(world, at, to)] = own === undefined ? undefined : [life, own]
  },
  'slow-write'(world, { claim, wants }, { at }) {
    world.lateWrites[at] = wants === undefined ? undefined : [claim.version, wants]
  },
  expire: (_, speaker) => set(speaker, { isDue: true }),
  hurry: (_, speaker) => set(speaker, { isDue: true }),
}

function set(speaker: Speaker, change: Partial<Speaker>): void {
  Object.assign(speaker, change)
}

function cutLink(world: World, at: number, to: number): void {
  for (const [one, other] of [
    [at, to],
    [to, at],
  ] as const) {
    const row = world.links[one]
    if (row !== undefined) row[other] = false
  }
}

function end(world: World, speaker: Speaker): void {
  const count = world.speakers.length
  const { life, isAble, claim } = speaker
  Object.assign(speaker, newLife({ life, isAble, claim }, count), { isUp: false })
}

/** Whose look a step asks for; everybody's where it is a fact that all of them see. */
const LOOKERS: Readonly<Partial<Record<Kind, 'to' | 'all' | 'none'>>> = {
  tell: 'to',
  arrive: 'to',
  land: 'none',
  link: 'none',
  cut: 'none',
  isolate: 'none',
  'api-away': 'none',
  'api-down': 'none',
  'api-back': 'none',
  pause: 'none',
  crash: 'none',
  stop: 'none',
  delay: 'none',
  'slow-write': 'none',
  exclude: 'all',
  move: 'all',
}

const isFault = (kind: Kind): boolean => (FAULTS as readonly Kind[]).includes(kind)

/** The world after a step; the one before is left as it is. */
export function after(world: World, step: Step, rules: Rules): World {
  const next = copyWorld(world)
  apply(next, step, rules)
  return next
}

/** Changes the world. */
export function apply(world: World, step: Step, rules: Rules): void {
  const { kind, at, to } = step
  const speaker = world.speakers[at]
  if (speaker === undefined) return
  EFFECTS[kind](world, speaker, step, rules)
  if (isFault(kind)) world.faults++
  const lookers = LOOKERS[kind] ?? 'at'
  if (lookers === 'at') look(world, at, rules)
  else if (lookers === 'to') look(world, to, rules)
  else if (lookers === 'all') for (let each = 0; each < world.speakers.length; each++) look(world, each, rules)
}
