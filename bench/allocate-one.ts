/**
 * One more Service where thousands hold addresses: from its creation to the address on show, as a watcher sees it. The floor is three
 * sequential round trips, made with our allocator off and seen by the same watcher: create the Service, create the claim, patch the status.
 */
import { type Aim, type BenchResult, count, createProgress, readOptions } from './support/bench.ts'
import { quantile, rounded, spread } from './support/figures.ts'
import { type Held, withHeld } from './support/held.ts'
import type { BenchLab } from './support/lab.ts'
import { createService, type Kind, removeFloorClaims, removeServices, serviceNames, writeTwice } from './support/services.ts'

export const summary = 'The time from the creation of one Service to its address, with thousands present.'
export const flags = {
  services: count(10_000, 1, 16_000, 'Services that hold addresses already.'),
  repetitions: count(300, 1, 5000, 'Services measured with the allocator, and as many without.'),
}

/** Discarded: both sides compile their code and open their connections. */
const WARM_UP = 20
const NAMESPACE = 'one'

/** Milliseconds from the call that creates a Service to the moment the watcher sees its address. */
export async function createAndWait(
  lab: BenchLab,
  namespace: string,
  name: string,
  kind: Kind,
  then?: typeof writeTwice,
  at = 0,
): Promise<number> {
  const shown = lab.sightings.shown(namespace, name)
  const startedMs = performance.now()
  const service = await createService(lab.api, namespace, name, kind)
  await then?.(lab.api, service, at)
  return (await shown) - startedMs
}

async function ours(lab: BenchLab, held: Held, repetitions: number): Promise<number[]> {
  const allocator = await lab.startAllocator()
  await allocator.said('first pass done')
  const latenciesMs: number[] = []
  for (const name of serviceNames(WARM_UP + repetitions)) latenciesMs.push(await createAndWait(lab, NAMESPACE, name, { eip: held.eip }))
  await removeServices(lab, NAMESPACE, { claimsLeft: held.services })
  await lab.eipShows(held.eip, held.services)
  await allocator.stop()
  return latenciesMs.slice(WARM_UP)
}

async function floor(lab: BenchLab, repetitions: number): Promise<number[]> {
  const latenciesMs: number[] = []
  for (const [at, name] of serviceNames(WARM_UP + repetitions).entries()) {
    latenciesMs.push(await createAndWait(lab, NAMESPACE, name, 'floor', writeTwice, at))
  }
  await removeServices(lab, NAMESPACE)
  await removeFloorClaims(lab)
  return latenciesMs.slice(WARM_UP)
}

/** Half of the floor goes before and half after, so that a machine that grows slower favours nobody. */
export async function measure(lab: BenchLab, held: Held, { repetitions }: { readonly repetitions: number }): Promise<BenchResult> {
  await lab.namespace(NAMESPACE)
  const half = Math.ceil(repetitions / 2)
  const before = await floor(lab, half)
  lab.progress('floor, first half')
  const mine = await ours(lab, held, repetitions)
  lab.progress('with the allocator')
  const bare = [...before, ...(await floor(lab, half))]
  const ratioAt = (part: number): number => quantile(mine, part) / quantile(bare, part)
  const aim = (part: number, most: number): Aim => ({
    figure: `allocate-one with ${held.services} present, p${part * 100}`,
    value: rounded(quantile(mine, part)),
    floor: rounded(quantile(bare, part)),
    unit: 'ms',
    ratio: rounded(ratioAt(part)),
    aim: `ratio <= ${most}`,
    met: ratioAt(part) <= most,
  })
  return {
    name: 'allocate-one',
    value: rounded(quantile(mine, 0.5)),
    floor: rounded(quantile(bare, 0.5)),
    unit: 'ms',
    ratio: rounded(ratioAt(0.5)),
    aims: [aim(0.5, 1), aim(0.99, 1.5)],
    services: held.services,
    repetitions,
    latencyMs: { ours: spread(mine), floor: spread(bare) },
  }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const { services, repetitions } = readOptions(argv, flags)
  return withHeld(createProgress('allocate-one'), services, (lab, held) => measure(lab, held, { repetitions }))
}
