import type { FsmAction } from '../../../../src/speaker/bgp/fsm-actions.ts'
import type { FsmEvent, FsmEventKind, PeerOpen, Stop } from '../../../../src/speaker/bgp/fsm-events.ts'
import type { Fsm, FsmSettings, Transition } from '../../../../src/speaker/bgp/fsm-transition.ts'

/** Offers 90 s, and calls again after 60 s. */
export const SETTINGS: FsmSettings = {
  holdMs: 90_000,
  connectRetryMs: 60_000,
  delayOpenMs: 0,
  dampPeerOscillations: true,
  sendNotificationWithoutOpen: true,
  gracefulRestart: undefined,
}
export const IDLE_HOLD_MS = 7000
/** Without jitter. */
export const SURROUNDINGS = { settings: SETTINGS, chance: 1, idleHoldMs: IDLE_HOLD_MS }

/** Offers less than we do, so that the negotiated 30 s are the peer's. */
export const PEER: PeerOpen = { asNumber: 64_512, identifier: 0x0a000002, holdTimeSec: 30 }

const NONE = new Uint8Array(0)
export const SHUTDOWN: Stop = { subcode: 2, data: NONE, hard: false }

/** One event of each kind. */
export const SAMPLES: { readonly [K in FsmEventKind]: Extract<FsmEvent, { kind: K }> } = {
  ManualStart: { kind: 'ManualStart' },
  ManualStop: { kind: 'ManualStop', ...SHUTDOWN },
  AutomaticStart: { kind: 'AutomaticStart' },
  ManualStart_with_PassiveTcpEstablishment: { kind: 'ManualStart_with_PassiveTcpEstablishment' },
  AutomaticStart_with_PassiveTcpEstablishment: { kind: 'AutomaticStart_with_PassiveTcpEstablishment' },
  AutomaticStart_with_DampPeerOscillations: { kind: 'AutomaticStart_with_DampPeerOscillations' },
  AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment: {
    kind: 'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment',
  },
  AutomaticStop: { kind: 'AutomaticStop', ...SHUTDOWN, subcode: 10 },
  ConnectRetryTimer_Expires: { kind: 'ConnectRetryTimer_Expires' },
  HoldTimer_Expires: { kind: 'HoldTimer_Expires' },
  KeepaliveTimer_Expires: { kind: 'KeepaliveTimer_Expires' },
  DelayOpenTimer_Expires: { kind: 'DelayOpenTimer_Expires' },
  IdleHoldTimer_Expires: { kind: 'IdleHoldTimer_Expires' },
  TcpConnection_Valid: { kind: 'TcpConnection_Valid' },
  Tcp_CR_Invalid: { kind: 'Tcp_CR_Invalid' },
  Tcp_CR_Acked: { kind: 'Tcp_CR_Acked' },
  TcpConnectionConfirmed: { kind: 'TcpConnectionConfirmed' },
  TcpConnectionFails: { kind: 'TcpConnectionFails', cause: 'ECONNRESET' },
  BGPOpen: { kind: 'BGPOpen', open: PEER },
  BGPHeaderErr: { kind: 'BGPHeaderErr', subcode: 2, data: NONE },
  BGPOpenMsgErr: { kind: 'BGPOpenMsgErr', subcode: 4, data: NONE },
  OpenCollisionDump: { kind: 'OpenCollisionDump' },
  NotifMsgVerErr: { kind: 'NotifMsgVerErr', code: 2, subcode: 1, data: NONE },
  NotifMsg: { kind: 'NotifMsg', code: 6, subcode: 4, data: NONE },
  KeepAliveMsg: { kind: 'KeepAliveMsg' },
  UpdateMsg: { kind: 'UpdateMsg' },
  UpdateMsgErr: { kind: 'UpdateMsgErr', subcode: 9, data: NONE },
  SendHoldTimer_Expires: { kind: 'SendHoldTimer_Expires' },
  RouteRefreshMsg: { kind: 'RouteRefreshMsg' },
  RouteRefreshMsgErr: { kind: 'RouteRefreshMsgErr', subcode: 1, data: NONE },
  MessageWritten: { kind: 'MessageWritten' },
}
export const KINDS = Object.keys(SAMPLES) as FsmEventKind[]

/** "send 6/2", "+hold 30", "-hold", "down tcp-failed delete": one action in few letters; seconds. */
export function short(action: FsmAction): string {
  switch (action.kind) {
    case 'start-timer':
      return `+${action.timer} ${action.ms / 1000}`
    case 'stop-timer':
      return `-${action.timer}`
    case 'send-open':
      return 'OPEN'
    case 'send-keepalive':
      return 'KEEPALIVE'
    case 'send-notification':
      return `NOTIFICATION ${action.code}/${action.subcode}`
    case 'session-up':
      return 'up'
    case 'session-down':
      return `down ${action.reason.kind} ${action.routes}`
    case 'attempt-failed':
      return `failed ${action.reason.kind}`
    default:
      return action.kind
  }
}

/** The state after a step, its actions, and how the counter of tries changed. */
export function told(before: Fsm, { fsm, actions }: Transition): string {
  const { connectRetryCounter: count } = fsm
  const change = count === before.connectRetryCounter ? [] : [count === 0 ? 'count 0' : `count +${count - before.connectRetryCounter}`]
  return [fsm.state, ...actions.map(short), ...change].join(', ')
}
