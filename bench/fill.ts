/**
 * A pool that fills up. On paper: the time of one decision with none, half, 95 % and 99.9 % of 65,536 addresses held, in churn, for each
 * family; the floor is the empty pool. On an API server: a pool (a /20 unless told) filled to 99.9 %, the time from the creation of a Service
 * to its address there; the floor is the same in an empty pool beside it, in alternation. Then the pool is full, Services wait, and one
 * address after the other is given back: the time until a waiting Service shows it, in write round trips of the same run.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { IpFamily } from '../src/api/core-objects.ts'
import { createInformer, type RawObject } from '../src/kube/informer.ts'
import { deleteObject } from '../src/kube/objects.ts'
import { ADDRESS_CLAIMS, SERVICES } from '../src/kube/resources.ts'
import { silentLogger } from '../src/runtime/logger.ts'
import { createAndWait } from './allocate-one.ts'
import { type Aim, type BenchResult, count, createProgress, type Progress, readOptions } from './support/bench.ts'
import { median, rounded, spread } from './support/figures.ts'
import { type BenchLab, withLab } from './support/lab.ts'
import { createPaperLedger, POOL_SIZE } from './support/paper-ledger.ts'
import { createEip, createService, removeFloorClaims, removeServices, serviceNames, writeTwice } from './support/services.ts'
import { inParallel, until, untilCounted } from './support/waiting.ts'

export const summary = 'A pool that fills up: decisions on paper, allocations on an API server, and how soon a freed address is given on.'
export const flags = {
  decisions: count(20_000, 100, 1_000_000, 'Decisions at each level, on paper.'),
  prefix: count(20, 20, 28, 'Length of the prefix of the pool on the API server.'),
  repetitions: count(100, 1, 1000, 'Allocations at each level, and addresses given on, on the API server.'),
}

const LEVELS = [0, 0.5, 0.95, 0.999] as const
const WARM_UP = 5000
const NAMESPACE = 'fill'

/** The same numbers in each run (Numerical Recipes' generator). */
function createDice(): (below: number) => number {
  let state = 1
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state % below
  }
}

/** Microseconds per decision at each level. */
function onPaper(family: IpFamily, decisions: number, progress: Progress): readonly { readonly level: number; readonly us: number[] }[] {
  const ledger = createPaperLedger(family)
  const dice = createDice()
  const churn = (times: number, into: number[]): void => {
    for (let at = 0; at < times; at++) {
      if (ledger.size > 0) ledger.release(dice(ledger.size))
      into.push(ledger.allocate())
    }
  }
  churn(WARM_UP, [])
  return LEVELS.map((level) => {
    const us: number[] = []
    while (ledger.size < Math.floor(POOL_SIZE * level)) ledger.allocate()
    churn(decisions, us)
    progress(`${family}, ${level * 100} % of ${POOL_SIZE}: ${median(us).toFixed(1)} us`)
    return { level, us }
  })
}

function paperResult(family: IpFamily, levels: ReturnType<typeof onPaper>) {
  const medians = levels.map(({ us }) => median(us))
  const [floor = Number.NaN] = medians
  const [value, ratio] = [Math.max(...medians), Math.max(...medians) / floor]
  const aims: readonly Aim[] = [
    {
      figure: `decision, ${family}, fullest of ${POOL_SIZE} beside empty, p50`,
      value: rounded(value, 1),
      floor: rounded(floor, 1),
      unit: 'us',
      ratio: rounded(ratio),
      aim: 'ratio <= 1.2, < 20 us',
      met: ratio <= 1.2 && value < 20,
    },
  ]
  return { aims, levels: levels.map(({ level, us }) => ({ percent: level * 100, us: spread(us) })) }
}

/** Deletes one Service of the pool, and waits until its claim is gone. */
async function removeOne(lab: BenchLab, name: string, freed: Freed): Promise<void> {
  const address = lab.sightings.get(NAMESPACE, name)?.address ?? ''
  const gone = freed.next(address)
  await deleteObject(lab.api, SERVICES, { namespace: NAMESPACE, name })
  await gone
}

interface Freed {
  /** The time at which a watcher sees that the claim of this address is gone. */
  next(address: string): Promise<number>
}

/** Runs `work` with a watcher of claims, which are gone when it has seen their deletion. */
async function watchingClaims<T>(lab: BenchLab, work: (freed: Freed) => Promise<T>): Promise<T> {
  const waiting = new Map<string, (atMs: number) => void>()
  const project = ({ metadata }: RawObject) => metadata.name
  const claims = createInformer<string>({ client: lab.api, resource: ADDRESS_CLAIMS, logger: silentLogger, project })
  claims.subscribe(({ key, after }) => {
    if (after === undefined) waiting.get(key)?.(performance.now())
  })
  claims.start()
  await claims.whenSynced()
  try {
    return await work({ next: (address) => new Promise((resolve) => waiting.set(address, resolve)) })
  } finally {
    await claims.close()
  }
}

/** Milliseconds of one write, bare and alone: half of a claim and a status. */
async function roundTrip(lab: BenchLab, repetitions: number): Promise<number> {
  await lab.namespace('floor')
  const latenciesMs: number[] = []
  for (const [at, name] of serviceNames(repetitions).entries()) {
    const service = await createService(lab.api, 'floor', name, 'floor')
    const startedMs = performance.now()
    await writeTwice(lab.api, service, at)
    latenciesMs.push((performance.now() - startedMs) / 2)
  }
  await removeServices(lab, 'floor')
  await removeFloorClaims(lab)
  return median(latenciesMs)
}

const EIP = 'fill'
/** The Eip and the namespace beside it. */
const EMPTY = 'fill-empty'

