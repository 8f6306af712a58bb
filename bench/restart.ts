/**
 * The allocator starts where thousands of addresses are held: how many objects it writes (none), when the first new Service has its address,
 * counted from the start of the process, and how much memory it takes. The floor of the time is a list of all Services and all claims in the
 * same pages by the same client.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { listPages } from '../src/kube/objects.ts'
import { ADDRESS_CLAIMS, SERVICES } from '../src/kube/resources.ts'
import { type Aim, type BenchResult, count, createProgress, readOptions } from './support/bench.ts'
import { median, rounded, timed } from './support/figures.ts'
import { type Held, withHeld } from './support/held.ts'
import type { BenchLab } from './support/lab.ts'
import { residentMiB } from './support/process-usage.ts'
import { createService, removeServices, serviceNames } from './support/services.ts'

export const summary = 'A start of the allocator with thousands of addresses held: writes, time to the first new address, memory.'
export const flags = {
  services: count(10_000, 1, 16_000, 'Services that hold addresses already.'),
  rounds: count(3, 1, 20, 'Starts with one new Service waiting; medians count.'),
}

const NAMESPACE = 'restart'
/** What a start might still write would be written within this time. */
const QUIET_MS = 3000

/** Starts where there is nothing to do. */
async function quietStart(lab: BenchLab) {
  const readWrites = await lab.writes.start()
  const allocator = await lab.startAllocator()
  const { tookMs } = await allocator.said('first pass done')
  await delay(QUIET_MS)
  const writes = await readWrites()
  const memoryMiB = residentMiB(allocator.pid)
  await allocator.stop()
  return { writes, memoryMiB, firstPassMs: Number(tookMs) }
}

/** Seconds from the start of the process to the address of a Service that was created while it was down. */
async function startWithOneNew(lab: BenchLab, held: Held, name: string): Promise<number> {
  await createService(lab.api, NAMESPACE, name, { eip: held.eip })
  const shown = lab.sightings.shown(NAMESPACE, name)
  const startedMs = performance.now()
  const [allocator, shownMs] = await Promise.all([lab.startAllocator(), shown])
  await allocator.stop()
  return (shownMs - startedMs) / 1000
}

async function listAll(lab: BenchLab): Promise<void> {
  const read = async (resource: typeof SERVICES): Promise<void> => {
    for await (const _page of listPages(lab.api, resource));
  }
  await Promise.all([read(SERVICES), read(ADDRESS_CLAIMS)])
}

export async function measure(lab: BenchLab, held: Held, { rounds }: { readonly rounds: number }): Promise<BenchResult> {
  await lab.namespace(NAMESPACE)
  const quiet = await quietStart(lab)
  lab.progress(`a start with nothing to do wrote ${quiet.writes.total} objects`)
  const [seconds, floors]: [number[], number[]] = [[], []]
  for (const name of serviceNames(rounds)) {
    floors.push(await timed(() => listAll(lab)))
    seconds.push(await startWithOneNew(lab, held, name))
  }
  const cleaner = await lab.startAllocator()
  await removeServices(lab, NAMESPACE, { claimsLeft: held.services })
  await lab.eipShows(held.eip, held.services)
  await cleaner.stop()
  const [value, floor] = [median(seconds), median(floors)]
  const memory = quiet.memoryMiB.now
  const aims: readonly Aim[] = [
    {
      figure: `restart with ${held.services} held, writes`,
      value: quiet.writes.total,
      unit: 'writes',
      aim: '= 0',
      met: quiet.writes.total === 0,
    },
    {
      figure: 'restart, first new address',
      value: rounded(value),
      floor: rounded(floor),
      unit: 's',
      ratio: rounded(value / floor),
      aim: '< 5 s',
      met: value < 5,
    },
    { figure: 'allocator, resident memory', value: memory, unit: 'MiB', aim: '< 250', met: memory < 250 },
  ]
  return {
    name: 'restart',
    value: rounded(value),
    floor: rounded(floor),
    unit: 's',
    ratio: rounded(value / floor),
    aims,
    services: held.services,
    writes: quiet.writes,
    memoryMiB: quiet.memoryMiB,
    firstPassMs: quiet.firstPassMs,
    all: { seconds: seconds.map((each) => rounded(each)), floors: floors.map((each) => rounded(each)) },
  }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const { services, rounds } = readOptions(argv, flags)
  return withHeld(createProgress('restart'), services, (lab, held) => measure(lab, held, { rounds }))
}
