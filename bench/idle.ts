/**
 * Thousands of Services at rest: what is written while nothing changes. The floor is the same stretch, a sixth as long, with our allocator
 * off: what an API server writes by itself.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Aim, type BenchResult, count, createProgress, readOptions } from './support/bench.ts'
import { rounded } from './support/figures.ts'
import { type Held, withHeld } from './support/held.ts'
import type { BenchLab } from './support/lab.ts'

export const summary = 'What is written while thousands of Services rest.'
export const flags = {
  services: count(10_000, 1, 16_000, 'Services that hold addresses.'),
  seconds: count(60, 1, 3600, 'How long to watch.'),
  minutes: count(0, 0, 60, 'The same in minutes, when it is not 0.'),
}

const SAY_EVERY_MS = 30_000

async function rest(lab: BenchLab, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= SAY_EVERY_MS) {
    lab.progress(`at rest for ${Math.round(left / 1000)} s more`)
    await delay(Math.min(left, SAY_EVERY_MS))
  }
}

export async function measure(lab: BenchLab, held: Held, { seconds }: { readonly seconds: number }): Promise<BenchResult> {
  const readFloor = await lab.writes.start()
  await rest(lab, (seconds * 1000) / 6)
  const floor = (await readFloor()).total
  const allocator = await lab.startAllocator()
  await allocator.said('first pass done')
  // What its start may cause is the matter of the bench `restart`.
  await delay(3000)
  const readWrites = await lab.writes.start()
  const readCpu = lab.watchCpu()
  await rest(lab, seconds * 1000)
  const [cpu, writes] = [readCpu(), await readWrites()]
  await allocator.stop()
  const aims: readonly Aim[] = [
    {
      figure: `idle, ${held.services} Services for ${seconds} s`,
      value: writes.total,
      floor,
      unit: 'writes',
      aim: '= 0',
      met: writes.total === 0,
    },
  ]
  return {
    name: 'idle',
    value: writes.total,
    floor,
    unit: 'writes',
    ratio: null,
    aims,
    services: held.services,
    seconds,
    writes,
    allocatorCpuPercent: rounded((100 * (cpu['allocator'] ?? Number.NaN)) / seconds),
  }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const { services, seconds, minutes } = readOptions(argv, flags)
  return withHeld(createProgress('idle'), services, (lab, held) => measure(lab, held, { seconds: minutes === 0 ? seconds : minutes * 60 }))
}
