import { ACTIVE, CONNECT, IDLE } from './fsm-connecting.ts'
import type { FsmEvent } from './fsm-events.ts'
import { ESTABLISHED, OPEN_CONFIRM, OPEN_SENT } from './fsm-open.ts'
import {
  type At,
  type Fsm,
  type FsmStateName,
  type FsmSurroundings,
  isRunning,
  type Row,
  stay,
  TIMER_OF_EVENT,
  type Transition,
} from './fsm-transition.ts'

/** Every state with every event. */
const TABLE: Readonly<Record<FsmStateName, Row>> = {
  Idle: IDLE,
  Connect: CONNECT,
  Active: ACTIVE,
  OpenSent: OPEN_SENT,
  OpenConfirm: OPEN_CONFIRM,
  Established: ESTABLISHED,
}

/**
 * One step of the machine of one connection (RFC 4271 section 8.2.2): the state after `event`, and what the shell has to do, in order.
 * Pure and total. The shell calls it with the events of this connection alone: after a `drop` those of the old socket are not for it.
 * The expiry of a timer that does not run is ignored, as it has crossed its stop on the way; so the Finite State Machine Errors that
 * section 8.2.2 names for such expiries cannot come to be.
 * Where it leaves section 8.2.2: a header error in Established is told as what it is (section 6.1, a MUST), a NOTIFICATION is never
 * answered (section 6.4), a passive machine never calls, and a lost collision does not count as an oscillation.
 */
export function step(fsm: Fsm, event: FsmEvent, surroundings: FsmSurroundings): Transition {
  const timer = TIMER_OF_EVENT[event.kind]
  if (timer === undefined) return react(fsm, event, surroundings)
  if (!isRunning(fsm, timer)) return stay({ ...surroundings, fsm, event })
  return react({ ...fsm, timers: fsm.timers.filter((name) => name !== timer) }, event, surroundings)
}

function react(fsm: Fsm, event: FsmEvent, surroundings: FsmSurroundings): Transition {
  // The row's entry for a kind takes that kind's event: TypeScript cannot follow the pair through the index.
  const reaction = TABLE[fsm.state][event.kind] as (at: At) => Transition
  return reaction({ ...surroundings, fsm, event })
}
