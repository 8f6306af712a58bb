import fc from 'fast-check'
import t from 'tap'
import { step } from '../../../src/speaker/bgp/fsm.ts'
import type { FsmEventKind } from '../../../src/speaker/bgp/fsm-events.ts'
import { FSM_STATES, type Fsm, idleFsm, TIMERS_OF } from '../../../src/speaker/bgp/fsm-transition.ts'
import { NO_TIMES } from '../../../src/speaker/bgp/timers.ts'
import { KINDS, PEER, SAMPLES, SETTINGS, SURROUNDINGS, told } from './support/samples.ts'

const TIMES = { holdMs: 30_000, keepaliveMs: 10_000, sendHoldMs: 480_000 }
const fsm = (state: Fsm['state'], ...timers: Fsm['timers']): Fsm => ({ ...idleFsm(), state, timers, connectRetryCounter: 3 })
const spoken = (state: Fsm['state'], ...timers: Fsm['timers']): Fsm => ({ ...fsm(state, ...timers), times: TIMES, peer: PEER })

/** Every state, and those with a timer that changes what an event means. */
const STATES: Record<string, Fsm> = {
  Idle: fsm('Idle'),
  'Idle, resting': fsm('Idle', 'idleHold'),
  Connect: fsm('Connect', 'connectRetry'),
  'Connect, DelayOpen': fsm('Connect', 'delayOpen'),
  Active: fsm('Active', 'connectRetry'),
  'Active, DelayOpen': fsm('Active', 'delayOpen'),
  OpenSent: fsm('OpenSent', 'hold'),
  OpenConfirm: spoken('OpenConfirm', 'hold', 'keepalive'),
  Established: spoken('Established', 'hold', 'keepalive', 'sendHold'),
}

type Expected = Partial<Record<FsmEventKind, string>>
const every = (kinds: readonly FsmEventKind[], text: string): Expected => Object.fromEntries(kinds.map((kind) => [kind, text]))

// RFC 4271 section 8.2.2, "increments the ConnectRetryCounter by 1, performs peer oscillation damping, changes its state to Idle".
const REST = '+idleHold 7, count +1'
/** Connect, Active: "any other events (8, 10-11, 13, 19, 23, 25-28)". Those of timers that do not run (10, 11, 13, 29) cannot happen. */
const dropped = (stop: string): Expected => ({
  AutomaticStop: `Idle, -${stop}, drop, failed stopped, ${REST}`,
  ...every(
    ['KeepAliveMsg', 'UpdateMsg', 'UpdateMsgErr', 'RouteRefreshMsg', 'RouteRefreshMsgErr'],
    `Idle, -${stop}, drop, failed unexpected, ${REST}`,
  ),
  // 8.1.1: damping is optional, and a collision is no oscillation.
  OpenCollisionDump: `Idle, -${stop}, drop, failed collision, count +1`,
  NotifMsg: `Idle, -${stop}, drop, failed notification-received, ${REST}`,
  // 21, 22: SendNOTIFICATIONwithoutOPEN is set.
  BGPHeaderErr: `Idle, -${stop}, NOTIFICATION 1/2, drop, failed notification-sent, ${REST}`,
  BGPOpenMsgErr: `Idle, -${stop}, NOTIFICATION 2/4, drop, failed notification-sent, ${REST}`,
})

/** Before there is a connection: 14 processes it, 15 rejects it, 16 and 17 send OPEN with a HoldTimer of half a minute, 24 counts. */
const unconnected: Expected = {
  TcpConnection_Valid: '{}, accept',
  Tcp_CR_Invalid: '{}, refuse',
  ...every(['Tcp_CR_Acked', 'TcpConnectionConfirmed'], 'OpenSent, -connectRetry, OPEN, +hold 30'),
  ...dropped('connectRetry'),
  // 19: no OPEN is awaited.
  BGPOpen: `Idle, -connectRetry, drop, failed unexpected, ${REST}`,
  NotifMsgVerErr: `Idle, -connectRetry, drop, failed notification-received, ${REST}`,
}
/** While DelayOpenTimer runs there is a connection: 12 sends OPEN, 20 answers at once, 24 does not count. */
const delayed: Expected = {
  TcpConnection_Valid: '{}, accept',
  Tcp_CR_Invalid: '{}, refuse',
  // Not in the RFC, where the machine has one connection: this would be a second.
  ...every(['Tcp_CR_Acked', 'TcpConnectionConfirmed'], '{}, track'),
  ...dropped('delayOpen'),
  DelayOpenTimer_Expires: 'OpenSent, OPEN, +hold 30',
  BGPOpen: 'OpenConfirm, -delayOpen, OPEN, KEEPALIVE, +hold 30, +keepalive 10',
  NotifMsgVerErr: 'Idle, -delayOpen, drop, failed notification-received',
}

