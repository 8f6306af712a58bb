import type { MembershipPacket } from '../../wire/membership.ts'
import type { AddressKey } from '../layer2/address-key.ts'
import { beginIncarnation, type Core, createCore, ownFlags, type ProtocolOptions, send, sendHeartbeat, tellAll } from './core.ts'
import type { Effect, Link } from './effect.ts'
import type { Member, MembershipFacts } from './facts.ts'
import { type AddressWord, type Peer, STATE_LASTS_MS } from './message.ts'
import { fenceUntilMs, nextPermission, type PermissionEvent } from './permission.ts'
import { receive } from './reception.ts'
import { createRing } from './ring.ts'
import { askAwaited, askSilent, awaited, nextRoundMs, sendHeartbeats } from './rounds.ts'
import { sameFacts } from './same-facts.ts'

/**
 * Membership as a state machine without clock and sockets: events go in with the time, in milliseconds of monotonicMs(), and what is to be
 * done comes out, in order. Between two events, tick() is called when nextMs() is reached.
 */
export interface Protocol {
  /** The sockets are open, for the first time or again. */
  opened(nowMs: number): readonly Effect[]
  peers(peers: readonly Peer[], nowMs: number): readonly Effect[]
  state(says: { readonly serving: boolean; readonly leaving: boolean }, nowMs: number): readonly Effect[]
  words(upsert: readonly AddressWord[], remove: readonly AddressKey[], nowMs: number): readonly Effect[]
  repeat(addresses: readonly AddressKey[], nowMs: number): readonly Effect[]
  reconciled(pause: number, nowMs: number): readonly Effect[]
  /** A packet whose seal is right, and where it came from. */
  received(packet: MembershipPacket, ip: string, nowMs: number): readonly Effect[]
  /** A stream to the node's process is open, both sides proved. */
  linked(node: string, nowMs: number): readonly Effect[]
  /** The kernel of the node says that nobody listens there any more. */
  refused(node: string, nowMs: number): readonly Effect[]
  tick(nowMs: number): readonly Effect[]
  /** The last words: this process ends now. */
  stop(nowMs: number): readonly Effect[]
  nextMs(): number
  /** The same as long as links() is. */
  readonly version: number
  facts(nowMs: number): MembershipFacts
  /** The streams that there should be. */
  links(nowMs: number): readonly Link[]
  readonly incarnation: bigint
}

export function createProtocol(options: ProtocolOptions): Protocol {
  const core = createCore(options)
  /** One event: first what a pause has spoilt, then the event, then what follows from it. */
  const turn = (nowMs: number, event: () => void): readonly Effect[] => {
    wake(core, nowMs)
    event()
    settle(core, nowMs)
    return core.effects.splice(0)
  }
  /** A packet: most of them change nothing but the time of a sign of life. */
  const reception = (packet: MembershipPacket, ip: string, nowMs: number): readonly Effect[] => {
    wake(core, nowMs)
    receive(core, packet, ip, nowMs)
    const isQuiet = packet.kind === 'heartbeat' || packet.kind === 'ping'
    if (!isQuiet || nowMs >= core.dueMs || core.members.version !== core.settledVersion) settle(core, nowMs)
    return core.effects.splice(0)
  }
  return {
    opened: (nowMs) => turn(nowMs, () => open(core, nowMs)),
    peers: (peers, nowMs) => turn(nowMs, () => list(core, peers, nowMs)),
    state: (says, nowMs) => turn(nowMs, () => say(core, says, nowMs)),
    words: (upsert, remove, nowMs) => turn(nowMs, () => core.ledger.say(upsert, remove)),
    repeat: (addresses, nowMs) => turn(nowMs, () => core.ledger.repeat(addresses)),
    reconciled: (pause, nowMs) => turn(nowMs, () => void permit(core, { kind: 'reconciled', pause })),
    received: reception,
    linked: (node, nowMs) => turn(nowMs, () => void core.linked.add(node)),
    refused: (node, nowMs) => turn(nowMs, () => lose(core, node, nowMs)),
    tick: (nowMs) => turn(nowMs, () => undefined),
    stop: (nowMs) =>
      turn(nowMs, () => {
        // Twice, since nobody repeats it.
        tellAll(core, nowMs, { ended: true })
        tellAll(core, nowMs, { ended: true })
      }),
    nextMs: () => core.dueMs,
    get version() {
      return core.factsVersion + core.members.version
    },
    facts: (nowMs) => factsOf(core, nowMs),
    links: (nowMs) => linksOf(core, nowMs),
    get incarnation() {
      return core.incarnation
    },
  }
}

