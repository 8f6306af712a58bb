import type { HeartbeatEntry, SpeakerFlags } from '../../wire/membership.ts'
import type { Member } from './facts.ts'
import { isSameProcess } from './incarnation.ts'
import { memberId } from './member-id.ts'
import type { Peer } from './message.ts'
import type { MembershipTiming } from './timing.ts'

/** What this node knows of one other speaker. Times are milliseconds of monotonicMs(). */
export interface Known extends SpeakerFlags {
  readonly node: string
  readonly id: bigint
  /** Where it is written to: where the API server says that it is, or where its last packet came from. */
  readonly ip: string
  /** The present one, by its own proof or by the word of one that has it; 0 before. */
  readonly incarnation: bigint
  /** The last heartbeat of this incarnation that knew of ours; undefined before the first. */
  readonly directMs: number | undefined
  /** The freshest sign of life of this incarnation, heard by this node or by one that it hears. */
  readonly freshMs: number | undefined
  /** The same of any incarnation. */
  readonly lastSignMs: number | undefined
  /** When its process was known to have ended; undefined while it lives, and when a later sign of life has disproved it. */
  readonly endedMs: number | undefined
}

/** Who is alive: signs of life of every listed speaker, direct and by hearsay. */
export interface Members {
  /** Replaces the list. Gives the ones that are new. */
  list(peers: readonly Peer[], nowMs: number): readonly string[]
  /** The time to join begins anew for who was never heard: before, nobody could be. */
  listen(nowMs: number): void
  get(node: string): Known | undefined
  all(): Iterable<Known>
  readonly size: number
  /** Rises when something has changed that facts, words or streams depend on: not at every sign of life. */
  readonly version: number
  /** A heartbeat that knows of our present incarnation, which no recording from before can. True when it is the first one of `incarnation`. */
  heard(node: string, heartbeat: SpeakerFlags & { readonly incarnation: bigint; readonly ip: string }, nowMs: number): boolean
  /** What a speaker that is heard says of the others. Entries about strangers and former lives are ignored. */
  told(entry: HeartbeatEntry, nowMs: number): void
  /** This node has begun a new incarnation: everybody has to be heard again. */
  forgetHeard(): void
  /**
   * This thread did not run since `fromMs`, and what came meanwhile is not read yet: who was alive then is not found silent before
   * `untilMs`.
   */
  spare(fromMs: number, untilMs: number): void
  /** Its kernel said that the process is gone. */
  ended(node: string, nowMs: number): void
  isAlive(known: Known, nowMs: number): boolean
  /** When the state of `known` changes by itself, if nothing is heard: it dies, or is to be asked. Infinity when it does not. */
  nextMs(known: Known, nowMs: number): number
  member(known: Known, nowMs: number): Member
}

/** A packet that was on its way when the process ended may come a little later: it disproves nothing. */
const ENDED_MARGIN_MS = 30
/** What a word of mouth costs at least on its way, so that no rumour can keep a dead speaker alive by going in circles. */
const HOP_MS = 2

/** How many intervals of the heartbeat two last signs of one cut are apart at most: one, and the lateness of a timer. */
const LONGEST_HOLD = 1.2
const HELD_LOOK_MS = 10

type State = { -readonly [K in keyof Known]: Known[K] } & {
  listedMs: number
  endedIncarnation: bigint
  /** The first incarnation that was heard of its present process. */
  life: bigint | undefined
}

interface Judge {
  readonly timing: MembershipTiming
  readonly states: ReadonlyMap<string, State>
  spared: { readonly fromMs: number; readonly untilMs: number }
}

