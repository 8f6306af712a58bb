import { CEASE, ERROR } from '../../wire/bgp/iana.ts'
import type { EndReason, FsmAction } from './fsm-actions.ts'
import type { FsmEvent, FsmEventKind, FsmEventOf, GracefulRestartCapability, Notification, PeerOpen, Stop } from './fsm-events.ts'
import { ceaseFor, routeFate } from './graceful-restart.ts'
import { type FsmTimer, jittered, NO_TIMES, OPEN_HOLD_MS, type SessionTimes, type TimeOffer } from './timers.ts'

export const FSM_STATES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'] as const
export type FsmStateName = (typeof FSM_STATES)[number]

/** One connection to a peer, or the wish for one. Attributes as RFC 4271 section 8 names them. */
export interface Fsm {
  readonly state: FsmStateName
  readonly connectRetryCounter: number
  /** It waits to be called: it starts no connection by itself, so ConnectRetryTimer does not run. */
  readonly passive: boolean
  /** Those that run: always a subset of what TIMERS_OF permits the state. */
  readonly timers: readonly FsmTimer[]
  /** From the OPEN on. */
  readonly times: SessionTimes
  readonly peer: PeerOpen | undefined
}

/** What configuration says of the peer; the optional session attributes of RFC 4271 section 8.1.1. Times in milliseconds. */
export interface FsmSettings extends TimeOffer {
  readonly connectRetryMs: number
  /** DelayOpen is on when this is above 0. */
  readonly delayOpenMs: number
  readonly dampPeerOscillations: boolean
  readonly sendNotificationWithoutOpen: boolean
  /** What our own OPEN says; undefined without the capability. */
  readonly gracefulRestart: GracefulRestartCapability | undefined
}

/** What a step needs of the world: chance for jitter, 0 to 1, and how long this peer would have to rest now (./dampening.ts). */
export interface FsmSurroundings {
  readonly settings: FsmSettings
  readonly chance: number
  readonly idleHoldMs: number
}

export interface Transition {
  readonly fsm: Fsm
  readonly actions: readonly FsmAction[]
}

/** One event, at the machine that it came to. */
export interface At<E extends FsmEvent = FsmEvent> extends FsmSurroundings {
  readonly fsm: Fsm
  readonly event: E
}
export type On<K extends FsmEventKind> = At<FsmEventOf<K>>

/** A row of the table: what to do at every event. A missing one does not compile. */
export type Row = { readonly [K in FsmEventKind]: (at: At<FsmEventOf<K>>) => Transition }

/** The timers that may run in a state. All others stop at the way in. */
export const TIMERS_OF: Readonly<Record<FsmStateName, readonly FsmTimer[]>> = {
  Idle: ['idleHold'],
  Connect: ['connectRetry', 'delayOpen'],
  Active: ['connectRetry', 'delayOpen'],
  OpenSent: ['hold'],
  OpenConfirm: ['hold', 'keepalive'],
  Established: ['hold', 'keepalive', 'sendHold'],
}

/** Whose expiry an event is. */
export const TIMER_OF_EVENT: { readonly [K in FsmEventKind]?: FsmTimer } = {
  ConnectRetryTimer_Expires: 'connectRetry',
  HoldTimer_Expires: 'hold',
  KeepaliveTimer_Expires: 'keepalive',
  DelayOpenTimer_Expires: 'delayOpen',
  IdleHoldTimer_Expires: 'idleHold',
  SendHoldTimer_Expires: 'sendHold',
}

/** No connection, and none wanted. */
export const idleFsm = (): Fsm => ({ state: 'Idle', connectRetryCounter: 0, passive: false, timers: [], times: NO_TIMES, peer: undefined })

export const isRunning = (fsm: Fsm, timer: FsmTimer): boolean => fsm.timers.includes(timer)

/** Into `state` with `actions`; timers that do not belong there stop, and those that `actions` start or stop are counted. */
export function move(fsm: Fsm, state: FsmStateName, actions: readonly FsmAction[], changes: Partial<Fsm> = {}): Transition {
  const running = new Set(fsm.timers)
  for (const action of actions) {
    if (action.kind === 'start-timer') running.add(action.timer)
    if (action.kind === 'stop-timer') running.delete(action.timer)
  }
  const strange = [...running].filter((timer) => !TIMERS_OF[state].includes(timer))
  for (const timer of strange) running.delete(timer)
  const stops = strange.map((timer): FsmAction => ({ kind: 'stop-timer', timer }))
  return { fsm: { ...fsm, ...changes, state, timers: [...running].sort() }, actions: [...stops, ...actions] }
}