/** Applies an event of the permission; true when it has changed. */
function permit(core: Core, event: PermissionEvent): boolean {
  const before = core.permission
  core.permission = nextPermission(before, event)
  if (core.permission === before) return false
  if (core.permission.kind === 'reconciling') core.effects.push({ kind: 'members' }, { kind: 'resumed', pause: core.permission.pause })
  return true
}

function open(core: Core, nowMs: number): void {
  if (core.opened) return
  core.opened = true
  core.members.listen(nowMs)
  if (core.listed) start(core, nowMs)
}

function start(core: Core, nowMs: number): void {
  if (!permit(core, { kind: 'start', nowMs })) return
  core.expected = new Set([...core.members.all()].map(({ node }) => node))
  // Everybody gets one at once. The next comes at a time of our own: what all say at the same time waits longest to be passed on.
  for (const node of core.expected) invite(core, node, nowMs)
  core.heartbeatMs = nowMs
  core.nextHeartbeatMs = nowMs + Number(core.id % BigInt(core.timing.heartbeatMs))
}

function list(core: Core, peers: readonly Peer[], nowMs: number): void {
  const others = peers.filter(({ node }) => node !== core.self)
  const added = core.members.list(others, nowMs)
  core.ring = createRing(
    core.self,
    others.map(({ node }) => node),
  )
  for (const memory of [core.linked, core.told, core.learnt, core.answeredMs, core.invitedMs, core.pingedMs, core.claimed]) {
    for (const node of memory.keys()) if (core.members.get(node) === undefined) memory.delete(node)
  }
  const isFirst = !core.listed
  core.listed = true
  if (!isFirst) for (const node of added) invite(core, node, nowMs)
  else if (core.opened) start(core, nowMs)
}

function invite(core: Core, node: string, nowMs: number): void {
  const known = core.members.get(node)
  core.invitedMs.set(node, nowMs)
  if (known !== undefined) sendHeartbeat(core, known, nowMs)
}

function say(core: Core, says: { readonly serving: boolean; readonly leaving: boolean }, nowMs: number): void {
  const before = ownFlags(core, nowMs)
  core.says = { serving: says.serving, leaving: says.leaving, atMs: nowMs }
  const after = ownFlags(core, nowMs)
  permit(core, { kind: 'unstall' })
  if (before.serving !== after.serving || before.leaving !== after.leaving) tellAll(core, nowMs)
}

function lose(core: Core, node: string, nowMs: number): void {
  // Without a stream before, a refusal may be a filter's on the way.
  if (!core.linked.delete(node)) return
  const known = core.members.get(node)
  if (known === undefined || known.endedMs !== undefined) return
  core.members.ended(node, nowMs)
  tellAll(core, nowMs)
}

/** When the main thread counts as stuck, if it says nothing; Infinity when it does already or has never said anything. */
const stateEndsMs = ({ says, permission }: Core): number =>
  says === undefined || permission.kind === 'stalled' || permission.kind === 'closed'
    ? Number.POSITIVE_INFINITY
    : says.atMs + STATE_LASTS_MS

/** A timer that is later than this was not slow: the thread did not run. */
const LATE_MS = 20

/** Notices that time has passed without this thread. */
function wake(core: Core, nowMs: number): void {
  if (nowMs - core.dueMs > LATE_MS) core.members.spare(core.turnMs, nowMs + core.timing.askMs)
  noticePause(core, nowMs)
  core.turnMs = nowMs
}

