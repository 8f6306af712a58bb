import t from 'tap'
import {
  fenceUntilMs,
  nextPermission,
  PAUSE_MS,
  type Permission,
  type PermissionEvent,
  START_MS,
} from '../../../src/speaker/membership/permission.ts'
import { TIMING_PROFILES } from '../../../src/speaker/membership/timing.ts'

const NOW = 5000
const STATES: Record<Permission['kind'], Permission> = {
  closed: { kind: 'closed' },
  asking: { kind: 'asking', pause: 3, untilMs: 5100 },
  reconciling: { kind: 'reconciling', pause: 3 },
  open: { kind: 'open', pause: 3 },
  stalled: { kind: 'stalled', pause: 3 },
}
const EVENTS: Record<string, PermissionEvent> = {
  start: { kind: 'start', nowMs: NOW },
  pause: { kind: 'pause', nowMs: NOW },
  learnt: { kind: 'learnt' },
  reconciled: { kind: 'reconciled', pause: 3 },
  'reconciled late': { kind: 'reconciled', pause: 2 },
  stall: { kind: 'stall' },
  unstall: { kind: 'unstall' },
}
const asksAnew: Permission = { kind: 'asking', pause: 4, untilMs: NOW + PAUSE_MS }

/** Every state with every event: what changes. All other pairs leave the state as it is. */
const CHANGES: Record<string, Permission> = {
  'closed, start': { kind: 'asking', pause: 1, untilMs: NOW + START_MS },
  'asking, pause': asksAnew,
  'reconciling, pause': asksAnew,
  'open, pause': asksAnew,
  'stalled, pause': asksAnew,
  'asking, learnt': { kind: 'reconciling', pause: 3 },
  'reconciling, reconciled': { kind: 'open', pause: 3 },
  'open, stall': { kind: 'stalled', pause: 3 },
  'reconciling, stall': { kind: 'stalled', pause: 3 },
  'stalled, unstall': { kind: 'reconciling', pause: 4 },
}

t.test('every state with every event', async (t) => {
  for (const state of Object.values(STATES)) {
    for (const [name, event] of Object.entries(EVENTS)) {
      const pair = `${state.kind}, ${name}`
      const after = nextPermission(state, event)
      const change = CHANGES[pair]
      if (change === undefined) t.equal(after, state, `${pair}: nothing`)
      else t.same(after, change, pair)
    }
  }
})

t.test('answers are permitted in one state only, but for who is alone', async (t) => {
  const timing = TIMING_PROFILES.default
  for (const state of Object.values(STATES)) {
    t.equal(fenceUntilMs(state, false, NOW, timing), state.kind === 'open' ? NOW + timing.fenceMs : 0, state.kind)
    t.equal(fenceUntilMs(state, true, NOW, timing), state.kind === 'closed' ? 0 : Number.POSITIVE_INFINITY, `${state.kind}, alone`)
  }
  for (const { fenceMs, deadMs, heartbeatMs, suspectMs } of Object.values(TIMING_PROFILES)) {
    t.ok(fenceMs < deadMs, 'silent before replaced')
    t.ok(fenceMs > 2 * heartbeatMs, 'one late heartbeat closes nothing')
    t.ok(suspectMs > heartbeatMs && suspectMs < deadMs)
  }
})
