/**
 * A small world in which the real rules of ownership run: speakers, what each of them knows, the network between them and one claim. Nothing
 * in it takes time; whatever can happen happens as a step of its own (steps.ts), in any order.
 */
import { ok } from '../../../src/result.ts'
import type { Present } from '../../../src/speaker/assertion.ts'
import { electionOrder } from '../../../src/speaker/election.ts'
import { quorumOf } from '../../../src/speaker/membership/facts.ts'
import type { Contest, Ownership } from '../../../src/speaker/ownership.ts'
import { ABILITY, ADDRESS } from '../support/contest.ts'

/** The claim as the API server has it, or as a node last read it. */
export interface Claim {
  readonly version: number
  readonly record: Present | undefined
}

export type Word = Pick<Present, 'epoch' | 'state' | 'recorded'>

/** One speaker. Arrays have an entry for each node of the world, its own place unused. */
export interface Speaker {
  /** Rises with each start of its process. */
  life: number
  isUp: boolean
  isPaused: boolean
  isAble: boolean
  isLeaving: boolean
  /** The fence is open and membership is settled. */
  isSettled: boolean
  claim: Claim
  own: Word | undefined
  heard: (Word | undefined)[]
  /** Which life of each other node it heard last, and whether it counts as alive now, and as leaving. */
  lives: number[]
  alive: boolean[]
  leaving: boolean[]
  /** Whether the present owner was heard since it has this epoch. */
  ownerHeard: { readonly tenure: string; readonly isHeard: boolean }
  /** What it waits for, and whether it has waited long enough. */
  wait: string
  isDue: boolean
  /** What its last look came to. */
  answers: number | undefined
  waits: boolean
  wants: Present | undefined
}

export interface World {
  readonly speakers: Speaker[]
  claim: Claim
  /** By both nodes: whether packets go from the one to the other. Symmetric. */
  readonly links: boolean[][]
  /** Whether a node reaches the API server. */
  readonly api: boolean[]
  readonly excluded: boolean[]
  /** A word that is late: by its sender's and its receiver's place. */
  readonly late: (readonly [life: number, word: Word] | undefined)[]
  /** A write that is late. */
  readonly lateWrites: (readonly [version: number, record: Present] | undefined)[]
  moveTo: { readonly node: string; readonly epoch: number; readonly reason: 'moved' } | undefined
  /** How often a node began to own the address. */
  takes: number
  faults: number
}

/** What the world runs: the product's rules, or a broken form of them. */
export interface Rules {
  readonly decide: (contest: Contest) => Ownership
  readonly merge: (present: Present | undefined, other: Present | undefined, address: string) => Present | undefined
  /** Words of a process that ended are forgotten when its next life is heard. */
  readonly forgetsEarlierLives: boolean
  /** A node goes on saying its word until the claim says something higher, although another node's word is right. */
  readonly keepsOwnWord: boolean
}

export const NAMES = ['n1', 'n2', 'n3'] as const
export const nameOf = (at: number): string => NAMES[at] ?? `n${at + 1}`
const placeOf = (name: string): number => NAMES.indexOf(name as (typeof NAMES)[number])
const ORDERS = [1, 2, 3].map((count) => electionOrder(NAMES.slice(0, count), ADDRESS))

const all = <T>(count: number, value: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => value(at))

const NO_CLAIM: Claim = { version: 1, record: undefined }

/** Nodes that are well, and an address that nobody ever had. */
export function createWorld(count: number): World {
  return {
    speakers: all(count, () => newLife({ life: 0, isAble: true, claim: NO_CLAIM }, count, true)),
    claim: NO_CLAIM,
    links: all(count, () => all(count, () => true)),
    api: all(count, () => true),
    excluded: all(count, () => false),
    late: all(count * count, () => undefined),
    lateWrites: all(count, () => undefined),
    moveTo: undefined,
    takes: 0,
    faults: 0,
  }
}

/** A process that has just started; `isOld`: one that has heard the others already. */
export function newLife({ life, isAble, claim }: Pick<Speaker, 'life' | 'isAble' | 'claim'>, count: number, isOld = false): Speaker {
  return {
    life,
    isAble,
    claim,
    isUp: true,
    isPaused: false,
    isLeaving: false,
    isSettled: isOld,
    own: undefined,
    heard: all(count, () => undefined),
    lives: all(count, () => 0),
    alive: all(count, () => isOld),
    leaving: all(count, () => false),
    ownerHeard: { tenure: '', isHeard: false },
    wait: '',
    isDue: false,
    answers: undefined,
    waits: false,
    wants: undefined,
  }
}

/** A copy that shares nothing that can change. */
export function copyWorld(world: World): World {
  return {
    ...world,
    speakers: world.speakers.map((speaker) => ({
      ...speaker,
      heard: speaker.heard.slice(),
      lives: speaker.lives.slice(),
      alive: speaker.alive.slice(),
      leaving: speaker.leaving.slice(),
    })),
    links: world.links.map((row) => row.slice()),
    api: world.api.slice(),
    excluded: world.excluded.slice(),
    late: world.late.slice(),
    lateWrites: world.lateWrites.slice(),
  }
}

/** Takes part in anything now. */
export const runs = (speaker: Speaker): boolean => speaker.isUp && !speaker.isPaused

/** Whether `from` can know that `to` is alive: by itself or by whom it hears, since everyone heard is a witness. */
export function isReachable(world: World, from: number, to: number): boolean {
  const { speakers, links } = world
  if (!speakers.every((speaker, at) => (at !== from && at !== to) || runs(speaker))) return false
  if (links[from]?.[to] === true) return true
  return speakers.some((speaker, at) => at !== from && at !== to && runs(speaker) && links[from]?.[at] === true && links[at]?.[to] === true)
}

