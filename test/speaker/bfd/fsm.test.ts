import fc from 'fast-check'
import t from 'tap'
import {
  type BfdAction,
  type BfdEvent,
  type BfdSession,
  type BfdSettings,
  createBfdSession,
  packetOf,
  stepBfd,
} from '../../../src/speaker/bfd/fsm.ts'
import { BFD_STATES, type BfdPacket, type BfdState, parseBfd, serializeBfd } from '../../../src/wire/bfd.ts'
import { createPair } from './support/two-sessions.ts'

const SETTINGS: BfdSettings = { desiredMinTxUs: 50_000, requiredMinRxUs: 50_000, detectMultiplier: 3, passive: false }
const PEER: BfdPacket = {
  diagnostic: 0,
  state: 'Down',
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  detectMultiplier: 4,
  myDiscriminator: 9,
  yourDiscriminator: 7,
  desiredMinTxUs: 60_000,
  requiredMinRxUs: 40_000,
  requiredMinEchoRxUs: 0,
}
const hear = (session: BfdSession, change: Partial<BfdPacket> = {}) =>
  stepBfd(session, { kind: 'packet', packet: { ...PEER, ...change } }, 1)
const enabled = (settings = SETTINGS) => stepBfd(createBfdSession(7, settings), { kind: 'enable' }, 1).session
const inState = (state: BfdState): BfdSession => {
  if (state === 'AdminDown') return createBfdSession(7, SETTINGS)
  const init = hear(enabled()).session
  return { Down: enabled(), Init: init, Up: hear(init, { state: 'Init' }).session }[state]
}
/** "Up", "send Up P", "+detect 240", in milliseconds. */
const short = (action: BfdAction): string => {
  if (action.kind === 'send') return `send ${action.packet.state}${action.packet.poll ? ' P' : ''}${action.packet.final ? ' F' : ''}`
  if (action.kind === 'start-timer') return `+${action.timer} ${action.us / 1000}`
  if (action.kind === 'stop-timer') return `-${action.timer}`
  return action.kind === 'session-down' ? `down ${action.cause}` : 'up'
}
const told = ({ session, actions }: { readonly session: BfdSession; readonly actions: readonly BfdAction[] }) =>
  [session.state, ...actions.map(short)].join(', ')

/** RFC 5880 sections 6.2 and 6.8.6: own state, peer's state, what follows. Detection: 4 x the slower of 50 and 60 ms. */
const HEARD: Record<BfdState, Record<BfdState, string>> = {
  // Discarded: nothing but the peer's words is kept.
  AdminDown: { AdminDown: 'AdminDown', Down: 'AdminDown', Init: 'AdminDown', Up: 'AdminDown' },
  Down: {
    AdminDown: 'Down, +detect 240',
    Down: 'Init, send Init, +detect 240',
    // Into Up: the poll says that we are fast now; until it is answered we are fast already, as that is the safe side.
    Init: 'Up, up, send Up P, +transmit 50, +detect 240',
    Up: 'Down, +detect 240',
  },
  Init: {
    AdminDown: 'Down, send Down, +detect 240',
    Down: 'Init, +detect 240',
    Init: 'Up, up, send Up P, +transmit 50, +detect 240',
    Up: 'Up, up, send Up P, +transmit 50, +detect 240',
  },
  Up: {
    AdminDown: 'Down, down neighbor-disabled, send Down, +transmit 1000, +detect 240',
    Down: 'Down, down neighbor-signaled-down, send Down, +transmit 1000, +detect 240',
    Init: 'Up, +detect 240',
    Up: 'Up, +detect 240',
  },
}

t.test('every state with every state of the peer', async (t) => {
  for (const own of BFD_STATES) {
    const before = inState(own)
    t.equal(before.state, own)
    for (const state of BFD_STATES) {
      // A disabled session says nothing in these tests: it was never enabled.
      const expected = own === 'AdminDown' ? 'AdminDown, +transmit 1000' : HEARD[own][state]
      t.equal(told(hear(before, { state })), expected, `${own} hears ${state}`)
    }
  }
})

