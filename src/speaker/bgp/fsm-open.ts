import { ERROR, FSM_ERROR } from '../../wire/bgp/iana.ts'
import { confirm } from './fsm-connecting.ts'
import type { MessageError } from './fsm-events.ts'
import {
  type At,
  cease,
  collide,
  fail,
  keepaliveTimer,
  lost,
  move,
  type On,
  type Row,
  retryTimer,
  stay,
  type Transition,
  timer,
  told,
  track,
} from './fsm-transition.ts'

/** Rows of the table for OpenSent, OpenConfirm and Established: our OPEN is on its way, so every error is answered. RFC 4271 section 8.2.2. */

/** A Finite State Machine Error: in which state a message was unexpected. RFC 6608 section 4. */
const unexpectedIn =
  (state: Exclude<keyof typeof FSM_ERROR, 'unspecific'>) =>
  (at: At): Transition =>
    fail(at, ERROR.fsm, FSM_ERROR[state])
/** An expiry that no message brought about. */
const fsmError = (at: At): Transition => fail(at, ERROR.fsm)

const broken =
  (code: number) =>
  (at: On<'BGPHeaderErr' | 'BGPOpenMsgErr' | 'UpdateMsgErr' | 'RouteRefreshMsgErr'>): Transition => {
    const { subcode, data }: MessageError = at.event
    return fail(at, code, subcode, data)
  }

/** What the three have in common. */
const CONNECTED = {
  ManualStart: stay,
  ManualStop: (at: On<'ManualStop'>) => cease(at, at.event, 'zero'),
  AutomaticStart: stay,
  ManualStart_with_PassiveTcpEstablishment: stay,
  AutomaticStart_with_PassiveTcpEstablishment: stay,
  AutomaticStart_with_DampPeerOscillations: stay,
  AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment: stay,
  AutomaticStop: (at: On<'AutomaticStop'>) => cease(at, at.event, 'more'),
  ConnectRetryTimer_Expires: fsmError,
  HoldTimer_Expires: (at: At) => fail(at, ERROR.holdTimerExpired),
  DelayOpenTimer_Expires: fsmError,
  IdleHoldTimer_Expires: fsmError,
  TcpConnection_Valid: track,
  Tcp_CR_Invalid: stay,
  Tcp_CR_Acked: track,
  TcpConnectionConfirmed: track,
  BGPHeaderErr: broken(ERROR.header),
  OpenCollisionDump: collide,
  /** No answer, where section 8.2.2 sends a Finite State Machine Error from OpenSent: section 6.4 forbids one. */
  NotifMsg: (at: On<'NotifMsg'>) => told(at, at.event, 'more'),
} as const satisfies Partial<Row>

/** The connection is gone before the peer's OPEN: another is waited for. */
const openFailed = (at: On<'TcpConnectionFails'>): Transition =>
  move(at.fsm, 'Active', [
    { kind: 'drop' },
    { kind: 'attempt-failed', reason: { kind: 'tcp-failed', cause: at.event.cause } },
    ...retryTimer(at),
  ])

export const OPEN_SENT: Row = {
  ...CONNECTED,
  KeepaliveTimer_Expires: fsmError,
  TcpConnectionFails: openFailed,
  BGPOpen: (at) => confirm(at, at.event.open),
  BGPOpenMsgErr: broken(ERROR.open),
  NotifMsgVerErr: (at) => told(at, at.event, 'same'),
  KeepAliveMsg: unexpectedIn('openSent'),
  UpdateMsg: unexpectedIn('openSent'),
  UpdateMsgErr: unexpectedIn('openSent'),
  SendHoldTimer_Expires: fsmError,
  RouteRefreshMsg: unexpectedIn('openSent'),
  RouteRefreshMsgErr: unexpectedIn('openSent'),
  MessageWritten: stay,
}

const keepAlive = (at: At): Transition => move(at.fsm, at.fsm.state, [{ kind: 'send-keepalive' }, ...keepaliveTimer(at, at.fsm.times)])

function establish(at: At): Transition {
  const { fsm } = at
  if (fsm.peer === undefined) return fsmError(at)
  const { holdMs, sendHoldMs } = fsm.times
  return move(fsm, 'Established', [
    ...timer('hold', holdMs),
    ...timer('sendHold', sendHoldMs),
    { kind: 'session-up', peer: fsm.peer, times: fsm.times },
  ])
}

export const OPEN_CONFIRM: Row = {
  ...CONNECTED,
  KeepaliveTimer_Expires: keepAlive,
  TcpConnectionFails: lost,
  /** A second OPEN on this connection; the OPEN of another connection comes to that one's machine, and as event 23 here if it wins. */
  BGPOpen: unexpectedIn('openConfirm'),
  BGPOpenMsgErr: broken(ERROR.open),
  NotifMsgVerErr: (at) => told(at, at.event, 'same'),
  KeepAliveMsg: establish,
  UpdateMsg: unexpectedIn('openConfirm'),
  UpdateMsgErr: unexpectedIn('openConfirm'),
  SendHoldTimer_Expires: fsmError,
  RouteRefreshMsg: unexpectedIn('openConfirm'),
  RouteRefreshMsgErr: unexpectedIn('openConfirm'),
  MessageWritten: stay,
}

const heard = (at: At): Transition => move(at.fsm, 'Established', timer('hold', at.fsm.times.holdMs))
const received = (at: At): Transition => move(at.fsm, 'Established', [...timer('hold', at.fsm.times.holdMs), { kind: 'deliver' }])
/** RFC 4271, Established: whatever is sent puts off the next KEEPALIVE; RFC 9687 section 4.4: and the verdict that the peer does not read. */
const written = (at: At): Transition =>
  move(at.fsm, 'Established', [...keepaliveTimer(at, at.fsm.times), ...timer('sendHold', at.fsm.times.sendHoldMs)])

export const ESTABLISHED: Row = {
  ...CONNECTED,
  KeepaliveTimer_Expires: keepAlive,
  TcpConnectionFails: lost,
  BGPOpen: unexpectedIn('established'),
  BGPOpenMsgErr: unexpectedIn('established'),
  NotifMsgVerErr: (at) => told(at, at.event, 'more'),
  KeepAliveMsg: heard,
  UpdateMsg: received,
  UpdateMsgErr: broken(ERROR.update),
  SendHoldTimer_Expires: (at) => fail(at, ERROR.sendHoldTimerExpired),
  RouteRefreshMsg: received,
  RouteRefreshMsgErr: broken(ERROR.routeRefresh),
  MessageWritten: written,
}