/** Nothing happens. */
export const stay = ({ fsm }: At): Transition => ({ fsm, actions: [] })
/** A connection that this state refuses. */
export const refuse = ({ fsm }: At): Transition => ({ fsm, actions: [{ kind: 'refuse' }] })
export const accept = ({ fsm }: At): Transition => ({ fsm, actions: [{ kind: 'accept' }] })
export const track = ({ fsm }: At): Transition => ({ fsm, actions: [{ kind: 'track' }] })

/** Starts, or starts again, a timer; none when the time is 0, as a HoldTime of 0 wants it. */
export const timer = (name: FsmTimer, ms: number): readonly FsmAction[] => (ms === 0 ? [] : [{ kind: 'start-timer', timer: name, ms }])

/** ConnectRetryTimer with its jitter; never for a passive machine. */
export const retryTimer = ({ fsm, settings, chance }: At, passive = fsm.passive): readonly FsmAction[] =>
  passive ? [] : timer('connectRetry', jittered(settings.connectRetryMs, chance))

export const keepaliveTimer = ({ chance }: FsmSurroundings, { keepaliveMs }: SessionTimes): readonly FsmAction[] =>
  timer('keepalive', jittered(keepaliveMs, chance))

/** Our OPEN, and half a minute for the peer's. RFC 4271 section 8.2.2. */
export const sendOpen = ({ fsm }: At): Transition =>
  move(fsm, 'OpenSent', [{ kind: 'send-open' }, { kind: 'start-timer', timer: 'hold', ms: OPEN_HOLD_MS }])

/** How a machine falls back to Idle. */
interface Fall {
  readonly reason: EndReason
  /** ConnectRetryCounter: to zero, by one more, or as it is. */
  readonly counter: 'zero' | 'more' | 'same'
  /** Whether it rests before it starts again, where damping is on. */
  readonly damp: boolean
  /** Whether a NOTIFICATION, if `reason` is one of ours, is sent. */
  readonly silent?: boolean
}

/** Every way back to Idle: the NOTIFICATION, the connection dropped, the timers stopped, and what is to be told. */
export function fall(at: At, { reason, counter, damp, silent = false }: Fall): Transition {
  const { fsm, settings } = at
  const actions: FsmAction[] = []
  if (reason.kind === 'notification-sent' && !silent) actions.push({ ...reason, kind: 'send-notification' })
  actions.push({ kind: 'drop' })
  if (fsm.state === 'Established') {
    const routes = routeFate(reason, settings.gracefulRestart, fsm.peer?.gracefulRestart)
    actions.push({ kind: 'session-down', reason, routes })
  } else {
    actions.push({ kind: 'attempt-failed', reason })
  }
  if (damp && settings.dampPeerOscillations) actions.push({ kind: 'start-timer', timer: 'idleHold', ms: at.idleHoldMs })
  const connectRetryCounter = { zero: 0, more: fsm.connectRetryCounter + 1, same: fsm.connectRetryCounter }[counter]
  return move(fsm, 'Idle', actions, { connectRetryCounter, times: NO_TIMES, peer: undefined })
}

const NOTHING = new Uint8Array(0)

/** We say why and close. `code` of ERROR. */
export const fail = (at: At, code: number, subcode = 0, data: Uint8Array = NOTHING): Transition =>
  fall(at, { reason: { kind: 'notification-sent', code, subcode, data }, counter: 'more', damp: true })

/** The peer said why and has closed. RFC 4271 section 6.4: no answer to a NOTIFICATION. */
export const told = (at: At, { code, subcode, data }: Notification, counter: Fall['counter']): Transition =>
  fall(at, { reason: { kind: 'notification-received', code, subcode, data }, counter, damp: counter === 'more' })

export const lost = (at: On<'TcpConnectionFails'>): Transition =>
  fall(at, { reason: { kind: 'tcp-failed', cause: at.event.cause }, counter: 'more', damp: true })

/** A Cease for an operator (ManualStop) or for the system (AutomaticStop). */
export function cease(at: At, stop: Stop, counter: 'zero' | 'more'): Transition {
  const notification = ceaseFor(stop, at.settings.gracefulRestart, at.fsm.peer?.gracefulRestart)
  return fall(at, { reason: { kind: 'notification-sent', ...notification }, counter, damp: counter === 'more' })
}

/** Another connection was kept: Cease, "Connection Collision Resolution". It does not rest: nothing went wrong. RFC 4486 section 4. */
export const collide = (at: At): Transition =>
  fall(at, {
    reason: { kind: 'notification-sent', code: ERROR.cease, subcode: CEASE.collisionResolution, data: NOTHING },
    counter: 'more',
    damp: false,
  })
