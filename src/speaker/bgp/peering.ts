import { CEASE, ERROR } from '../../wire/bgp/iana.ts'
import { type Direction, type Side, survivor } from './collision.ts'
import { afterFailure, CALM, type Oscillation, restMs } from './dampening.ts'
import { step } from './fsm.ts'
import type { FsmAction } from './fsm-actions.ts'
import type { FsmEvent, Notification, Stop } from './fsm-events.ts'
import { type Fsm, type FsmSettings, type FsmSurroundings, fall, idleFsm, isRunning, type Transition } from './fsm-transition.ts'
import { restartsGracefully } from './graceful-restart.ts'
import { jittered } from './timers.ts'

/** A connection of a peering. `outgoing` is 0 and is always there, if only as a wish; incoming ones are numbered by who accepts them. */
export interface Link {
  readonly id: number
  readonly direction: Direction
  readonly fsm: Fsm
  /** Since when it is Established, by the clock of PeeringSurroundings. */
  readonly upSinceMs?: number
}

/** All connections to one configured peer: the machine that calls, and one for each call of the peer that we took. RFC 4271 section 8.2.1. */
export interface Peering {
  /** Between start and stop. */
  readonly wanted: boolean
  readonly oscillation: Oscillation
  readonly links: readonly Link[]
}

export const OUTGOING = 0
/** The session that there is, and one of a peer that has restarted. */
const MOST_INCOMING = 2
/** A session younger than this is one of two connections that were opened together, and no restart of the peer. */
const SETTLED_MS = 5000

/** What may happen on a link: starts, and the stop of an operator, are for the whole peering. */
export type LinkEvent = Exclude<FsmEvent, { readonly kind: `${'Manual' | 'Automatic'}Start${string}` | 'ManualStop' }>

export type PeeringEvent =
  | { readonly kind: 'start' }
  | ({ readonly kind: 'stop' } & Stop)
  /** The peer has called: `id` is above 0 and new. */
  | { readonly kind: 'incoming'; readonly id: number }
  /** What happens on a link. Of a link that is gone, it is ignored. */
  | { readonly kind: 'link'; readonly id: number; readonly event: LinkEvent }

export interface PeeringSurroundings {
  readonly settings: FsmSettings
  readonly us: Side
  /** Whether we never call. */
  readonly passive: boolean
  /** 0 to 1. */
  readonly chance: number
  /** Of a steady clock. */
  readonly nowMs: number
}

/** An action and the link that it is for. */
export interface LinkAction {
  readonly id: number
  readonly action: FsmAction
}

export interface PeeringTransition {
  readonly peering: Peering
  readonly actions: readonly LinkAction[]
}

/** Nothing is wanted yet. */
export const idlePeering = (): Peering => ({
  wanted: false,
  oscillation: CALM,
  links: [{ id: OUTGOING, direction: 'outgoing', fsm: idleFsm() }],
})

/** One step, collected; it lives for that step only. */
interface Turn {
  readonly surroundings: PeeringSurroundings
  readonly actions: LinkAction[]
  wanted: boolean
  oscillation: Oscillation
  links: readonly Link[]
}

/**
 * One step of a peering. At most one link is ever Established. Collisions are resolved when an OPEN arrives (RFC 4271 section 6.8); a
 * session that is Established wins against a new connection, unless its peer restarts gracefully and it is older than SETTLED_MS: then the new one
 * is the peer after its restart, and the old one ends without a word (RFC 4724 section 4.2). The shell drops a link's socket at its `drop`, and an end for
 * the reason `collision` is no error to show.
 */
export function stepPeering(peering: Peering, event: PeeringEvent, surroundings: PeeringSurroundings): PeeringTransition {
  const turn: Turn = { ...peering, surroundings, actions: [] }
  switch (event.kind) {
    case 'start':
      if (!turn.wanted) turn.oscillation = CALM
      turn.wanted = true
      break
    case 'stop':
      turn.wanted = false
      for (const { id } of peering.links) send(turn, id, { ...event, kind: 'ManualStop' })
      break
    case 'incoming':
      receiveCall(turn, event.id)
      break
    case 'link':
      receive(turn, event.id, event.event)
      break
  }
  callIfIdle(turn)
  const { wanted, oscillation, links, actions } = turn
  return { peering: { wanted, oscillation, links }, actions }
}

const isEstablished = ({ fsm }: Link): boolean => fsm.state === 'Established'
/** Whether a link has got the peer's OPEN, and has gone on. */
const isConfirmed = (link: Link): boolean => link.fsm.state === 'OpenConfirm' || isEstablished(link)
const awaitsOpen = ({ fsm }: Link): boolean => fsm.state === 'OpenSent' || isRunning(fsm, 'delayOpen')
/** An incoming connection that ended, or a machine of one that has none. */
const isOver = ({ direction, fsm }: Link): boolean =>
  direction === 'incoming' && (fsm.state === 'Idle' || (fsm.state === 'Active' && !isRunning(fsm, 'delayOpen')))
const linkOf = ({ links }: Turn, id: number): Link | undefined => links.find((link) => link.id === id)

/**
 * A call is taken unless the peering is stopped or goes wrong too often: a peer that we could not reach may reach us. A third replaces the
 * oldest that has sent no OPEN; without one it is refused.
 */
