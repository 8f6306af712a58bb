import { ERROR, OPEN_ERROR } from '../../wire/bgp/iana.ts'
import type { FsmAction } from './fsm-actions.ts'
import type { MessageError, PeerOpen } from './fsm-events.ts'
import {
  type At,
  accept,
  cease,
  fail,
  fall,
  isRunning,
  keepaliveTimer,
  lost,
  move,
  type On,
  type Row,
  refuse,
  retryTimer,
  sendOpen,
  stay,
  type Transition,
  timer,
  told,
  track,
} from './fsm-transition.ts'
import { isHoldTime, negotiateTimes } from './timers.ts'

/** Rows of the table for Idle, Connect and Active: no OPEN of ours is on its way. RFC 4271 section 8.2.2. */

const begin = (at: At): Transition =>
  move(at.fsm, 'Connect', [{ kind: 'stop-timer', timer: 'idleHold' }, ...retryTimer(at, false), { kind: 'connect' }], {
    connectRetryCounter: 0,
    passive: false,
  })
/** ConnectRetryTimer is not started: a passive peer is one that we never call. */
const listen = (at: At): Transition =>
  move(at.fsm, 'Active', [{ kind: 'stop-timer', timer: 'idleHold' }], { connectRetryCounter: 0, passive: true })
/** A start that waits until the peer has rested. */
const rest =
  (passive: boolean) =>
  (at: At): Transition =>
    at.settings.dampPeerOscillations
      ? move(at.fsm, 'Idle', [{ kind: 'start-timer', timer: 'idleHold', ms: at.idleHoldMs }], { passive })
      : (passive ? listen : begin)(at)
/** The counter stays: the rest is over, the reason of it is not. */
function resume(at: At): Transition {
  const { connectRetryCounter } = at.fsm
  const { fsm, actions } = (at.fsm.passive ? listen : begin)(at)
  return { fsm: { ...fsm, connectRetryCounter }, actions }
}
/** A rest ends with what it was for. */
const stopRest = (at: At): Transition =>
  isRunning(at.fsm, 'idleHold') ? move(at.fsm, 'Idle', [{ kind: 'stop-timer', timer: 'idleHold' }]) : stay(at)

export const IDLE: Row = {
  ManualStart: begin,
  ManualStop: stopRest,
  AutomaticStart: begin,
  ManualStart_with_PassiveTcpEstablishment: listen,
  AutomaticStart_with_PassiveTcpEstablishment: listen,
  AutomaticStart_with_DampPeerOscillations: rest(false),
  AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment: rest(true),
  AutomaticStop: stopRest,
  ConnectRetryTimer_Expires: stay,
  HoldTimer_Expires: stay,
  KeepaliveTimer_Expires: stay,
  DelayOpenTimer_Expires: stay,
  IdleHoldTimer_Expires: resume,
  TcpConnection_Valid: refuse,
  Tcp_CR_Invalid: stay,
  Tcp_CR_Acked: stay,
  TcpConnectionConfirmed: stay,
  TcpConnectionFails: stay,
  BGPOpen: stay,
  BGPHeaderErr: stay,
  BGPOpenMsgErr: stay,
  OpenCollisionDump: stopRest,
  NotifMsgVerErr: stay,
  NotifMsg: stay,
  KeepAliveMsg: stay,
  UpdateMsg: stay,
  UpdateMsgErr: stay,
  SendHoldTimer_Expires: stay,
  RouteRefreshMsg: stay,
  RouteRefreshMsgErr: stay,
  MessageWritten: stay,
}

/** "Any other event" of Connect and Active: all is dropped, without a word. */
const unexpected = (at: At): Transition => fall(at, { reason: { kind: 'unexpected', event: at.event.kind }, counter: 'more', damp: true })
const stopped = (at: At): Transition => fall(at, { reason: { kind: 'stopped' }, counter: 'zero', damp: false })
const dumped = (at: At): Transition => fall(at, { reason: { kind: 'collision' }, counter: 'more', damp: false })
/** Event 8 is "any other event" here. */
const stoppedBySystem = (at: At): Transition => fall(at, { reason: { kind: 'stopped' }, counter: 'more', damp: true })

/** Active says Cease when the connection is there and it may; Connect never does. */
const stopListening = (at: On<'ManualStop'>): Transition =>
  isRunning(at.fsm, 'delayOpen') && at.settings.sendNotificationWithoutOpen ? cease(at, at.event, 'zero') : stopped(at)

/** Events 16 and 17. While DelayOpenTimer runs there is a connection already, so this is a second one. */
function connected(at: At): Transition {
  const { delayOpenMs } = at.settings
  if (isRunning(at.fsm, 'delayOpen')) return track(at)
  if (delayOpenMs === 0) return sendOpen(at)
  return move(at.fsm, at.fsm.state, [{ kind: 'stop-timer', timer: 'connectRetry' }, ...timer('delayOpen', delayOpenMs)])
}

