import fc from 'fast-check'
import t from 'tap'
import type { FsmEvent } from '../../../src/speaker/bgp/fsm-events.ts'
import { idlePeering, type LinkEvent, type PeeringEvent, stepPeering } from '../../../src/speaker/bgp/peering.ts'
import { KINDS, PEER, SAMPLES, SETTINGS } from './support/samples.ts'
import { createTwoSpeakers, FAIR, type SpeakerOptions, type Weather } from './support/two-speakers.ts'

const LOW = { asNumber: 64_512, identifier: 1 }
const HIGH = { asNumber: 64_513, identifier: 2 }
const GRACEFUL = { families: 1, notification: false }
const STORM: Weather = { callFails: 0.3, breaks: 0.05, goesSilent: 0.05 }
/** Longer than the longest rest, a call that times out, and the time that a silent connection may wait for an OPEN. */
const RECOVERY_MS = 600_000

const bothStart = (world: ReturnType<typeof createTwoSpeakers>) => {
  for (const speaker of world.speakers) world.happen(speaker, { kind: 'start' })
}
const upsOf = ({ told }: { readonly told: readonly string[] }) => told.filter((line) => line.includes('session-up')).length

/**
 * The RFC leaves one race: who has got the KEEPALIVE of a connection keeps that connection, while the other side, which has not, may by
 * the identifiers still decide for the second one. Then both are closed, and both sides try again.
 */
t.test('two that call at once: one session, on the connection that the higher identifier has opened', async (t) => {
  let [collisions, races] = [0, 0]
  for (let seed = 1; seed <= 300; seed++) {
    const world = createTwoSpeakers([{ side: LOW }, { side: HIGH }], seed * 7919)
    bothStart(world)
    world.run(30_000, FAIR)
    const [low, high] = world.speakers
    if (!world.isUp()) t.fail(`seed ${seed}: ${JSON.stringify([low.told, high.told])}`)
    if (upsOf(low) + upsOf(high) > 2) races++
    if (low.peering.links.find(({ fsm }) => fsm.state === 'Established')?.direction === 'incoming') collisions++
  }
  t.ok(collisions > 200, `${collisions} of 300 sessions are the higher one's`)
  t.ok(races < 30, `${races} of 300 had to try again`)
  t.comment(`${collisions} the higher one's, ${races} tried again`)
})

const speaker = (side: SpeakerOptions['side']): fc.Arbitrary<SpeakerOptions> =>
  fc.record({
    side: fc.constant(side),
    delayOpenMs: fc.constantFrom(0, 3000),
    holdMs: fc.constantFrom(9000, 90_000),
    connectRetryMs: fc.constantFrom(5000, 30_000),
    gracefulRestart: fc.constantFrom(undefined, GRACEFUL),
  })
const pairs: fc.Arbitrary<readonly [SpeakerOptions, SpeakerOptions]> = fc
  .tuple(
    speaker(LOW),
    fc.constantFrom(HIGH, { ...HIGH, identifier: LOW.identifier }).chain(speaker),
    fc.constantFrom('none', 'first', 'second'),
  )
  .map(([first, second, passive]) => [
    { ...first, passive: passive === 'first' },
    { ...second, passive: passive === 'second' },
  ])

t.test('after any storm, when the network is well, both are Established on one connection, and stay so', async () => {
  fc.assert(
    fc.property(pairs, fc.integer(), fc.integer({ min: 0, max: 400_000 }), (options, seed, stormMs) => {
      const world = createTwoSpeakers(options, seed)
      bothStart(world)
      world.run(stormMs, STORM)
      world.run(RECOVERY_MS, FAIR)
      if (!world.isUp()) throw new Error('not up')
      const before = world.speakers.map(upsOf).join()
      world.run(300_000, FAIR)
      if (!world.isUp() || world.speakers.map(upsOf).join() !== before) throw new Error('did not stay')
    }),
    { numRuns: 400 },
  )
})

t.test('a peer that restarts without a word: with graceful restart at once, without when the HoldTime is over', async (t) => {
  for (const graceful of [true, false]) {
    const gracefulRestart = graceful ? GRACEFUL : undefined
    const world = createTwoSpeakers(
      [
        { side: LOW, gracefulRestart },
        { side: HIGH, gracefulRestart },
      ],
      7,
    )
    bothStart(world)
    world.run(60_000, FAIR)
    t.ok(world.isUp())
    const [low, high] = world.speakers
    const callsBefore = high.calls
    world.restart(high, true)
    world.run(graceful ? 1000 : 40_000, FAIR)
    t.equal(world.isUp(), graceful)
    t.ok(high.calls - callsBefore <= 2, `who is refused for the old session calls at the pace of ConnectRetryTime, not ${high.calls} times`)
    const ends = low.told.filter((line) => line.includes('session-down')).map((line) => line.replace(/^\S+ /, ''))
    t.same(ends, graceful ? ['session-down replaced retain'] : [])
    world.run(240_000, FAIR)
    t.ok(world.isUp())
    t.same(
      low.told.filter((line) => line.includes('session-down')).map((line) => line.replace(/^\S+ /, '')),
      [graceful ? 'session-down replaced retain' : 'session-down notification-sent delete'],
    )
  }
})

