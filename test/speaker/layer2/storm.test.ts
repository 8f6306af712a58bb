/** Many frames at once: an asker gone mad, and a take-over of ten thousand addresses, beside somebody who asks as always. */
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { Measured, Order } from '../../../bench/support/arp-requester.ts'
import { ANSWER_BURST, ANSWERS_PER_SECOND } from '../../../src/speaker/layer2/rate-limit.ts'
import { startResponder } from '../support/responder-host.ts'
import { noWire, startWire } from '../support/wire.ts'

const REQUESTER = fileURLToPath(new URL('../../../bench/support/arp-requester.ts', import.meta.url))
const runFile = promisify(execFile)

const refused = noWire()
if (refused !== undefined) t.plan(0, refused)
else await all()

async function all(): Promise<void> {
  t.setTimeout(120_000)
  const wire = await startWire(2)
  t.teardown(() => wire.close())
  const [asker, owner] = wire.hosts
  if (asker === undefined || owner === undefined) throw new Error('a wire has two ends')
  const ask = async (order: Partial<Order>): Promise<Measured> => {
    const whole = { from: '10.9.250.1', askers: 1, firstAsker: 0, addresses: 1, ...order }
    const { stdout } = await runFile('nsenter', [...asker.enter.slice(1), process.execPath, REQUESTER, JSON.stringify(whole)], {
      maxBuffer: 1 << 27,
    })
    return JSON.parse(stdout) as Measured
  }

  await t.test('an asker that storms gets its share, and the others get every answer', async (t) => {
    const responder = await startResponder(owner)
    t.teardown(() => responder.close())
    await responder.tell({ announce: [{ ip: '10.9.10.1', count: 2 }] }, 'announced')
    const storm = ask({ kind: 'storm', seconds: 3, perSecond: 50_000, target: '10.9.10.1' })
    await delay(500)
    const calm = await ask({ kind: 'latency', samples: 200, everyMs: 5, target: '10.9.10.2', firstAsker: 1 })
    const { sent, seconds } = await storm
    const { responses = 0, 'rate-limited': limited = 0 } = await responder.counts('10.9.10.1')
    t.ok(sent > 3 * ANSWER_BURST, `${sent} questions in ${seconds.toFixed(1)} s`)
    t.ok(responses <= ANSWER_BURST + (seconds + 1) * ANSWERS_PER_SECOND, `${responses} answers`)
    t.ok(responses >= ANSWER_BURST, 'its share it gets')
    t.ok(limited > 0, `${limited} got none`)
    t.ok(calm.lost <= 2, `${calm.lost} of 200 questions of another asker were not answered within 0.1 s`)
  })

  await t.test('a take-over of ten thousand addresses keeps nobody waiting', async (t) => {
    const responder = await startResponder(owner)
    t.teardown(() => responder.close())
    await responder.tell({ announce: [{ ip: '10.9.10.1' }] }, 'announced')
    const calm = ask({ kind: 'latency', samples: 1000, everyMs: 2, target: '10.9.10.1' })
    await delay(300)
    const beganMs = performance.now()
    await responder.tell({ announce: [{ ip: '10.9.10.1' }, { ip: '10.9.100.1', count: 10_000 }] }, 'announced')
    const last = '10.9.139.16'
    let announced = 0
    while (announced === 0 && performance.now() < beganMs + 20_000) announced = (await responder.counts(last))['gratuitous'] ?? 0
    t.ok(announced >= 1, `the last one was announced after ${Math.round(performance.now() - beganMs)} ms`)
    const { lost, latenciesUs } = await calm
    t.ok(lost <= 1, `${lost} of 1000 questions were not answered within 0.1 s`)
    const sorted = latenciesUs.toSorted((a, b) => a - b)
    t.comment(`p50 ${Math.round(sorted[500] ?? 0)} us, p99 ${Math.round(sorted[989] ?? 0)} us`)
  })
}