t.test('every state with every other event', async (t) => {
  const expected: Record<string, Record<BfdState, string>> = {
    enable: { AdminDown: 'Down, send Down, +transmit 1000', Down: 'Down', Init: 'Init', Up: 'Up' },
    disable: {
      AdminDown: 'AdminDown',
      Down: 'AdminDown, send AdminDown',
      Init: 'AdminDown, send AdminDown, -detect',
      Up: 'AdminDown, down disabled, send AdminDown, +transmit 1000, -detect',
    },
    'transmit-expires': {
      AdminDown: 'AdminDown',
      Down: 'Down, send Down, +transmit 1000',
      Init: 'Init, send Init, +transmit 1000',
      Up: 'Up, send Up P, +transmit 50',
    },
    'detect-expires': {
      AdminDown: 'AdminDown',
      Down: 'Down',
      Init: 'Down, send Down',
      Up: 'Down, down detection-time-expired, send Down, +transmit 1000',
    },
    'path-down': { AdminDown: 'AdminDown', Down: 'Down', Init: 'Down, send Down', Up: 'Down, down path-down, send Down, +transmit 1000' },
  }
  for (const [kind, row] of Object.entries(expected)) {
    for (const state of BFD_STATES) {
      t.equal(told(stepBfd(inState(state), { kind } as BfdEvent, 1)), row[state], `${state}, ${kind}`)
    }
  }
})

t.test('the diagnostic says why; section 4.1', async (t) => {
  const of = (event: BfdEvent) => stepBfd(inState('Up'), event, 1).session.diagnostic
  t.equal(of({ kind: 'detect-expires' }), 1)
  t.equal(of({ kind: 'packet', packet: PEER }), 3)
  t.equal(of({ kind: 'packet', packet: { ...PEER, state: 'AdminDown' } }), 3)
  t.equal(of({ kind: 'path-down' }), 5)
  t.equal(of({ kind: 'disable' }), 7)
  t.equal(of({ kind: 'packet', packet: { ...PEER, state: 'Up' } }), 0)
})

t.test('a peer that is lost is forgotten: it may come back with another discriminator; section 6.8.1', async (t) => {
  const { session } = stepBfd(inState('Up'), { kind: 'detect-expires' }, 1)
  t.equal(packetOf(session).yourDiscriminator, 0)
  const back = hear(session, { myDiscriminator: 77, yourDiscriminator: 0 }).session
  t.equal(packetOf(back).yourDiscriminator, 77)
  t.equal(back.state, 'Init')
})

t.test('a poll is answered at once, and ours ends with its answer; sections 6.5, 6.8.6', async (t) => {
  const up = inState('Up')
  t.ok(packetOf(up).poll)
  const polled = hear(up, { state: 'Up', poll: true })
  t.equal(told(polled), 'Up, send Up F, +detect 240')
  t.ok(polled.session.polling, 'an answer is no answer to us')
  t.notOk(hear(up, { state: 'Up', final: true }).session.polling)
  t.equal(told(hear(enabled(), { poll: true })), 'Init, send Init F, send Init, +detect 240')
})

t.test('new intervals: the faster sending and the longer waiting count until the peer knows; section 6.8.3', async (t) => {
  const up = hear(inState('Up'), { state: 'Up', final: true }).session
  const slower = stepBfd(up, { kind: 'configure', settings: { ...SETTINGS, desiredMinTxUs: 300_000, requiredMinRxUs: 20_000 } }, 1)
  t.equal(told(slower), 'Up, send Up P')
  t.match(packetOf(slower.session), { poll: true, desiredMinTxUs: 300_000, requiredMinRxUs: 20_000 })
  t.match(slower.session, { txInUseUs: 50_000, rxInUseUs: 50_000, transmitEveryUs: 50_000 })
  const known = hear(slower.session, { state: 'Up', final: true })
  t.equal(told(known), 'Up, +transmit 300, +detect 240')
  t.match(known.session, { txInUseUs: 300_000, rxInUseUs: 20_000, polling: false })

  const faster = stepBfd(up, { kind: 'configure', settings: { ...SETTINGS, desiredMinTxUs: 45_000, requiredMinRxUs: 90_000 } }, 1)
  t.equal(told(faster), 'Up, send Up P, +transmit 45')
  t.equal(told(hear(faster.session, { state: 'Up' })), 'Up, +detect 360')

  const third = { ...SETTINGS, desiredMinTxUs: 70_000 }
  const queued = stepBfd(slower.session, { kind: 'configure', settings: third }, 1)
  t.equal(packetOf(queued.session).desiredMinTxUs, 300_000, 'a change during a poll waits for its end')
  const next = hear(queued.session, { state: 'Up', final: true })
  t.match(packetOf(next.session), { poll: true, desiredMinTxUs: 70_000 })
})

t.test('when nothing is sent; sections 6.1, 6.8.7', async (t) => {
  const passive = enabled({ ...SETTINGS, passive: true })
  t.equal(passive.transmitEveryUs, 0)
  t.equal(told(hear(passive)), 'Init, send Init, +transmit 1000, +detect 240')
  const up = hear(inState('Up'), { state: 'Up', final: true }).session
  t.equal(told(hear(up, { state: 'Up', requiredMinRxUs: 0 })), 'Up, -transmit, +detect 240')
  t.equal(told(hear(up, { state: 'Up', demand: true })), 'Up, -transmit, +detect 240')
  t.equal(told(hear(up, { state: 'Up', requiredMinRxUs: 200_000 })), 'Up, +transmit 200, +detect 240')
})