/** What ends OpenSent, OpenConfirm and Established: the NOTIFICATION, then the end. */
const ended = (stops: string, how: 'failed' | 'down', notification: string, rest = REST): string =>
  `Idle, ${stops}, NOTIFICATION ${notification}, drop, ${how} notification-sent${how === 'down' ? ' delete' : ''}, ${rest}`
/** The same in all three. `subcode` of the Finite State Machine Error: RFC 6608 section 4. */
const connected = (stops: string, how: 'failed' | 'down', subcode: number): Expected => ({
  // 2: Cease, counter to zero; 8: Cease (RFC 9384's subcode 10 here), counted.
  ManualStop: ended(stops, how, '6/2', 'count 0'),
  AutomaticStop: ended(stops, how, '6/10'),
  // 14, 16, 17: the second connection is tracked. 15: ignored.
  ...every(['TcpConnection_Valid', 'Tcp_CR_Acked', 'TcpConnectionConfirmed'], '{}, track'),
  // 21: section 6.1, in Established too.
  BGPHeaderErr: ended(stops, how, '1/2'),
  // 23: Cease, Connection Collision Resolution (RFC 4486).
  OpenCollisionDump: ended(stops, how, '6/7', 'count +1'),
  ...every(['UpdateMsg', 'UpdateMsgErr', 'RouteRefreshMsg', 'RouteRefreshMsgErr'], ended(stops, how, `5/${subcode}`)),
})