const wordOf = (node: number, word: Word): Present => ({ node: nameOf(node), ...word })

/** Who has the address as this node knows it: the claim's record first, then its own word, then the others'. */
export function presentFor(speaker: Speaker, at: number, { merge }: Rules): Present | undefined {
  let present = speaker.claim.record
  if (speaker.own !== undefined) present = merge(present, wordOf(at, speaker.own), ADDRESS)
  for (const [node, word] of speaker.heard.entries()) if (word !== undefined) present = merge(present, wordOf(node, word), ADDRESS)
  return present
}

/** Looks at everything that node `at` knows, with the rules, and acts on it. */
export function look(world: World, at: number, rules: Rules): void {
  const speaker = world.speakers[at]
  if (speaker === undefined || !runs(speaker)) return
  tidy(speaker, at, rules)
  const present = presentFor(speaker, at, rules)
  noteOwner(speaker, at, present)
  const ownership = rules.decide(contestOf(world, speaker, at, present))
  if (ownership.kind === 'answer' || (ownership.kind === 'silent' && ownership.reason === 'owned-elsewhere')) {
    const keeps = ownership.kind === 'answer' && ownership.wakeInMs !== undefined
    if (!keeps) speaker.wait = ''
  }
  act(world, speaker, at, ownership)
}

/** Forgets the words that the claim has overtaken. */
function tidy(speaker: Speaker, at: number, { merge, keepsOwnWord, ...rules }: Rules): void {
  const { record } = speaker.claim
  const isOvertaken = (node: number, word: Word, by: Present | undefined): boolean => {
    const said = wordOf(node, word)
    return by !== undefined && (by.node !== said.node || by.epoch > said.epoch) && merge(by, said, ADDRESS) === by
  }
  for (const [node, word] of speaker.heard.entries())
    if (word !== undefined && isOvertaken(node, word, record)) speaker.heard[node] = undefined
  if (speaker.own === undefined) return
  const by = keepsOwnWord ? record : presentFor(speaker, at, { merge, keepsOwnWord, ...rules })
  if (isOvertaken(at, speaker.own, by)) speaker.own = undefined
}

function noteOwner(speaker: Speaker, at: number, present: Present | undefined): void {
  const owner = present?.state === 'held' ? placeOf(present.node) : at
  const tenure = present === undefined ? '' : `${present.node}/${present.epoch}`
  const isHeardNow = owner === at || speaker.alive[owner] === true || speaker.heard[owner]?.epoch === present?.epoch
  const before = speaker.ownerHeard
  const isHeard = isHeardNow || (before.tenure === tenure && before.isHeard)
  if (before.tenure !== tenure || before.isHeard !== isHeard) speaker.ownerHeard = { tenure, isHeard }
}

function contestOf(world: World, speaker: Speaker, at: number, present: Present | undefined): Contest {
  const count = world.speakers.length
  const order = ORDERS[count - 1] ?? []
  const members = new Map(
    NAMES.slice(0, count).map((name, node) => [name, { alive: node === at || speaker.alive[node] === true, lastSignMs: 0 }]),
  )
  return {
    self: nameOf(at),
    address: ADDRESS,
    leaving: speaker.isLeaving,
    ability: speaker.isAble ? ok(ABILITY) : { ok: false, error: 'interface-down' },
    present,
    moveTo: world.moveTo,
    membership: {
      settled: speaker.isSettled,
      quorum: quorumOf({ members } as unknown as Parameters<typeof quorumOf>[0]),
      ownerHeard: speaker.ownerHeard.isHeard,
    },
    challenged: false,
    nodes: order,
    order: () => order,
    complete: true,
    eligibility: (name) => {
      const node = placeOf(name)
      if (world.excluded[node] === true) return { eligible: false, reason: 'node-excluded' }
      if (node !== at && speaker.alive[node] !== true) return { eligible: false, reason: 'speaker-silent' }
      const isLeaving = node === at ? speaker.isLeaving : speaker.leaving[node]
      return isLeaving === true ? { eligible: false, reason: 'speaker-leaving' } : { eligible: true }
    },
    vacantForMs: (vacancy) => {
      if (speaker.wait !== vacancy) {
        speaker.wait = vacancy
        speaker.isDue = false
      }
      return speaker.isDue ? 1e9 : 0
    },
  }
}

function act(world: World, speaker: Speaker, at: number, ownership: Ownership): void {
  const mine = (epoch: number, state: Present['state']): Present => ({ node: nameOf(at), epoch, state, recorded: true })
  speaker.answers = undefined
  speaker.wants = undefined
  speaker.waits = 'wakeInMs' in ownership && ownership.wakeInMs !== undefined
  if (ownership.kind === 'answer' || (ownership.kind === 'take' && ownership.first === 'announce')) {
    const recorded = ownership.kind === 'answer' && ownership.recorded
    if (ownership.kind === 'take') world.takes++
    speaker.answers = ownership.epoch
    speaker.own = { epoch: ownership.epoch, state: 'held', recorded }
    if (!recorded) speaker.wants = mine(ownership.epoch, 'held')
  } else if (ownership.kind === 'take') speaker.wants = mine(ownership.epoch, 'held')
  else if (ownership.kind === 'release') speaker.own = { epoch: ownership.epoch, state: 'released', recorded: ownership.recorded }
  const { own, claim } = speaker
  if (own?.state !== 'released' || speaker.wants !== undefined) return
  const isSaid =
    claim.record !== undefined &&
    (claim.record.epoch > own.epoch || (claim.record.state === 'released' && claim.record.epoch === own.epoch))
  if (!isSaid) speaker.wants = mine(own.epoch, 'released')
}
