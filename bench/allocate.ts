/**
 * How fast many Services get their addresses, beside the same requests made bare: by the same client, 16 at a time, on the same API server,
 * in the same run, with our allocator off and nothing to decide.
 *
 * `waiting`: the Services are there and wait for their Eip; the clock runs from the creation of the Eip to the last address on show. Floor:
 * create a claim and patch a status for each. `live`: from nothing; the Services are created, 16 at a time, while the allocator runs, and the
 * clock runs from the first creation to the last address. Floor: the same creations, and 16 writers that follow them.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Aim, type BenchResult, count, createProgress, readOptions } from './support/bench.ts'
import { median, rounded, timed } from './support/figures.ts'
import { HELD, type Held } from './support/held.ts'
import { type BenchLab, withLab } from './support/lab.ts'
import {
  createEip,
  createService,
  createServices,
  floorAddress,
  removeFloorClaims,
  removeServices,
  serviceNames,
  writeTwice,
} from './support/services.ts'
import { CONCURRENCY, inParallel, until, untilCounted } from './support/waiting.ts'

export const summary = 'How fast many Services get their addresses, beside the same writes made bare.'
export const flags = {
  services: count(10_000, 1, 16_000, 'How many Services.'),
  rounds: count(1, 1, 20, 'Rounds; medians count.'),
}

/** One stretch of work: how long, what it wrote beside the bench's own writes, and what it cost. */
interface Stretch {
  readonly seconds: number
  readonly writes: Awaited<ReturnType<Awaited<ReturnType<BenchLab['writes']['start']>>>>
  readonly cpuSeconds: Readonly<Record<string, number>>
}

async function stretch(lab: BenchLab, what: string, work: () => Promise<unknown>): Promise<Stretch> {
  const readWrites = await lab.writes.start()
  const readCpu = lab.watchCpu()
  const seconds = await timed(work)
  const result = { seconds, cpuSeconds: readCpu(), writes: await readWrites() }
  lab.progress(`${what}: ${seconds.toFixed(1)} s`)
  return result
}

interface Floors {
  readonly live: Stretch
  readonly waiting: Stretch
}

/** Both floors, on the same Services: first with their creation, then, with all claims deleted, the two writes alone. */
async function floors(lab: BenchLab, services: number): Promise<Floors> {
  const namespace = 'floor'
  await lab.namespace(namespace)
  const allShown = () => until('the floor is on show', () => lab.sightings.tally(namespace).shown === services)
  const live = await stretch(lab, 'floor of live', async () => {
    await createAndWrite(lab, namespace, services)
    await allShown()
  })
  await removeFloorClaims(lab)
  // Other addresses than before, so that each status changes again.
  const numbered = lab.sightings.in(namespace).map((service, at) => ({ service, at: services + at }))
  const isSecond = new Set(numbered.map(({ at }) => floorAddress(at)))
  const waiting = await stretch(lab, 'floor of waiting', async () => {
    await inParallel(numbered, ({ service, at }) => writeTwice(lab.api, service, at))
    await until('the floor is on show', () => lab.sightings.in(namespace).every(({ address = '' }) => isSecond.has(address)))
  })
  await removeServices(lab, namespace)
  await removeFloorClaims(lab)
  return { live, waiting }
}

/** Creations, 16 at a time, and as many writers that follow them. */
async function createAndWrite(lab: BenchLab, namespace: string, services: number): Promise<void> {
  const created: Parameters<typeof writeTwice>[1][] = []
  const creators = inParallel(
    serviceNames(services),
    async (name) => created.push(await createService(lab.api, namespace, name, 'floor')),
    {
      progress: lab.progress,
      what: 'creating Services of the floor',
    },
  )
  const writers = inParallel(
    Array.from({ length: services }, (_, at) => at),
    async (at) => {
      while (created[at] === undefined) await delay(1)
      await writeTwice(lab.api, created[at], at)
    },
  )
  await Promise.all([creators, writers])
}

/** Services that wait for their Eip. */
async function waiting(lab: BenchLab, services: number, eip: string, range: string): Promise<Stretch> {
  const namespace = 'waiting'
  await lab.namespace(namespace)
  await createServices(lab, namespace, services, { eip })
  const refused = () => lab.sightings.tally(namespace).refused
  await untilCounted('Services wait for their Eip', services, refused, lab.progress)
  const result = await stretch(lab, 'waiting', async () => {
    await createEip(lab.api, eip, range)
    await untilCounted('addresses', services, () => lab.sightings.tally(namespace).shown, lab.progress)
  })
  await removeServices(lab, namespace, { claimsLeft: 0 })
  return result
}