t.test('a stopped peering refuses calls and starts none; started again it comes up', async (t) => {
  const world = createTwoSpeakers([{ side: LOW }, { side: HIGH }], 11)
  bothStart(world)
  world.run(60_000, FAIR)
  const [low, high] = world.speakers
  world.happen(low, { kind: 'stop', subcode: 2, data: new Uint8Array(0), hard: false })
  world.run(600_000, FAIR)
  t.same(
    low.peering.links.map(({ fsm }) => fsm.state),
    ['Idle'],
  )
  t.match(high.told.at(-1), /session-down notification-received delete$/)
  t.equal(low.timers.size, 0)
  world.happen(low, { kind: 'start' })
  world.run(180_000, FAIR)
  t.ok(world.isUp())
})

t.test('calls without an OPEN take no more than two places', async (t) => {
  const world = createTwoSpeakers([{ side: LOW, passive: true }, { side: HIGH }], 13)
  const [low] = world.speakers
  world.happen(low, { kind: 'start' })
  world.run(10, FAIR)
  for (let id = 100; id < 200; id++) {
    const end = { owner: low, link: undefined, connection: { isSilent: true, lastMs: 0, ends: undefined } }
    world.happen(low, { kind: 'incoming', id }, end)
    t.ok(low.peering.links.length <= 3)
  }
  t.same(
    low.peering.links.map(({ id }) => id),
    [0, 198, 199],
    'the newest stay',
  )
})

const NEWEST = -1
const isOfLink = (event: FsmEvent): event is LinkEvent => !/Start|ManualStop/.test(event.kind)

t.test('any events on any links: one session, few links, and what is told of a session comes in pairs', async (t) => {
  let ups = 0
  const ids = fc.integer({ min: 0, max: 6 })
  const opens = fc
    .constantFrom(undefined, GRACEFUL)
    .map((gracefulRestart) => ({ kind: 'BGPOpen', open: { ...PEER, gracefulRestart } }) as const)
  const lives = fc
    .constantFrom('Tcp_CR_Acked', 'KeepAliveMsg', 'IdleHoldTimer_Expires', ...KINDS)
    .map((kind) => SAMPLES[kind])
    .filter(isOfLink)
  const onLinks = fc.tuple(ids, fc.oneof(opens, lives)).map(([id, event]): PeeringEvent => ({ kind: 'link', id, event }))
  const commands = fc.constantFrom<PeeringEvent>({ kind: 'start' }, { kind: 'stop', subcode: 2, data: new Uint8Array(0), hard: true })
  const calls = fc.constant<PeeringEvent>({ kind: 'incoming', id: 0 })
  const single = fc.oneof({ weight: 6, arbitrary: onLinks }, { weight: 2, arbitrary: calls }, { weight: 1, arbitrary: commands })
  // A call that comes up, on the newest link.
  const session = opens.map((open): readonly PeeringEvent[] => [
    { kind: 'incoming', id: 0 },
    { kind: 'link', id: NEWEST, event: open },
    { kind: 'link', id: NEWEST, event: SAMPLES.KeepAliveMsg },
  ])
  const events = fc.oneof({ weight: 1, arbitrary: session }, { weight: 3, arbitrary: single.map((event) => [event]) })
  fc.assert(
    fc.property(fc.array(events, { maxLength: 60 }), fc.boolean(), (sequence, passive) => {
      const settings = { ...SETTINGS, gracefulRestart: GRACEFUL }
      let peering = idlePeering()
      let [nextId, nowMs, up] = [1, 0, 0]
      for (const event of [{ kind: 'start' } as const, ...sequence.flat()]) {
        // Links are named by their place: the ids grow.
        const named: PeeringEvent =
          event.kind === 'incoming'
            ? { kind: 'incoming', id: nextId++ }
            : event.kind === 'link'
              ? { ...event, id: peering.links.at(event.id === NEWEST ? -1 : event.id % peering.links.length)?.id ?? 0 }
              : event
        nowMs += 3000
        const after = stepPeering(peering, named, { settings, us: LOW, passive, chance: 0.5, nowMs })
        for (const { action } of after.actions) {
          if (action.kind === 'session-up') up++
          if (action.kind === 'session-down') up--
          if (up < 0 || up > 1) throw new Error(`${up} sessions`)
          if (action.kind === 'session-up') ups++
        }
        peering = after.peering
        const established = peering.links.filter(({ fsm }) => fsm.state === 'Established').length
        if (established !== up) throw new Error(`${established} Established, ${up} told`)
        if (peering.links.length > 3) throw new Error(`${peering.links.length} links`)
        if (!peering.wanted && peering.links.some(({ fsm }) => fsm.state !== 'Idle')) throw new Error('stopped and alive')
      }
    }),
    { numRuns: 2000 },
  )
  t.ok(ups > 300, `sessions came up ${ups} times`)
})