/** This process was not run for longer than the fence holds: others may have taken what it owned. */
function noticePause(core: Core, nowMs: number): void {
  if (!core.opened || !core.listed || core.members.size === 0 || nowMs - core.heartbeatMs <= core.timing.fenceMs) return
  if (core.heartbeatMs === Number.NEGATIVE_INFINITY || !permit(core, { kind: 'pause', nowMs })) return
  // The main thread was not run either: what it said is as old as it was.
  if (core.says !== undefined) core.says = { ...core.says, atMs: Math.min(nowMs, core.says.atMs + nowMs - core.heartbeatMs) }
  if (core.permission.kind === 'asking') core.members.spare(core.turnMs, core.permission.untilMs)
  // At the last heartbeat, that is: nobody was heard since.
  core.expected = new Set([...core.members.all()].filter((known) => core.members.isAlive(known, core.heartbeatMs)).map(({ node }) => node))
  // What waits in the sockets was said to the former one.
  beginIncarnation(core, core.incarnation + 1n)
  core.nextHeartbeatMs = nowMs
  core.heartbeatMs = nowMs
  tellAll(core, nowMs)
}

/** What follows from any event. */
function settle(core: Core, nowMs: number): void {
  if (nowMs >= stateEndsMs(core) && permit(core, { kind: 'stall' })) tellAll(core, nowMs)
  sendHeartbeats(core, nowMs)
  askAwaited(core, nowMs)
  askSilent(core, nowMs)
  tellWords(core, nowMs)
  const { permission } = core
  if (permission.kind === 'asking' && (nowMs >= permission.untilMs || awaited(core).length === 0)) permit(core, { kind: 'learnt' })
  setFence(core)
  const facts = factsOf(core, nowMs)
  if (!sameFacts(facts, core.facts)) {
    core.effects.push({ kind: 'members' })
    core.factsVersion += 1
  }
  core.facts = facts
  core.settledVersion = core.members.version
  core.dueMs = Math.min(nextRoundMs(core, nowMs), stateEndsMs(core))
}

function tellWords(core: Core, nowMs: number): void {
  for (const known of core.members.all()) {
    const told = core.told.get(known.node)
    const reachable = known.incarnation > 0n && core.members.isAlive(known, nowMs)
    if (reachable && told !== known.incarnation) {
      core.told.set(known.node, known.incarnation)
      core.ledger.appear(known.node)
    } else if (!reachable && told !== undefined) {
      core.told.delete(known.node)
      core.ledger.disappear(known.node)
    }
  }
  for (const { node, batch, words } of core.ledger.due(nowMs)) {
    const known = core.members.get(node)
    if (known === undefined) core.ledger.disappear(node)
    else send(core, known.ip, { kind: 'words', batch, words })
  }
}

function setFence(core: Core): void {
  const untilMs = fenceUntilMs(core.permission, core.members.size === 0, core.heartbeatMs, core.timing)
  if (untilMs === core.fenceMs) return
  core.fenceMs = untilMs
  core.effects.push({ kind: 'fence', untilMs })
}

function factsOf(core: Core, nowMs: number): MembershipFacts {
  const own: Member = { alive: true, ...ownFlags(core, nowMs), lastSignMs: nowMs, fault: undefined }
  const others = [...core.members.all()].map((known) => [known.node, core.members.member(known, nowMs)] as const)
  const { kind } = core.permission
  return { settled: kind === 'reconciling' || kind === 'open', members: new Map([[core.self, own], ...others]) }
}

function linksOf(core: Core, nowMs: number): readonly Link[] {
  return core.ring.neighboursOf(core.self).flatMap((node) => {
    const known = core.members.get(node)
    if (known?.directMs === undefined || !core.members.isAlive(known, nowMs)) return []
    return [{ node, ip: known.ip, incarnation: known.incarnation, opens: core.id < known.id }]
  })
}