/** What changes, by state and event; a pair that is missing leaves all as it is. `{}` stands for the state itself. */
const TABLE: Record<string, Expected> = {
  // Events 2, 8 and 9-28 change nothing; a connection is refused.
  Idle: {
    ...every(['ManualStart', 'AutomaticStart'], 'Connect, -idleHold, +connectRetry 60, connect, count 0'),
    // 4, 5: without ConnectRetryTimer, as a passive machine never calls.
    ...every(['ManualStart_with_PassiveTcpEstablishment', 'AutomaticStart_with_PassiveTcpEstablishment'], 'Active, -idleHold, count 0'),
    // 6, 7, 13: the method of damping is open.
    ...every(
      ['AutomaticStart_with_DampPeerOscillations', 'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment'],
      'Idle, +idleHold 7',
    ),
    TcpConnection_Valid: '{}, refuse',
  },
  'Idle, resting': {
    ...every(['ManualStart', 'AutomaticStart'], 'Connect, -idleHold, +connectRetry 60, connect, count 0'),
    ...every(['ManualStart_with_PassiveTcpEstablishment', 'AutomaticStart_with_PassiveTcpEstablishment'], 'Active, -idleHold, count 0'),
    ...every(
      ['AutomaticStart_with_DampPeerOscillations', 'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment'],
      'Idle, +idleHold 7',
    ),
    ...every(['ManualStop', 'AutomaticStop', 'OpenCollisionDump'], 'Idle, -idleHold'),
    IdleHoldTimer_Expires: 'Connect, -idleHold, +connectRetry 60, connect',
    TcpConnection_Valid: '{}, refuse',
  },
  Connect: {
    ...unconnected,
    ManualStop: 'Idle, -connectRetry, drop, failed stopped, count 0',
    // 9: drops, calls again.
    ConnectRetryTimer_Expires: 'Connect, drop, -delayOpen, +connectRetry 60, connect',
    // 18: to Idle without counting; that it rests is ours.
    TcpConnectionFails: 'Idle, -connectRetry, drop, failed tcp-failed, +idleHold 7',
  },
  'Connect, DelayOpen': {
    ...delayed,
    ManualStop: 'Idle, -delayOpen, drop, failed stopped, count 0',
    TcpConnectionFails: 'Active, drop, failed tcp-failed, -delayOpen, +connectRetry 60',
  },
  Active: {
    ...unconnected,
    ManualStop: 'Idle, -connectRetry, drop, failed stopped, count 0',
    ConnectRetryTimer_Expires: 'Connect, +connectRetry 60, connect',
    TcpConnectionFails: `Idle, -connectRetry, drop, failed tcp-failed, ${REST}`,
  },
  'Active, DelayOpen': {
    ...delayed,
    // 2: a Cease, as SendNOTIFICATIONwithoutOPEN is set.
    ManualStop: 'Idle, -delayOpen, NOTIFICATION 6/2, drop, failed notification-sent, count 0',
    TcpConnectionFails: `Idle, -delayOpen, drop, failed tcp-failed, ${REST}`,
  },
  OpenSent: {
    ...connected('-hold', 'failed', 1),
    HoldTimer_Expires: `Idle, NOTIFICATION 4/0, drop, failed notification-sent, ${REST}`,
    TcpConnectionFails: 'Active, -hold, drop, failed tcp-failed, +connectRetry 60',
    BGPOpen: 'OpenConfirm, KEEPALIVE, +hold 30, +keepalive 10',
    BGPOpenMsgErr: ended('-hold', 'failed', '2/4'),
    NotifMsgVerErr: 'Idle, -hold, drop, failed notification-received',
    // 25: section 6.4 forbids the answer that 8.2.2 asks for.
    NotifMsg: `Idle, -hold, drop, failed notification-received, ${REST}`,
    KeepAliveMsg: ended('-hold', 'failed', '5/1'),
  },
  OpenConfirm: {
    ...connected('-hold, -keepalive', 'failed', 2),
    HoldTimer_Expires: `Idle, -keepalive, NOTIFICATION 4/0, drop, failed notification-sent, ${REST}`,
    KeepaliveTimer_Expires: 'OpenConfirm, KEEPALIVE, +keepalive 10',
    ...every(['TcpConnectionFails'], `Idle, -hold, -keepalive, drop, failed tcp-failed, ${REST}`),
    // A second OPEN on the same connection.
    BGPOpen: ended('-hold, -keepalive', 'failed', '5/2'),
    BGPOpenMsgErr: ended('-hold, -keepalive', 'failed', '2/4'),
    NotifMsgVerErr: 'Idle, -hold, -keepalive, drop, failed notification-received',
    NotifMsg: `Idle, -hold, -keepalive, drop, failed notification-received, ${REST}`,
    // 26, and RFC 9687 section 4.3: SendHoldTimer starts.
    KeepAliveMsg: 'Established, +hold 30, +sendHold 480, up',
  },
  Established: {
    ...connected('-hold, -keepalive, -sendHold', 'down', 3),
    HoldTimer_Expires: `Idle, -keepalive, -sendHold, NOTIFICATION 4/0, drop, down notification-sent delete, ${REST}`,
    KeepaliveTimer_Expires: 'Established, KEEPALIVE, +keepalive 10',
    TcpConnectionFails: `Idle, -hold, -keepalive, -sendHold, drop, down tcp-failed delete, ${REST}`,
    ...every(['BGPOpen', 'BGPOpenMsgErr'], ended('-hold, -keepalive, -sendHold', 'down', '5/3')),
    // 24, 25: RFC 8538 without the N bit: routes go.
    ...every(['NotifMsgVerErr', 'NotifMsg'], `Idle, -hold, -keepalive, -sendHold, drop, down notification-received delete, ${REST}`),
    KeepAliveMsg: 'Established, +hold 30',
    UpdateMsg: 'Established, +hold 30, deliver',
    UpdateMsgErr: ended('-hold, -keepalive, -sendHold', 'down', '3/9'),
    // RFC 2918 section 4, RFC 7313 section 5.
    RouteRefreshMsg: 'Established, +hold 30, deliver',
    RouteRefreshMsgErr: ended('-hold, -keepalive, -sendHold', 'down', '7/1'),
    // RFC 9687 section 4.3, event 29.
    SendHoldTimer_Expires: `Idle, -hold, -keepalive, NOTIFICATION 8/0, drop, down notification-sent delete, ${REST}`,
    // RFC 9687 section 4.4; RFC 4271, Established: "each time the local system sends".
    MessageWritten: 'Established, +keepalive 10, +sendHold 480',
  },
}

