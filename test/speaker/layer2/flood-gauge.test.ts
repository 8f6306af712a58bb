import t from 'tap'
import { createFloodGauge } from '../../../src/speaker/layer2/flood-gauge.ts'

/** Notes so many frames a millisecond for so long, and gives whether that is a flood then. */
function run(gauge: ReturnType<typeof createFloodGauge>, perMs: number, fromMs: number, forMs: number): boolean {
  for (let nowMs = fromMs; nowMs < fromMs + forMs; nowMs++) gauge.note(perMs, nowMs)
  return gauge.isFlooded
}

t.test('a flood is known within milliseconds, and its end too', async (t) => {
  const gauge = createFloodGauge()
  t.notOk(gauge.isFlooded)
  t.notOk(run(gauge, 19, 0, 1000))
  t.ok(run(gauge, 100, 1000, 12))
  t.ok(run(gauge, 21, 1012, 1000))
  t.notOk(run(gauge, 0, 2012, 12))
})

t.test('what is answered is no flood, and one burst after a long rest is none', async (t) => {
  const gauge = createFloodGauge()
  t.notOk(run(gauge, 0, 0, 1000))
  gauge.note(64, 60_000)
  t.notOk(gauge.isFlooded)
})
