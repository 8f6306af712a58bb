import { type MembershipBody, wordsPerPacket } from '../../wire/membership.ts'
import type { Effect } from './effect.ts'
import type { MembershipFacts } from './facts.ts'
import { heartbeatEntries } from './heartbeat.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { memberId } from './member-id.ts'
import { createMembers, type Known, type Members } from './members.ts'
import { STATE_LASTS_MS } from './message.ts'
import type { Permission } from './permission.ts'
import { createReplayWindows, type ReplayWindows } from './replay.ts'
import { createRing, type Ring } from './ring.ts'
import type { MembershipTiming } from './timing.ts'

/** The memory of the state machine, which ./protocol.ts, ./reception.ts and ./rounds.ts share. Times are milliseconds of monotonicMs(). */
export interface Core {
  readonly self: string
  readonly id: bigint
  readonly timing: MembershipTiming
  readonly members: Members
  readonly ledger: Ledger
  readonly replays: ReplayWindows
  /** What is to be done, in order. */
  readonly effects: Effect[]
  /** When a peer was last answered, asked to prove itself, and pinged. */
  readonly answeredMs: Map<string, number>
  readonly invitedMs: Map<string, number>
  readonly pingedMs: Map<string, number>
  /** An incarnation that a peer says it has, and has not proved: what it is told repeats this one, so that it can. */
  readonly claimed: Map<string, bigint>
  /** Peers of which every word is known, with their incarnation: since this node's incarnation began. */
  readonly learnt: Map<string, bigint>
  /** Peers that are waited for before answers are permitted again. */
  expected: ReadonlySet<string>
  /** Peers whose process a stream has tied to its port: a refused connection says that it ended. */
  readonly linked: Set<string>
  /** Peers that are told words. */
  readonly told: Map<string, bigint>
  incarnation: bigint
  /** Somebody knows this incarnation. */
  echoed: boolean
  sequence: bigint
  ring: Ring
  opened: boolean
  listed: boolean
  permission: Permission
  fenceMs: number
  /** The number of the last heartbeat, when it was sent, and when the next one is due. */
  turn: number
  heartbeatMs: number
  nextHeartbeatMs: number
  /** What the main thread said last, and when; undefined before. */
  says: { readonly serving: boolean; readonly leaving: boolean; readonly atMs: number } | undefined
  facts: MembershipFacts
  factsVersion: number
  /** When this thread last did something. */
  turnMs: number
  /** When something is to be done by the clock, and what settled it: until then, and while nothing has changed, nothing is. */
  dueMs: number
  settledVersion: number
}

export interface ProtocolOptions {
  readonly self: string
  /** When this thread started, in microseconds since 1970. */
  readonly incarnation: bigint
  readonly timing: MembershipTiming
}

/** Two answers to the same peer are at least this far apart, whatever it asks. */
const ANSWER_EVERY_MS = 5

export function createCore({ self, incarnation, timing }: ProtocolOptions): Core {
  return {
    self,
    id: memberId(self),
    timing,
    members: createMembers(timing),
    ledger: createLedger(wordsPerPacket(self)),
    replays: createReplayWindows(),
    effects: [],
    answeredMs: new Map(),
    invitedMs: new Map(),
    pingedMs: new Map(),
    claimed: new Map(),
    learnt: new Map(),
    expected: new Set(),
    linked: new Set(),
    told: new Map(),
    incarnation,
    echoed: false,
    sequence: 0n,
    ring: createRing(self, []),
    opened: false,
    listed: false,
    permission: { kind: 'closed' },
    fenceMs: 0,
    turn: 0,
    heartbeatMs: Number.NEGATIVE_INFINITY,
    nextHeartbeatMs: 0,
    says: undefined,
    facts: { settled: false, members: new Map() },
    factsVersion: 0,
    turnMs: Number.NEGATIVE_INFINITY,
    dueMs: Number.NEGATIVE_INFINITY,
    settledVersion: -1,
  }
}

export function send(core: Core, ip: string, body: MembershipBody): void {
  if (!core.opened) return
  core.sequence += 1n
  const packet = { sender: core.self, incarnation: core.incarnation, sequence: core.sequence, ...body }
  core.effects.push({ kind: 'send', ip, packet })
}

/** What this node says of itself: a main thread that says nothing any more serves nobody. */
export function ownFlags({ says }: Core, nowMs: number): { readonly serving: boolean; readonly leaving: boolean } {
  return { serving: says?.serving === true && nowMs - says.atMs < STATE_LASTS_MS, leaving: says?.leaving === true }
}

/** Sends a heartbeat. `echo` is the incarnation of the receiver that it repeats. */
export function sendHeartbeat(
  core: Core,
  to: Known,
  nowMs: number,
  { echo = core.claimed.get(to.node) ?? to.incarnation, ip = to.ip, ended = false } = {},
): void {
  const { members, self, turn, ring } = core
  const flags = ownFlags(core, nowMs)
  const entries = heartbeatEntries({ members, sender: self, to, echo, mesh: ring.mesh, turn, nowMs })
  const own = { id: core.id, incarnation: core.incarnation, ageMs: 0, ...flags, ended }
  // At the end there is more to say of oneself than of the last of the others.
  send(core, ip, { kind: 'heartbeat', ...flags, entries: ended ? [...entries.slice(0, 2), own] : entries })
}

/** The heartbeat that a question, or a stranger to our incarnation, gets at once. */
export function answer(core: Core, to: Known, nowMs: number, more: { readonly echo?: bigint; readonly ip?: string } = {}): void {
  if (nowMs - (core.answeredMs.get(to.node) ?? Number.NEGATIVE_INFINITY) < ANSWER_EVERY_MS) return
  core.answeredMs.set(to.node, nowMs)
  sendHeartbeat(core, to, nowMs, more)
}

export function ping(core: Core, to: Known, nowMs: number): void {
  if (nowMs - (core.pingedMs.get(to.node) ?? Number.NEGATIVE_INFINITY) < core.timing.askMs) return
  core.pingedMs.set(to.node, nowMs)
  send(core, to.ip, { kind: 'ping' })
}

/** Tells every peer something that cannot wait for its turn. */
export function tellAll(core: Core, nowMs: number, more: { readonly ended?: boolean } = {}): void {
  for (const known of core.members.all()) sendHeartbeat(core, known, nowMs, more)
}

/** Begins a new life: what was said to the former one, and may be old or recorded, counts no more. */
export function beginIncarnation(core: Core, incarnation: bigint): void {
  core.incarnation = incarnation
  core.echoed = false
  core.learnt.clear()
  core.members.forgetHeard()
}
