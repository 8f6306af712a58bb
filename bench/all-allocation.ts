/** All benches of allocation and admission one after the other, in one lab; a table of what was promised, and everything as JSON. */
import { cpus, totalmem } from 'node:os'
import process from 'node:process'
import * as admit from './admit.ts'
import * as allocate from './allocate.ts'
import * as allocateOne from './allocate-one.ts'
import * as churn from './churn.ts'
import * as fill from './fill.ts'
import * as idle from './idle.ts'
import * as restart from './restart.ts'
import { type Aim, type BenchResult, count, createProgress, readOptions } from './support/bench.ts'
import { withLab } from './support/lab.ts'
import { formatAims } from './support/table.ts'

export const summary = 'All benches of allocation and admission in one lab, as a table and as JSON.'
export const flags = {
  services: count(10_000, 1, 16_000, 'Services that hold addresses.'),
  repetitions: count(300, 1, 5000, 'Repetitions of the benches of single Services.'),
  seconds: count(60, 1, 3600, 'How long `idle` watches.'),
}

/** As one machine is told from another. */
const machine = () => ({
  cores: cpus().length,
  processor: cpus()[0]?.model ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
})

export async function run(argv: readonly string[]): Promise<object> {
  const { services, repetitions, seconds } = readOptions(argv, flags)
  const progress = createProgress('all-allocation')
  const startedMs = performance.now()
  const isSmall = services < 1000
  const results = await withLab(progress, async (lab) => {
    const first = await allocate.measure(lab, { services, waiting: Math.min(services, 1000), rounds: 3 })
    const done: BenchResult[] = [first.result]
    const next = async (name: string, measure: () => Promise<BenchResult>): Promise<void> => {
      progress(`now ${name}`)
      done.push(await measure())
    }
    await next('allocate-one', () => allocateOne.measure(lab, first.held, { repetitions }))
    await next('churn', () => churn.measure(lab, first.held, { repetitions: Math.ceil((repetitions * 2) / 3) }))
    await next('restart', () => restart.measure(lab, first.held, { rounds: 3 }))
    await next('idle', () => idle.measure(lab, first.held, { seconds }))
    const load = { connections: 16, rounds: 3, seconds: isSmall ? 1 : 3, eips: isSmall ? 10 : 200 }
    await next('admit', () => admit.measure(lab, services, load))
    const pool = { decisions: isSmall ? 500 : 20_000, prefix: isSmall ? 26 : 20, repetitions: Math.ceil(repetitions / 3) }
    await next('fill', () => fill.measure(lab, pool))
    return done
  })
  const aims: readonly Aim[] = results.flatMap((result) => result.aims)
  process.stderr.write(`\n${formatAims(aims)}\n`)
  const minutes = Number(((performance.now() - startedMs) / 60_000).toFixed(1))
  return { name: 'all-allocation', machine: machine(), minutes, met: aims.every(({ met }) => met), aims, results }
}