const callAgain = (at: At): Transition =>
  move(at.fsm, 'Connect', [{ kind: 'drop' }, { kind: 'stop-timer', timer: 'delayOpen' }, ...retryTimer(at), { kind: 'connect' }])
const call = (at: At): Transition => move(at.fsm, 'Connect', [...retryTimer(at), { kind: 'connect' }])

/** A connection that was there waits for another; one that never was rests in Idle. */
const connectFailed = (at: On<'TcpConnectionFails'>): Transition =>
  isRunning(at.fsm, 'delayOpen')
    ? move(at.fsm, 'Active', [
        { kind: 'drop' },
        { kind: 'attempt-failed', reason: { kind: 'tcp-failed', cause: at.event.cause } },
        { kind: 'stop-timer', timer: 'delayOpen' },
        ...retryTimer(at),
      ])
    : fall(at, { reason: { kind: 'tcp-failed', cause: at.event.cause }, counter: 'same', damp: true })

const brokenMessage =
  (code: number) =>
  (at: On<'BGPHeaderErr' | 'BGPOpenMsgErr'>): Transition => {
    const { subcode, data }: MessageError = at.event
    const silent = !at.settings.sendNotificationWithoutOpen
    return fall(at, { reason: { kind: 'notification-sent', code, subcode, data }, counter: 'more', damp: true, silent })
  }
/** While DelayOpenTimer runs, the peer may try another version at once. */
const versionRefused = (at: On<'NotifMsgVerErr'>): Transition => told(at, at.event, isRunning(at.fsm, 'delayOpen') ? 'same' : 'more')
const refusedByPeer = (at: On<'NotifMsg'>): Transition => told(at, at.event, 'more')
/** Event 20 while DelayOpenTimer runs; an OPEN before there is a connection is event 19, which none expects. */
const earlyOpen = (at: On<'BGPOpen'>): Transition =>
  isRunning(at.fsm, 'delayOpen') ? confirm(at, at.event.open, [{ kind: 'send-open' }]) : unexpected(at)

/** The peer's OPEN is good: KEEPALIVE, and the times that both agree on. */
export function confirm(at: At, open: PeerOpen, first: readonly FsmAction[] = []): Transition {
  const peerHoldMs = open.holdTimeSec * 1000
  if (!isHoldTime(peerHoldMs)) return fail(at, ERROR.open, OPEN_ERROR.unacceptableHoldTime)
  const times = negotiateTimes(at.settings, peerHoldMs)
  const held: readonly FsmAction[] = times.holdMs === 0 ? [{ kind: 'stop-timer', timer: 'hold' }] : timer('hold', times.holdMs)
  const actions: readonly FsmAction[] = [...first, { kind: 'send-keepalive' }, ...held, ...keepaliveTimer(at, times)]
  return move(at.fsm, 'OpenConfirm', actions, { times, peer: open })
}

/** What Connect and Active have in common. */
const WAITING = {
  ManualStart: stay,
  AutomaticStart: stay,
  ManualStart_with_PassiveTcpEstablishment: stay,
  AutomaticStart_with_PassiveTcpEstablishment: stay,
  AutomaticStart_with_DampPeerOscillations: stay,
  AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment: stay,
  AutomaticStop: stoppedBySystem,
  HoldTimer_Expires: unexpected,
  KeepaliveTimer_Expires: unexpected,
  DelayOpenTimer_Expires: sendOpen,
  IdleHoldTimer_Expires: unexpected,
  TcpConnection_Valid: accept,
  Tcp_CR_Invalid: refuse,
  Tcp_CR_Acked: connected,
  TcpConnectionConfirmed: connected,
  BGPOpen: earlyOpen,
  BGPHeaderErr: brokenMessage(ERROR.header),
  BGPOpenMsgErr: brokenMessage(ERROR.open),
  OpenCollisionDump: dumped,
  NotifMsgVerErr: versionRefused,
  NotifMsg: refusedByPeer,
  KeepAliveMsg: unexpected,
  UpdateMsg: unexpected,
  UpdateMsgErr: unexpected,
  SendHoldTimer_Expires: unexpected,
  RouteRefreshMsg: unexpected,
  RouteRefreshMsgErr: unexpected,
  MessageWritten: stay,
} as const satisfies Partial<Row>

export const CONNECT: Row = {
  ...WAITING,
  ManualStop: stopped,
  ConnectRetryTimer_Expires: callAgain,
  TcpConnectionFails: connectFailed,
}

/** Section 8.2.2 starts ConnectRetryTimer at event 18 and goes to Idle, where it has no meaning: it is not started. */
export const ACTIVE: Row = {
  ...WAITING,
  ManualStop: stopListening,
  ConnectRetryTimer_Expires: call,
  TcpConnectionFails: lost,
}