/** From nothing. The Services stay. */
async function live(lab: BenchLab, services: number, held: Held): Promise<Stretch> {
  await lab.namespace(held.namespace)
  await createEip(lab.api, held.eip, held.range)
  return stretch(lab, 'live', async () => {
    const shown = untilCounted('addresses', services, () => lab.sightings.tally(held.namespace).shown, lab.progress)
    await Promise.all([createServices(lab, held.namespace, services, { eip: held.eip }), shown])
  })
}

const poolOf = (round: number): string => `10.${10 + round}.0.0/17`

/** Measures; the Services of the last live round stay as `held`, with no allocator running. */
export async function measure(lab: BenchLab, { services, rounds }: { readonly services: number; readonly rounds: number }) {
  const all = { floorWaiting: [] as Stretch[], waiting: [] as Stretch[], floorLive: [] as Stretch[], live: [] as Stretch[] }
  let held: Held = { ...HELD, services }
  for (let round = 0; round < rounds; round++) {
    const floor = await floors(lab, services)
    all.floorWaiting.push(floor.waiting)
    all.floorLive.push(floor.live)
    const allocator = await lab.startAllocator()
    all.waiting.push(await waiting(lab, services, `waiting-${round}`, poolOf(2 * round)))
    held = { ...HELD, services, eip: `held-${round}`, range: poolOf(2 * round + 1) }
    all.live.push(await live(lab, services, held))
    if (round === rounds - 1) await lab.eipShows(held.eip, services)
    else await removeServices(lab, held.namespace, { claimsLeft: 0 })
    await allocator.stop()
  }
  return { result: resultOf(services, rounds, all), held }
}

type Stretches = Readonly<Record<'floorWaiting' | 'waiting' | 'floorLive' | 'live', readonly Stretch[]>>

function resultOf(services: number, rounds: number, all: Stretches): BenchResult {
  const seconds = (part: keyof Stretches): number => median(all[part].map((each) => each.seconds))
  const ratio = seconds('waiting') / seconds('floorWaiting')
  const liveRatio = seconds('live') / seconds('floorLive')
  const claimsAndStatuses = ({ byKind }: Stretch['writes']) => (byKind['POST addressclaims'] ?? 0) + (byKind['PATCH services/status'] ?? 0)
  const writes = median(all.waiting.map((each) => claimsAndStatuses(each.writes))) / services
  const everyWrite = median(all.live.map((each) => each.writes.total)) / services
  const common = { unit: 's', floor: rounded(seconds('floorWaiting')) }
  const aims: readonly Aim[] = [
    {
      figure: `allocate, ${services} waiting`,
      value: rounded(seconds('waiting')),
      ...common,
      ratio: rounded(ratio),
      aim: 'ratio <= 1.5',
      met: ratio <= 1.5,
    },
    {
      figure: `allocate, ${services} from nothing`,
      value: rounded(seconds('live')),
      floor: rounded(seconds('floorLive')),
      unit: 's',
      ratio: rounded(liveRatio),
      aim: 'ratio <= 1.5',
      met: liveRatio <= 1.5,
    },
    { figure: 'writes per Service', value: rounded(writes), unit: 'claims and statuses', aim: '<= 2', met: writes <= 2 },
    { figure: 'writes per Service, Eip statuses too', value: rounded(everyWrite), unit: 'writes', aim: '<= 2.1', met: everyWrite <= 2.1 },
  ]
  return {
    name: 'allocate',
    value: rounded(seconds('waiting')),
    ...common,
    ratio: rounded(ratio),
    aims,
    services,
    rounds,
    concurrency: CONCURRENCY,
    servicesPerSecond: Math.round(services / seconds('waiting')),
    live: { value: rounded(seconds('live')), floor: rounded(seconds('floorLive')), ratio: rounded(liveRatio) },
    all,
  }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const options = readOptions(argv, flags)
  return withLab(createProgress('allocate'), async (lab) => (await measure(lab, options)).result)
}
