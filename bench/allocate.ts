/**
 * How fast many Services get their addresses, beside the same requests made bare: by a client of the same account, 16 at a time, on the same
 * API server, in the same run, with our allocator off and nothing to decide.
 *
 * `live`: from nothing; the Services are created, 16 at a time, while the allocator runs, and the clock runs from the first creation to the
 * last address. Floor: the same creations, and 16 writers that follow them with two writes each, the claim and the status.
 * `waiting`: the Services are there and wait for their Eip; the clock runs from the creation of the Eip to the last address on show. Floor:
 * the two writes alone. It is the harder one, since nothing else is in it; the API server's own cost of a creation grows with each Service.
 */
import { type Aim, type BenchResult, count, createProgress, readOptions } from './support/bench.ts'
import { median, rounded, timed } from './support/figures.ts'
import { HELD, type Held } from './support/held.ts'
import { type BenchLab, withLab } from './support/lab.ts'
import {
  createEip,
  createService,
  createServices,
  removeFloorClaims,
  removeServices,
  serviceNames,
  writeTwice,
} from './support/services.ts'
import { CONCURRENCY, inParallel, until, untilCounted } from './support/waiting.ts'

export const summary = 'How fast many Services get their addresses, beside the same writes made bare.'
export const flags = {
  services: count(10_000, 1, 16_000, 'Services that are created while the allocator runs.'),
  waiting: count(1000, 1, 16_000, 'Services that wait for their Eip.'),
  rounds: count(3, 1, 20, 'Rounds with waiting Services; medians count.'),
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

const FLOOR = 'floor'
const floorShown = (lab: BenchLab, services: number) => until('the floor is on show', () => lab.sightings.tally(FLOOR).shown === services)

async function removeFloor(lab: BenchLab): Promise<void> {
  await removeServices(lab, FLOOR)
  await removeFloorClaims(lab)
}

/** The two writes of each Service, bare. */
async function floorOfWaiting(lab: BenchLab, services: number): Promise<Stretch> {
  await createServices(lab, FLOOR, services, 'floor')
  await untilCounted('Services are seen', services, () => lab.sightings.tally(FLOOR).all, lab.progress)
  const numbered = lab.sightings.in(FLOOR).map((service, at) => ({ service, at }))
  const result = await stretch(lab, 'floor of waiting', async () => {
    await inParallel(numbered, ({ service, at }) => writeTwice(lab.api, service, at))
    await floorShown(lab, services)
  })
  await removeFloor(lab)
  return result
}

/** Creations, 16 at a time, and as many writers that follow them. */
async function floorOfLive(lab: BenchLab, services: number): Promise<Stretch> {
  const slots = serviceNames(services).map((name, at) => ({ name, at, ...deferred<Parameters<typeof writeTwice>[1]>() }))
  const said = { progress: lab.progress, what: 'creating Services of the floor' }
  const result = await stretch(lab, 'floor of live', async () => {
    await Promise.all([
      inParallel(slots, async ({ name, resolve }) => resolve(await createService(lab.api, FLOOR, name, 'floor')), said),
      inParallel(slots, async ({ promise, at }) => writeTwice(lab.api, await promise, at)),
    ])
    await floorShown(lab, services)
  })
  await removeFloor(lab)
  return result
}

function deferred<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve: (value) => resolve(value) }
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

interface AllocateOptions {
  readonly services: number
  readonly waiting: number
  readonly rounds: number
}

/** Measures; the Services of `live` stay as `held`, with no allocator running. */
export async function measure(lab: BenchLab, options: AllocateOptions): Promise<{ readonly result: BenchResult; readonly held: Held }> {
  const { services, rounds } = options
  const all = { floor: [] as Stretch[], waiting: [] as Stretch[] }
  await lab.namespace(FLOOR)
  for (let round = 0; round < rounds; round++) {
    all.floor.push(await floorOfWaiting(lab, options.waiting))
    const allocator = await lab.startAllocator()
    all.waiting.push(await waiting(lab, options.waiting, `waiting-${round}`, `10.${20 + round}.0.0/17`))
    await allocator.stop()
  }
  const floor = await floorOfLive(lab, services)
  const held: Held = { ...HELD, services }
  const allocator = await lab.startAllocator()
  const mine = await live(lab, services, held)
  await lab.eipShows(held.eip, services)
  await allocator.stop()
  return { result: resultOf(options, all, { floor, mine }), held }
}

const total = ({ cpuSeconds }: Stretch): number => Object.values(cpuSeconds).reduce((sum, each) => sum + each, 0)

/** Medians of rounds beside their floors. `cpuRatio` compares the processor time of all processes: it says the same on a busy machine. */
function compare(mine: readonly Stretch[], floor: readonly Stretch[]) {
  const seconds = (stretches: readonly Stretch[]): number => median(stretches.map((each) => each.seconds))
  const ratio = seconds(mine) / seconds(floor)
  const cpuRatio = median(mine.map(total)) / median(floor.map(total))
  return { value: rounded(seconds(mine)), floor: rounded(seconds(floor)), unit: 's', ratio: rounded(ratio), cpuRatio: rounded(cpuRatio) }
}

function resultOf(
  options: AllocateOptions,
  all: { readonly floor: readonly Stretch[]; readonly waiting: readonly Stretch[] },
  one: { readonly floor: Stretch; readonly mine: Stretch },
): BenchResult {
  const [ofLive, ofWaiting] = [compare([one.mine], [one.floor]), compare(all.waiting, all.floor)]
  const { byKind, total: everything } = one.mine.writes
  const two = ((byKind['POST addressclaims'] ?? 0) + (byKind['PATCH services/status'] ?? 0)) / options.services
  const every = everything / options.services
  const row = (figure: string, { value, floor, unit, ratio }: ReturnType<typeof compare>): Aim => ({
    ...{ figure, value, floor, unit, ratio },
    aim: 'ratio <= 1.5',
    met: ratio <= 1.5,
  })
  const { cpuRatio, ...figures } = ofLive
  return {
    name: 'allocate',
    ...figures,
    aims: [
      row(`allocate, ${options.services} Services from nothing`, ofLive),
      row(`allocate, ${options.waiting} Services that wait for an Eip`, ofWaiting),
      { figure: 'allocate, claims and statuses per Service', value: rounded(two), unit: 'writes', aim: '<= 2', met: two <= 2 },
      { figure: 'allocate, everything written per Service', value: rounded(every), unit: 'writes', aim: '<= 2.1', met: every <= 2.1 },
    ],
    ...options,
    concurrency: CONCURRENCY,
    servicesPerSecond: Math.round(options.services / ofLive.value),
    cpuRatio,
    waitingRounds: ofWaiting,
    all: { floorOfLive: one.floor, live: one.mine, floorOfWaiting: all.floor, waiting: all.waiting },
  }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const options = readOptions(argv, flags)
  return withLab(createProgress('allocate'), async (lab) => (await measure(lab, options)).result)
}