const settings: fc.Arbitrary<BfdSettings> = fc.record({
  desiredMinTxUs: fc.integer({ min: 10_000, max: 400_000 }),
  requiredMinRxUs: fc.integer({ min: 10_000, max: 400_000 }),
  detectMultiplier: fc.integer({ min: 1, max: 10 }),
  passive: fc.constant(false),
})

t.test('two sessions: Up within seconds, no false trip, down in time when the path is, and Up again', async () => {
  fc.assert(
    fc.property(settings, settings, fc.boolean(), fc.integer(), (a, b, passive, seed) => {
      const pair = createPair([a, { ...b, passive }], seed)
      pair.run(4_000_000)
      if (!pair.isUp()) throw new Error('not up')
      pair.run(30_000_000)
      if (pair.falls() > 0) throw new Error('a false trip')
      const timesUs = pair.sessions().map(({ rxInUseUs, remote }) => remote.detectMultiplier * Math.max(rxInUseUs, remote.desiredMinTxUs))
      pair.cut(true)
      pair.run(Math.max(...timesUs) + 5000)
      if (pair.sessions().some(({ state }) => state === 'Up')) throw new Error('Up without a path')
      pair.cut(false)
      pair.run(5_000_000)
      if (!pair.isUp()) throw new Error('not up again')
    }),
    { numRuns: 100 },
  )
})

t.test('intervals changed again and again on a session that is Up: no trip', async () => {
  fc.assert(
    fc.property(settings, settings, fc.array(settings, { maxLength: 12 }), fc.integer(), (a, b, changes, seed) => {
      const pair = createPair([a, b], seed)
      pair.run(4_000_000)
      for (const [at, change] of changes.entries()) {
        pair.configure(at % 2, { ...change, detectMultiplier: (at % 2 === 0 ? a : b).detectMultiplier })
        pair.run((seed >>> 0) % 700_000)
      }
      pair.run(5_000_000)
      if (!pair.isUp() || pair.falls() > 0) throw new Error(`${pair.falls()} falls`)
      const said = pair.sessions().map(({ desiredMinTxUs, settings: own, polling }) => desiredMinTxUs === own.desiredMinTxUs && !polling)
      if (said.includes(false)) throw new Error('the last settings are not said')
    }),
    { numRuns: 100 },
  )
})

t.test('any packets and events: what is sent can be read, and timers are as known', async () => {
  const states = fc.constantFrom(...BFD_STATES)
  const flags = { poll: fc.boolean(), final: fc.boolean(), demand: fc.boolean() }
  const numbers = { myDiscriminator: fc.integer({ min: 1, max: 3 }), requiredMinRxUs: fc.constantFrom(0, 1, 50_000) }
  const packet = fc
    .record({ state: states, ...flags, ...numbers })
    .map((change): BfdEvent => ({ kind: 'packet', packet: { ...PEER, ...change } }))
  const plain = fc.constantFrom(...(['enable', 'disable', 'transmit-expires', 'detect-expires', 'path-down'] as const))
  const configure = settings.map((own): BfdEvent => ({ kind: 'configure', settings: own }))
  const events = fc.oneof(
    { weight: 3, arbitrary: packet },
    plain.map((kind): BfdEvent => ({ kind })),
    configure,
  )
  fc.assert(
    fc.property(fc.array(events, { maxLength: 40 }), fc.boolean(), (sequence, passive) => {
      let session = createBfdSession(7, { ...SETTINGS, passive })
      const running = new Set<string>()
      let isUp = false
      for (const event of sequence) {
        if (event.kind === 'detect-expires') running.delete('detect')
        if (event.kind === 'transmit-expires') running.delete('transmit')
        const after = stepBfd(session, event, 0.5)
        for (const action of after.actions) {
          if (action.kind === 'start-timer') running.add(action.timer)
          if (action.kind === 'stop-timer') running.delete(action.timer)
          if (action.kind === 'send' && !parseBfd(serializeBfd(action.packet)).ok) throw new Error('unreadable')
          if (action.kind === 'session-up' || action.kind === 'session-down') {
            if (isUp === (action.kind === 'session-up')) throw new Error(`${action.kind} twice`)
            isUp = !isUp
          }
        }
        session = after.session
        if (isUp !== (session.state === 'Up')) throw new Error('up and Up are the same')
        if (running.has('detect') !== session.detecting) throw new Error('detect')
        if (running.has('transmit') !== session.transmitEveryUs > 0) throw new Error('transmit')
      }
    }),
    { numRuns: 3000 },
  )
})