t.test('every state with every event', async (t) => {
  t.same(Object.keys(TABLE), Object.keys(STATES))
  t.same([...new Set(Object.values(STATES).map(({ state }) => state))].sort(), [...FSM_STATES].sort())
  t.equal(KINDS.length, 31)
  for (const [name, before] of Object.entries(STATES)) {
    for (const kind of KINDS) {
      const expected = (TABLE[name]?.[kind] ?? '{}').replace('{}', before.state)
      t.equal(told(before, step(before, SAMPLES[kind], SURROUNDINGS)), expected, `${name}, ${kind}`)
    }
  }
})

t.test('DelayOpen: the OPEN waits', async (t) => {
  const surroundings = { ...SURROUNDINGS, settings: { ...SETTINGS, delayOpenMs: 5000 } }
  for (const state of ['Connect', 'Active'] as const) {
    const before = fsm(state, 'connectRetry')
    for (const kind of ['Tcp_CR_Acked', 'TcpConnectionConfirmed'] as const) {
      t.equal(told(before, step(before, SAMPLES[kind], surroundings)), `${state}, -connectRetry, +delayOpen 5`)
    }
  }
})

t.test('without an OPEN no NOTIFICATION, unless it is permitted; without damping no rest', async (t) => {
  const surroundings = { ...SURROUNDINGS, settings: { ...SETTINGS, sendNotificationWithoutOpen: false, dampPeerOscillations: false } }
  const after = (before: Fsm, kind: FsmEventKind) => told(before, step(before, SAMPLES[kind], surroundings))
  for (const state of ['Connect', 'Active'] as const) {
    t.equal(after(fsm(state, 'delayOpen'), 'BGPHeaderErr'), 'Idle, -delayOpen, drop, failed notification-sent, count +1')
    t.equal(after(fsm(state, 'delayOpen'), 'BGPOpenMsgErr'), 'Idle, -delayOpen, drop, failed notification-sent, count +1')
  }
  t.equal(after(fsm('Active', 'delayOpen'), 'ManualStop'), 'Idle, -delayOpen, drop, failed stopped, count 0')
  t.equal(after(fsm('Idle'), 'AutomaticStart_with_DampPeerOscillations'), 'Connect, -idleHold, +connectRetry 60, connect, count 0')
  const passive = 'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment'
  t.equal(after(fsm('Idle'), passive), 'Active, -idleHold, count 0')
  t.equal(after({ ...fsm('Idle', 'idleHold'), passive: true }, 'IdleHoldTimer_Expires'), 'Active, -idleHold')
})

t.test('a HoldTime of 0: neither KEEPALIVEs nor timers', async (t) => {
  const before = fsm('OpenSent', 'hold')
  const zero = { kind: 'BGPOpen', open: { ...PEER, holdTimeSec: 0 } } as const
  const confirmed = step(before, zero, SURROUNDINGS)
  t.equal(told(before, confirmed), 'OpenConfirm, KEEPALIVE, -hold')
  t.same(confirmed.fsm.timers, [])
  const established = step(confirmed.fsm, SAMPLES.KeepAliveMsg, SURROUNDINGS)
  t.equal(told(confirmed.fsm, established), 'Established, up')
  for (const kind of ['KeepAliveMsg', 'UpdateMsg', 'MessageWritten'] as const) {
    t.same(step(established.fsm, SAMPLES[kind], SURROUNDINGS).fsm.timers, [], kind)
  }
  t.same(established.fsm.times, NO_TIMES)
})

t.test('a HoldTime of 1 or 2 seconds, should one come so far, is refused', async (t) => {
  for (const holdTimeSec of [1, 2]) {
    const before = fsm('OpenSent', 'hold')
    const after = step(before, { kind: 'BGPOpen', open: { ...PEER, holdTimeSec } }, SURROUNDINGS)
    t.equal(told(before, after), ended('-hold', 'failed', '2/6'))
  }
})

