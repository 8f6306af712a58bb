import t from 'tap'
import { survivor } from '../../../src/speaker/bgp/collision.ts'
import { afterFailure, CALM, restMs } from '../../../src/speaker/bgp/dampening.ts'
import type { EndReason } from '../../../src/speaker/bgp/fsm-actions.ts'
import { ceaseFor, routeFate } from '../../../src/speaker/bgp/graceful-restart.ts'
import { openError } from '../../../src/speaker/bgp/open-check.ts'
import { isHoldTime, jittered, negotiateTimes } from '../../../src/speaker/bgp/timers.ts'

const NONE = new Uint8Array(0)

t.test('hold times: the smaller one, three KEEPALIVEs in it, none without it; RFC 4271 section 4.2, RFC 9687 section 6', async (t) => {
  const cases = [
    { ours: { holdMs: 90_000 }, peer: 180_000, times: [90_000, 30_000, 480_000] },
    { ours: { holdMs: 90_000 }, peer: 3000, times: [3000, 1000, 480_000] },
    { ours: { holdMs: 600_000 }, peer: 600_000, times: [600_000, 200_000, 1_200_000] },
    { ours: { holdMs: 90_000 }, peer: 0, times: [0, 0, 0] },
    { ours: { holdMs: 0 }, peer: 90_000, times: [0, 0, 0] },
    { ours: { holdMs: 90_000, keepaliveMs: 5000 }, peer: 90_000, times: [90_000, 5000, 480_000] },
    { ours: { holdMs: 90_000, keepaliveMs: 60_000 }, peer: 9000, times: [9000, 3000, 480_000] },
    { ours: { holdMs: 90_000, sendHoldMs: 0 }, peer: 90_000, times: [90_000, 30_000, 0] },
  ]
  for (const { ours, peer, times } of cases) {
    const { holdMs, keepaliveMs, sendHoldMs } = negotiateTimes(ours, peer)
    t.same([holdMs, keepaliveMs, sendHoldMs], times)
  }
  t.throws(() => negotiateTimes({ holdMs: 90_000 }, 2000), RangeError)
  t.same([0, 1, 1000, 2999, 3000, 65_535_000, 65_536_000].map(isHoldTime), [true, false, false, false, true, true, false])
})

t.test('jitter is 75 to 100 %; RFC 4271 section 10', async (t) => {
  t.same([jittered(60_000, 0), jittered(60_000, 0.5), jittered(60_000, 1), jittered(0, 0.3)], [45_000, 52_500, 60_000, 0])
  t.throws(() => jittered(1, 1.01), RangeError)
  t.throws(() => jittered(1, Number.NaN), RangeError)
})

t.test('of two connections both sides keep the same; RFC 4271 section 6.8, RFC 6286 section 2.3', async (t) => {
  const [low, high] = [
    { identifier: 5, asNumber: 70_000 },
    { identifier: 0xffffffff, asNumber: 1 },
  ]
  const equal = { identifier: 5, asNumber: 80_000 }
  for (const [us, peer] of [
    [low, high],
    [high, low],
    [low, equal],
    [equal, low],
  ] as const) {
    // What is incoming for one is outgoing for the other, whichever came first.
    for (const [first, second] of [
      ['incoming', 'outgoing'],
      ['outgoing', 'incoming'],
    ] as const) {
      t.equal(survivor(us, peer, first, second), survivor(peer, us, second, first))
      const kept = survivor(us, peer, first, second) === 'newer' ? second : first
      t.equal(kept, us === high || us === equal ? 'outgoing' : 'incoming')
    }
  }
  t.equal(survivor(high, low, 'incoming', 'incoming'), 'newer')
})

t.test('a peer that goes wrong rests ever longer, and a quiet one is forgiven', async (t) => {
  let oscillation = CALM
  const rests: number[] = []
  for (let failure = 0; failure < 12; failure++) {
    oscillation = afterFailure(oscillation, 1000)
    rests.push(restMs(oscillation, 1000) / 1000)
  }
  t.same(rests, [0, 1, 2, 4, 8, 16, 32, 64, 120, 120, 120, 120])
  t.equal(restMs(oscillation, 1000 + 60_000) / 1000, 16, 'a minute later half of them')
  t.equal(restMs(oscillation, 1000 + 600_000), 0)
  t.equal(restMs(CALM, 5), 0)
})