/**
 * Creations in the pool that is nearly full, after a random deletion that is not measured, and in another pool that is empty, in alternation:
 * so both meet the same API server, whose own cost of a Service grows with the Services.
 */
async function churnAtTheTop(lab: BenchLab, repetitions: number, freed: Freed): Promise<{ full: number[]; empty: number[] }> {
  const dice = createDice()
  const measured = { full: [] as number[], empty: [] as number[] }
  for (const name of serviceNames(repetitions, 'top')) {
    const all = lab.sightings.in(NAMESPACE)
    const victim = all[dice(all.length)]
    if (victim !== undefined) await removeOne(lab, victim.metadata.name, freed)
    measured.full.push(await createAndWait(lab, NAMESPACE, name, { eip: EIP }))
    measured.empty.push(await createAndWait(lab, EMPTY, name, { eip: EMPTY }))
  }
  return measured
}

/** Milliseconds from a claim that is gone to the waiting Service that shows an address. */
async function givenOn(lab: BenchLab, repetitions: number, freed: Freed): Promise<number[]> {
  const holders = lab.sightings.in(NAMESPACE).slice(0, repetitions)
  const waiters = serviceNames(holders.length, 'waiter')
  for (const name of waiters) await createService(lab.api, NAMESPACE, name, { eip: EIP })
  await until('all wait', () => lab.sightings.tally(NAMESPACE).refused === waiters.length)
  const latenciesMs: number[] = []
  for (const { metadata, address = '' } of holders) {
    const gone = freed.next(address)
    const shown = lab.sightings.nextShown(NAMESPACE)
    await deleteObject(lab.api, SERVICES, { namespace: NAMESPACE, name: metadata.name })
    const [goneMs, shownMs] = await Promise.all([gone, shown])
    latenciesMs.push(shownMs - goneMs)
    await delay(5)
  }
  return latenciesMs
}

interface OnApi {
  readonly size: number
  readonly empty: number[]
  readonly full: number[]
  readonly givenOn: number[]
  readonly roundTripMs: number
}

async function onApi(lab: BenchLab, { prefix, repetitions }: { readonly prefix: number; readonly repetitions: number }): Promise<OnApi> {
  const size = 2 ** (32 - prefix)
  const [some, free] = [Math.min(repetitions, size >> 2), Math.max(1, Math.round(size / 1000))]
  await lab.namespace(NAMESPACE)
  await lab.namespace(EMPTY)
  await createEip(lab.api, EIP, `10.200.0.0/${prefix}`)
  await createEip(lab.api, EMPTY, `10.201.0.0/${prefix}`)
  const allocator = await lab.startAllocator()
  await allocator.said('first pass done')
  const shown = () => lab.sightings.tally(NAMESPACE).shown
  const fillTo = async (wanted: number, prefixOfNames: string): Promise<void> => {
    const names = serviceNames(wanted - shown(), prefixOfNames)
    const creating = inParallel(names, (name) => createService(lab.api, NAMESPACE, name, { eip: EIP }))
    await Promise.all([creating, untilCounted('filling', wanted, shown, lab.progress)])
  }
  const measured = await watchingClaims(lab, async (freed) => {
    await fillTo(size - free, 's')
    const top = await churnAtTheTop(lab, some, freed)
    lab.progress(`99.9 % of the pool: ${median(top.full).toFixed(1)} ms, an empty one: ${median(top.empty).toFixed(1)} ms`)
    await fillTo(size, 'last')
    return { ...top, givenOn: await givenOn(lab, some, freed) }
  })
  await allocator.stop()
  return { size, roundTripMs: await roundTrip(lab, some), ...measured }
}

function apiResult({ size, empty, full, givenOn: given, roundTripMs }: OnApi) {
  const [value, floor] = [median(full), median(empty)]
  const [ratio, trips] = [value / floor, median(given) / roundTripMs]
  const aims: readonly Aim[] = [
    {
      figure: `fill, ${size} addresses at 99.9 % beside empty, p50`,
      value: rounded(value),
      floor: rounded(floor),
      unit: 'ms',
      ratio: rounded(ratio),
      aim: 'ratio <= 1.2',
      met: ratio <= 1.2,
    },
    {
      figure: 'a freed address on a waiting Service, p50',
      value: rounded(median(given)),
      floor: rounded(roundTripMs),
      unit: 'ms',
      ratio: rounded(trips),
      aim: '< 3 round trips',
      met: trips < 3,
    },
  ]
  return { aims, latencyMs: { empty: spread(empty), full: spread(full), givenOn: spread(given) }, roundTripMs: rounded(roundTripMs) }
}

export interface FillOptions {
  readonly decisions: number
  readonly prefix: number
  readonly repetitions: number
}

/** The Services of the pool stay, without an allocator. */
export async function measure(lab: BenchLab, options: FillOptions): Promise<BenchResult> {
  const paper = {
    IPv4: paperResult('IPv4', onPaper('IPv4', options.decisions, lab.progress)),
    IPv6: paperResult('IPv6', onPaper('IPv6', options.decisions, lab.progress)),
  }
  const api = apiResult(await onApi(lab, options))
  const [first] = api.aims
  return {
    name: 'fill',
    value: first?.value ?? Number.NaN,
    floor: first?.floor ?? Number.NaN,
    unit: 'ms',
    ratio: first?.ratio ?? Number.NaN,
    aims: [...paper.IPv4.aims, ...paper.IPv6.aims, ...api.aims],
    paper: { poolSize: POOL_SIZE, IPv4: paper.IPv4.levels, IPv6: paper.IPv6.levels },
    latencyMs: api.latencyMs,
    roundTripMs: api.roundTripMs,
    ...options,
  }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const options = readOptions(argv, flags)
  return withLab(createProgress('fill'), (lab) => measure(lab, options))
}
