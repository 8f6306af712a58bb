import type { LinkEvent } from './peering.ts'
import { sessionFailed } from './session-outcome.ts'
import { LOOK_MS, type PeerState, stateOf, timerName } from './session-state.ts'
import { happenOn } from './session-turn.ts'
import type { FsmTimer } from './timers.ts'

const EVENT_OF: Readonly<Record<FsmTimer, LinkEvent['kind']>> = {
  connectRetry: 'ConnectRetryTimer_Expires',
  hold: 'HoldTimer_Expires',
  keepalive: 'KeepaliveTimer_Expires',
  delayOpen: 'DelayOpenTimer_Expires',
  idleHold: 'IdleHoldTimer_Expires',
  sendHold: 'SendHoldTimer_Expires',
}
/** For so long what a late thread has not read yet may still come before a peer counts as silent. */
const GRACE_MS = 20

/** What the timers of a peer, which are of no link, are for. */
export interface PeerTimers {
  /** Tells what waits. */
  fill(state: PeerState): void
  /** Begins anew after a rest. */
  begin(state: PeerState): void
}

/** A timer of the session has expired. */
export function expire(state: PeerState, name: string, peerTimers: PeerTimers): void {
  const [id = '', timer = ''] = name.split('/')
  if (name === 'look') look(state)
  else if (name === 'begin') peerTimers.begin(state)
  else if (timer === '') peerTimers.fill(state)
  else if (timer === 'hold') state.timers.start(timerName(Number(id), 'grace'), GRACE_MS)
  else if (timer === 'grace') holdExpires(state, Number(id))
  else happenOn(state, Number(id), { kind: EVENT_OF[timer as FsmTimer] } as LinkEvent)
}

/** A thread that was late has had a turn to read what came meanwhile; then HoldTimer runs again, and this is no expiry. */
function holdExpires(state: PeerState, id: number): void {
  if (state.timers.remainingMs(timerName(id, 'hold')) === undefined) happenOn(state, id, { kind: 'HoldTimer_Expires' })
}

/** Silence has a cause too, which people shall not have to wait for. */
function look(state: PeerState): void {
  if (!state.peering.wanted || state.established !== undefined) return
  state.timers.start('look', LOOK_MS)
  const cause = silenceOf(state)
  if (cause !== undefined) sessionFailed(state, { kind: 'tcp-failed', cause })
}

/** In which way the peer is silent; undefined: it is not, or rests. */
function silenceOf({ links, settings, peering, options }: PeerState): 'silence' | 'mute' | 'unconfirmed' | 'uncalled' | undefined {
  const all = [...links.values()]
  const opened = all.find(({ theirs }) => theirs !== undefined)
  if (opened !== undefined) return options.clock.monotonicMs() - opened.openMs < LOOK_MS ? undefined : 'unconfirmed'
  if (all.some(({ isConnected }) => isConnected)) return 'mute'
  if (all.length > 0) return 'silence'
  return settings.transport.passive && stateOf(peering) === 'Active' ? 'uncalled' : undefined
}