function receiveCall(turn: Turn, id: number): void {
  const rests = restMs(turn.oscillation, turn.surroundings.nowMs) > 0
  const incoming = turn.links.filter(({ direction }) => direction === 'incoming')
  const silent = incoming.find((link) => !isConfirmed(link))
  const isFull = incoming.length >= MOST_INCOMING
  if (!turn.wanted || rests || (isFull && silent === undefined)) {
    turn.actions.push({ id, action: { kind: 'refuse' } })
    return
  }
  if (isFull && silent !== undefined) send(turn, silent.id, { kind: 'OpenCollisionDump' })
  turn.actions.push({ id, action: { kind: 'accept' } })
  const called: Fsm = { ...idleFsm(), state: 'Active', passive: true }
  turn.links = [...turn.links, { id, direction: 'incoming', fsm: called }]
  send(turn, id, { kind: 'TcpConnectionConfirmed' })
}

function receive(turn: Turn, id: number, event: FsmEvent): void {
  const link = linkOf(turn, id)
  if (link === undefined) return
  if (event.kind === 'BGPOpen' && awaitsOpen(link)) {
    for (const other of collision(turn, link, event.open)) {
      if (isEstablished(other)) replace(turn, other)
      else send(turn, other.id, { kind: 'OpenCollisionDump' })
    }
  }
  send(turn, id, event)
  const now = linkOf(turn, id)
  if (now === undefined || !isEstablished(now) || isEstablished(link)) return
  for (const other of turn.links.filter((candidate) => candidate !== now)) send(turn, other.id, { kind: 'OpenCollisionDump' })
}

/** The links that the OPEN on `newer` costs: itself, for which it then comes too late, or the others that have got one. */
function collision({ links, surroundings }: Turn, newer: Link, peer: Side): readonly Link[] {
  const others = links.filter((other) => other.id !== newer.id && isConfirmed(other))
  const stays = (other: Link): boolean =>
    isEstablished(other)
      ? !restartsGracefully(other.fsm.peer?.gracefulRestart) || surroundings.nowMs - (other.upSinceMs ?? 0) < SETTLED_MS
      : survivor(surroundings.us, peer, other.direction, newer.direction) === 'existing'
  return others.some(stays) ? [newer] : others
}

/** Our own machine calls whenever no other link has come as far as the peer's OPEN. */
function callIfIdle(turn: Turn): void {
  const own = linkOf(turn, OUTGOING)
  if (!turn.wanted || own?.fsm.state !== 'Idle' || isRunning(own.fsm, 'idleHold') || turn.links.some(isConfirmed)) return
  const start = 'AutomaticStart_with_DampPeerOscillations'
  send(turn, OUTGOING, { kind: turn.surroundings.passive ? `${start}_and_PassiveTcpEstablishment` : start })
}

function send(turn: Turn, id: number, event: FsmEvent): void {
  const link = linkOf(turn, id)
  if (link !== undefined) put(turn, link, step(link.fsm, event, surroundingsOf(turn, link, event)))
}

/** The old connection of a peer that has restarted: closed without a NOTIFICATION. RFC 4724 section 4.2. */
function replace(turn: Turn, link: Link): void {
  const event: FsmEvent = { kind: 'OpenCollisionDump' }
  const at = { ...surroundingsOf(turn, link, event), fsm: link.fsm, event }
  put(turn, link, fall(at, { reason: { kind: 'replaced' }, counter: 'same', damp: false }))
}

function put(turn: Turn, link: Link, { fsm, actions }: Transition): void {
  const next: Link = actions.some(({ kind }) => kind === 'session-up')
    ? { ...link, fsm, upSinceMs: turn.surroundings.nowMs }
    : { ...link, fsm }
  turn.links = turn.links.map((other) => (other.id === link.id ? next : other)).filter((other) => !isOver(other))
  for (const action of actions) {
    turn.actions.push({ id: link.id, action })
    if (isFailure(link, action)) turn.oscillation = afterFailure(turn.oscillation, turn.surroundings.nowMs)
  }
}

/** The machine of a call does not rest; that of our own calls does, for both. */
function surroundingsOf(turn: Turn, link: Link, event: FsmEvent): FsmSurroundings {
  const { settings, chance } = turn.surroundings
  return {
    settings: { ...settings, dampPeerOscillations: link.direction === 'outgoing' },
    chance,
    idleHoldMs: idleHoldMs(turn, link, event),
  }
}

/**
 * A peer that cannot be reached, or that holds on to another connection, which we do not have, is tried at the pace of
 * ConnectRetryTime; one that goes wrong is given ever longer rests.
 */
function idleHoldMs({ surroundings, oscillation }: Turn, { fsm }: Link, event: FsmEvent): number {
  const { settings, chance, nowMs } = surroundings
  const isUnreachable = fsm.state === 'Connect' && event.kind === 'TcpConnectionFails'
  const isUnwanted = fsm.state !== 'Established' && event.kind === 'NotifMsg' && isCollision(event)
  if (isUnreachable || isUnwanted) return jittered(settings.connectRetryMs, chance)
  return jittered(restMs(fsm.state === 'Idle' ? oscillation : afterFailure(oscillation, nowMs), nowMs), chance)
}

const isCollision = ({ code, subcode }: Notification): boolean => code === ERROR.cease && subcode === CEASE.collisionResolution

/**
 * What counts as an oscillation: an end that is neither a collision, nor a restart, nor a stop, nor a connection that closes before the
 * peer's OPEN: it may be one that the peer refuses while it rests itself, and two that rest must not keep each other at it.
 */
function isFailure({ fsm }: Link, action: FsmAction): boolean {
  if (action.kind !== 'session-down' && action.kind !== 'attempt-failed') return false
  const { reason } = action
  switch (reason.kind) {
    case 'collision':
    case 'replaced':
    case 'stopped':
      return false
    case 'tcp-failed':
      return fsm.state === 'OpenConfirm' || fsm.state === 'Established'
    case 'notification-sent':
    case 'notification-received':
      return !isCollision(reason)
    case 'unexpected':
      return true
  }
}