t.test('a hard reset wraps its reason, and deletes the routes that other ends retain', async (t) => {
  const gracefulRestart = { families: 1, notification: true }
  const surroundings = { ...SURROUNDINGS, settings: { ...SETTINGS, gracefulRestart } }
  const before: Fsm = { ...spoken('Established'), peer: { ...PEER, gracefulRestart } }
  const deconfigured = { kind: 'ManualStop', subcode: 3, data: Uint8Array.of(2, 0x6f, 0x6b), hard: true } as const
  const { actions } = step(before, deconfigured, surroundings)
  t.same(actions[0], { kind: 'send-notification', code: 6, subcode: 9, data: Uint8Array.of(6, 3, 2, 0x6f, 0x6b) })
  t.match(told(before, step(before, deconfigured, surroundings)), 'down notification-sent delete')
  t.match(
    told(before, step(before, { ...deconfigured, hard: false }, surroundings)),
    'NOTIFICATION 6/3, drop, down notification-sent retain',
  )
  t.match(told(before, step(before, SAMPLES.NotifMsg, surroundings)), 'down notification-received retain')
  t.match(told(before, step(before, { ...SAMPLES.NotifMsg, subcode: 9 }, surroundings)), 'down notification-received delete')
})

/** Any events, and between them those of a session that comes up, with any delay setting. */
const HAPPY: readonly (readonly FsmEventKind[])[] = [
  ['AutomaticStart', 'Tcp_CR_Acked', 'BGPOpen', 'KeepAliveMsg'],
  ['AutomaticStart', 'Tcp_CR_Acked', 'DelayOpenTimer_Expires', 'BGPOpen', 'KeepAliveMsg', 'UpdateMsg'],
  ['IdleHoldTimer_Expires', 'Tcp_CR_Acked', 'BGPOpen'],
]
const stretches = fc.oneof(fc.constantFrom(...HAPPY), fc.array(fc.constantFrom(...KINDS), { maxLength: 4 }))
const walks = fc.record({
  kinds: fc.array(stretches, { maxLength: 20 }).map((parts) => parts.flat()),
  holdTimeSec: fc.constantFrom(0, 3, 90),
  delayOpenMs: fc.constantFrom(0, 1000),
  dampPeerOscillations: fc.boolean(),
  chance: fc.double({ min: 0, max: 1, noNaN: true }),
})

t.test('no sequence of events leaves a timer running that the state does not own', async (t) => {
  let ups = 0
  fc.assert(
    fc.property(walks, ({ kinds, holdTimeSec, delayOpenMs, dampPeerOscillations, chance }) => {
      const surroundings = { settings: { ...SETTINGS, delayOpenMs, dampPeerOscillations }, chance, idleHoldMs: 0 }
      let now = idleFsm()
      const running = new Set<string>()
      let connection: 'none' | 'calling' | 'there' = 'none'
      let isUp = false
      for (const kind of kinds) {
        const event = kind === 'BGPOpen' ? { kind, open: { ...PEER, holdTimeSec } } : SAMPLES[kind]
        if (kind === 'Tcp_CR_Acked' || kind === 'TcpConnectionConfirmed') connection = now.state === 'Idle' ? connection : 'there'
        for (const timer of now.timers) if (kind.toLowerCase() === `${timer}timer_expires`.toLowerCase()) running.delete(timer)
        const after = step(now, event, surroundings)
        for (const action of after.actions) {
          if (action.kind === 'start-timer') running.add(action.timer)
          if (action.kind === 'stop-timer') running.delete(action.timer)
          if (action.kind === 'connect') {
            if (connection !== 'none') throw new Error('it calls while it has a connection')
            connection = 'calling'
          }
          if (action.kind === 'drop') connection = 'none'
          if (action.kind === 'send-open' || action.kind === 'send-keepalive') {
            if (connection !== 'there') throw new Error(`${action.kind} without a connection`)
          }
          if (action.kind === 'session-up' || action.kind === 'session-down') {
            if (isUp === (action.kind === 'session-up')) throw new Error(`${action.kind} twice`)
            isUp = !isUp
            if (isUp) ups++
          }
        }
        now = after.fsm
        if (isUp !== (now.state === 'Established')) throw new Error('up and Established are the same')
        const strange = [...running].filter((timer) => !TIMERS_OF[now.state].some((own) => own === timer))
        if (strange.length > 0) throw new Error(`${now.state} with ${strange.join()}`)
        if ([...running].sort().join() !== now.timers.join()) throw new Error(`runs ${[...running].join()}, knows ${now.timers.join()}`)
      }
    }),
    { numRuns: 3000 },
  )
  t.ok(ups > 1000, `sessions came up ${ups} times`)
})
