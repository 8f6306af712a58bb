import t from 'tap'
import { BROKEN_REST_MS } from '../../src/speaker/broken-interfaces.ts'
import type { Layer2Health } from '../../src/speaker/layer2/announcer.ts'
import { createReadiness } from '../../src/speaker/readiness.ts'

const WELL: Layer2Health = { problems: [], serves: true, brokenInterfaces: new Set() }
const GONE: Layer2Health = { problems: ['the layer 2 thread is not running'], serves: false, brokenInterfaces: new Set([2, 3]) }

function readinessOf(over: { layer2?: boolean; started?: boolean; leaving?: boolean; deaf?: string } = {}) {
  let health = WELL
  const readiness = createReadiness({
    layer2: over.layer2 === false ? undefined : { health: () => health },
    membership: { health: () => ({ problems: over.deaf === undefined ? [] : [over.deaf] }) },
    cluster: { checks: () => [{ name: 'informer-nodes', ok: true }] },
    isStarted: () => over.started ?? true,
    isLeaving: () => over.leaving ?? false,
  })
  const observe = (now: Layer2Health, nowMs: number) => {
    health = now
    return readiness.observe(nowMs)
  }
  const failing = () => readiness.checks().flatMap(({ name, ok, detail }) => (ok ? [] : [`${name}: ${detail}`]))
  return { readiness, observe, failing }
}

t.test('a thread that is started again in time is not told to the others', async (t) => {
  const { readiness, observe, failing } = readinessOf()
  observe(WELL, 0)
  t.equal(readiness.serving, true)
  observe(GONE, 500)
  t.equal(readiness.serving, true)
  t.same(failing(), ['layer2: the layer 2 thread is not running'])
  observe(WELL, 1000)
  observe(GONE, 2000)
  observe(GONE, 2900)
  t.equal(readiness.serving, true, 'the time is counted anew')
  observe(GONE, 3000)
  t.equal(readiness.serving, false)
  t.equal(readiness.isBroken(2), false, 'all interfaces of a thread that is away are no broken interfaces')
  observe(WELL, 3500)
  t.equal(readiness.serving, true)
})

t.test('one broken interface rests for a while, and makes nothing else unready', async (t) => {
  const { readiness, observe, failing } = readinessOf()
  const broken: Layer2Health = { problems: ['eth1: ENOBUFS'], serves: true, brokenInterfaces: new Set([3]) }
  t.equal(observe(broken, 0), true, 'a change')
  t.equal(observe(broken, 500), false)
  t.same([readiness.isBroken(3), readiness.isBroken(2), readiness.serving], [true, false, true])
  t.same(failing(), [])
  t.equal(observe(WELL, 1000), false)
  t.equal(readiness.isBroken(3), true)
  t.equal(observe(WELL, 500 + BROKEN_REST_MS), true)
  t.equal(readiness.isBroken(3), false)
})

t.test('who does not serve, and what is not ready', async (t) => {
  t.equal(readinessOf({ started: false }).readiness.serving, false)
  const off = readinessOf({ layer2: false })
  t.same([off.observe(WELL, 0), off.readiness.serving, off.failing()], [false, false, []])
  t.same(readinessOf({ leaving: true }).failing(), ['staying: the speaker is shutting down'])
  t.same(readinessOf({ deaf: 'EADDRINUSE' }).failing(), ['membership: EADDRINUSE'])
})