export function createMembers(timing: MembershipTiming): Members {
  const states = new Map<string, State>()
  const byId = new Map<bigint, State>()
  const judge: Judge = { timing, states, spared: { fromMs: Number.POSITIVE_INFINITY, untilMs: Number.NEGATIVE_INFINITY } }
  let version = 0
  return {
    get size() {
      return states.size
    },
    get version() {
      return version
    },
    get: (node) => states.get(node),
    all: () => states.values(),
    list(peers, nowMs) {
      version++
      return list(states, byId, peers, nowMs)
    },
    listen(nowMs) {
      version++
      for (const state of states.values()) state.listedMs = nowMs
    },
    forgetHeard() {
      version++
      for (const state of states.values()) state.directMs = state.freshMs = undefined
    },
    spare(fromMs, untilMs) {
      judge.spared = { fromMs, untilMs }
    },
    heard(node, heartbeat, nowMs) {
      const state = states.get(node)
      if (state === undefined) return false
      const before = standing(state, judge, nowMs)
      const isFirst = heard(state, heartbeat, nowMs)
      if (isFirst || standing(state, judge, nowMs) !== before) version++
      return isFirst
    },
    told(entry, nowMs) {
      const state = byId.get(entry.id)
      if (state === undefined || !isNews(state, entry, nowMs)) return
      const [before, { incarnation }] = [standing(state, judge, nowMs), state]
      told(state, entry, timing, nowMs)
      if (state.incarnation !== incarnation || standing(state, judge, nowMs) !== before) version++
    },
    ended(node, nowMs) {
      version++
      end(states.get(node), nowMs)
    },
    ...readings(judge),
  }
}

/** What follows from the state of one speaker. */
const readings = (judge: Judge): Pick<Members, 'isAlive' | 'nextMs' | 'member'> => ({
  isAlive: (known, nowMs) => faultOf(known as State, judge, nowMs) === undefined,
  nextMs: (known, nowMs) => nextMs(known as State, judge, nowMs),
  member(known, nowMs) {
    const fault = faultOf(known as State, judge, nowMs)
    const { serving, leaving, lastSignMs, life } = known as State
    return { alive: fault === undefined, serving, leaving, lastSignMs, fault, incarnation: life }
  },
})

function list(states: Map<string, State>, byId: Map<bigint, State>, peers: readonly Peer[], nowMs: number): readonly string[] {
  const listed = new Map(peers.map((peer) => [peer.node, peer.ip]))
  for (const [node, { id }] of states) {
    if (listed.has(node)) continue
    states.delete(node)
    byId.delete(id)
  }
  const added: string[] = []
  for (const [node, ip] of listed) {
    const present = states.get(node)
    if (present !== undefined) {
      present.ip = ip
      continue
    }
    const state = newState(node, ip, nowMs)
    states.set(node, state)
    byId.set(state.id, state)
    added.push(node)
  }
  return added
}

const newState = (node: string, ip: string, nowMs: number): State => ({
  node,
  id: memberId(node),
  ip,
  incarnation: 0n,
  directMs: undefined,
  freshMs: undefined,
  lastSignMs: undefined,
  endedMs: undefined,
  endedIncarnation: 0n,
  life: undefined,
  serving: false,
  leaving: false,
  listedMs: nowMs,
})

function setFlags(state: State, { serving, leaving }: SpeakerFlags): void {
  state.serving = serving
  state.leaving = leaving
}

/** A new life: what was heard of the former one does not speak for it, but it takes nothing back either. */
function adopt(state: State, incarnation: bigint): void {
  if (incarnation <= state.incarnation) return
  if (state.life === undefined || !isSameProcess(state.incarnation, incarnation)) state.life = incarnation
  state.incarnation = incarnation
  state.directMs = undefined
  state.freshMs = undefined
}

/** Notes a sign of life of the present incarnation. False when it is older than the end of that incarnation. */
function sign(state: State, atMs: number): boolean {
  if (state.endedMs !== undefined) {
    if (state.incarnation === state.endedIncarnation && atMs <= state.endedMs + ENDED_MARGIN_MS) return false
    state.endedMs = undefined
  }
  state.freshMs = Math.max(state.freshMs ?? atMs, atMs)
  state.lastSignMs = Math.max(state.lastSignMs ?? atMs, atMs)
  return true
}

/** Notes a heartbeat that knows of us; true when it is the first one of its incarnation. */
function heard(state: State, heartbeat: Parameters<Members['heard']>[1], nowMs: number): boolean {
  if (heartbeat.incarnation < state.incarnation) return false
  adopt(state, heartbeat.incarnation)
  state.ip = heartbeat.ip
  if (!sign(state, nowMs)) return false
  const isFirst = state.directMs === undefined
  state.directMs = nowMs
  setFlags(state, heartbeat)
  return isFirst
}