t.test('what an OPEN may not say', async (t) => {
  const good = { asNumber: 64_512, identifier: 9, holdTimeSec: 90 }
  const expectation = { localAs: 64_513, localIdentifier: 7, expectedAs: 64_512 } as const
  const cases = [
    { what: 'nothing is wrong', open: good },
    { what: 'another AS, RFC 4271 section 6.2', open: { ...good, asNumber: 64_514 }, error: [2, [0, 0, 0xfc, 2]] },
    { what: 'AS 0, RFC 7607', open: { ...good, asNumber: 0 }, error: [2, [0, 0, 0, 0]] },
    { what: 'AS 0 where any is welcome', open: { ...good, asNumber: 0 }, expectedAs: 'external', error: [2, [0, 0, 0, 0]] },
    { what: 'AS_TRANS, RFC 6793', open: { ...good, asNumber: 23_456 }, expectedAs: 'external', error: [2, [0, 0, 0x5b, 0xa0]] },
    { what: 'ours, where another is wanted', open: { ...good, asNumber: 64_513 }, expectedAs: 'external', error: [2, [0, 0, 0xfc, 1]] },
    { what: 'ours, where ours is wanted', open: { ...good, asNumber: 64_513 }, expectedAs: 'internal' },
    { what: 'identifier 0, RFC 6286 section 2.1', open: { ...good, identifier: 0 }, error: [3, [0, 0, 0, 0]] },
    {
      what: 'our identifier in our AS, section 2.2',
      open: { ...good, asNumber: 64_513, identifier: 7 },
      expectedAs: 'internal',
      error: [3, [0, 0, 0, 7]],
    },
    { what: 'our identifier in another AS', open: { ...good, identifier: 7 } },
    { what: 'HoldTime 2', open: { ...good, holdTimeSec: 2 }, error: [6, [0, 2]] },
    { what: 'HoldTime 1', open: { ...good, holdTimeSec: 1 }, error: [6, [0, 1]] },
    { what: 'HoldTime 0', open: { ...good, holdTimeSec: 0 } },
    { what: 'HoldTime 3', open: { ...good, holdTimeSec: 3 } },
  ] as const
  for (const { what, open, ...rest } of cases) {
    const expectedAs = 'expectedAs' in rest ? rest.expectedAs : expectation.expectedAs
    const error = openError(open, { ...expectation, expectedAs })
    t.same(error && [error.subcode, [...error.data]], 'error' in rest ? rest.error : undefined, what)
  }
})

t.test('what becomes of routes; RFC 4724 section 4.2, RFC 8538 sections 3 and 4', async (t) => {
  const [plain, empty, notified] = [
    { families: 1, notification: false },
    { families: 0, notification: true },
    { families: 2, notification: true },
  ]
  const lost: EndReason = { kind: 'tcp-failed', cause: 'ECONNRESET' }
  const hold: EndReason = { kind: 'notification-sent', code: 4, subcode: 0, data: NONE }
  const hard: EndReason = { kind: 'notification-received', code: 6, subcode: 9, data: NONE }
  const cases = [
    { reason: lost, ours: plain, peer: plain, fate: 'retain' },
    { reason: lost, ours: undefined, peer: plain, fate: 'delete' },
    { reason: lost, ours: plain, peer: undefined, fate: 'delete' },
    { reason: lost, ours: plain, peer: empty, fate: 'delete' },
    { reason: { kind: 'replaced' }, ours: plain, peer: plain, fate: 'retain' },
    { reason: hold, ours: plain, peer: plain, fate: 'delete' },
    { reason: hold, ours: notified, peer: plain, fate: 'delete' },
    { reason: hold, ours: plain, peer: notified, fate: 'delete' },
    { reason: hold, ours: notified, peer: notified, fate: 'retain' },
    { reason: hold, ours: notified, peer: empty, fate: 'delete' },
    { reason: hard, ours: notified, peer: notified, fate: 'delete' },
    { reason: { kind: 'stopped' }, ours: notified, peer: notified, fate: 'delete' },
  ] as const
  for (const { reason, ours, peer, fate } of cases) t.equal(routeFate(reason, ours, peer), fate, JSON.stringify({ reason, ours, peer }))
  t.same(ceaseFor({ subcode: 3, data: NONE, hard: true }, notified, plain), { code: 6, subcode: 3, data: NONE })
  t.same(ceaseFor({ subcode: 3, data: NONE, hard: true }, notified, notified), { code: 6, subcode: 9, data: Uint8Array.of(6, 3) })
  t.same(
    ceaseFor({ subcode: 3, data: NONE, hard: true }, notified, empty),
    { code: 6, subcode: 9, data: Uint8Array.of(6, 3) },
    'who restarts nothing itself keeps our routes too',
  )
})