function end(state: State | undefined, atMs: number): void {
  if (state === undefined) return
  if (state.endedMs !== undefined && state.endedIncarnation === state.incarnation) return
  state.endedMs = atMs
  state.endedIncarnation = state.incarnation
}

/** Whether the entry can change anything. Most do not, and there are many. */
function isNews(state: State, { incarnation, ageMs, ended }: HeartbeatEntry, nowMs: number): boolean {
  if (incarnation < state.incarnation || ageMs === Number.POSITIVE_INFINITY) return false
  return ended || state.freshMs === undefined || incarnation > state.incarnation || nowMs - ageMs - HOP_MS > state.freshMs
}

/** What others see of a state, as a number. */
function standing(state: State, judge: Judge, nowMs: number): number {
  const fault = faultOf(state, judge, nowMs)
  const faults = fault === undefined ? 0 : fault === 'ended' ? 1 : fault === 'silent' ? 2 : 3
  return faults * 4 + (state.serving ? 2 : 0) + (state.leaving ? 1 : 0)
}

/** Of an entry that is news. */
function told(state: State, entry: HeartbeatEntry, timing: MembershipTiming, nowMs: number): void {
  const atMs = nowMs - entry.ageMs - HOP_MS
  adopt(state, entry.incarnation)
  if (entry.ended) {
    if (state.freshMs === undefined || state.freshMs <= atMs + ENDED_MARGIN_MS) end(state, atMs)
    return
  }
  if (state.freshMs !== undefined && atMs <= state.freshMs) return
  if (!sign(state, atMs)) return
  // While it is heard directly its own word counts: hearsay that was delayed looks younger than it is.
  if (state.directMs === undefined || nowMs - state.directMs > 3 * timing.heartbeatMs) setFlags(state, entry)
}

/** When a speaker that is heard no more counts as dead. */
function silentAtMs({ lastSignMs, listedMs }: State, { timing, spared }: Judge): number {
  const atMs = lastSignMs === undefined ? listedMs + timing.joinMs : lastSignMs + timing.deadMs
  return atMs <= spared.fromMs ? atMs : Math.max(atMs, spared.untilMs)
}

function faultOf(state: State, judge: Judge, nowMs: number): Member['fault'] {
  if (state.endedMs !== undefined) return 'ended'
  const silentMs = silentAtMs(state, judge)
  if (nowMs < silentMs || isHeld(state, judge, nowMs - silentMs, nowMs)) return undefined
  return state.lastSignMs === undefined ? 'never-heard' : 'silent'
}

/**
 * A cut silences several at once, and their last heartbeats are up to one interval apart. Were they found dead one after the other, a
 * node that the cut has left alone would believe in a majority in between, and take over what the lost side has. So one that is silent
 * waits for every other that is nearly so: within the interval it is heard again, or they are dead together.
 */
function isHeld(state: State, { timing, states, ...judge }: Judge, lateMs: number, nowMs: number): boolean {
  const { heartbeatMs, deadMs } = timing
  if (state.lastSignMs === undefined || lateMs >= heartbeatMs * LONGEST_HOLD) return false
  for (const other of states.values()) {
    if (other === state || other.endedMs !== undefined || other.lastSignMs === undefined) continue
    const silentMs = nowMs - other.lastSignMs
    if (silentMs > deadMs - heartbeatMs * LONGEST_HOLD && nowMs < silentAtMs(other, { timing, states, ...judge })) return true
  }
  return false
}

/** When to look again: one that is held is looked at often, for what it waits for makes no noise. */
function nextMs(state: State, judge: Judge, nowMs: number): number {
  if (faultOf(state, judge, nowMs) !== undefined) return Number.POSITIVE_INFINITY
  const silentMs = silentAtMs(state, judge)
  return nowMs < silentMs ? silentMs : nowMs + HELD_LOOK_MS
}
