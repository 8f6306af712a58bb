/**
 * A create right after a delete, where thousands hold addresses. The floor is a create alone, at another moment of the same run with the
 * same allocator. Two Services are one pair: the first is created alone; the second as soon as the deletion of a third is answered.
 */

import { deleteObject } from '../src/kube/objects.ts'
import { SERVICES } from '../src/kube/resources.ts'
import { createAndWait } from './allocate-one.ts'
import { type Aim, type BenchResult, count, createProgress, readOptions } from './support/bench.ts'
import { median, rounded, spread } from './support/figures.ts'
import { type Held, withHeld } from './support/held.ts'
import type { BenchLab } from './support/lab.ts'
import { claimsAre, removeServices, serviceNames } from './support/services.ts'

export const summary = 'A create right after a delete, beside a create alone, with thousands of addresses held.'
export const flags = {
  services: count(10_000, 1, 16_000, 'Services that hold addresses already.'),
  repetitions: count(200, 1, 5000, 'Creations of each sort.'),
}

/** Alone and after a deletion alternate in stretches of this many. */
const STRETCH = 25
const WARM_UP = 10
const NAMESPACE = 'churn'

interface Measured {
  readonly alone: number[]
  readonly after: number[]
  /** Writes of others than the bench during the stretches with deletions. */
  writes: number
  readonly byKind: Record<string, number>
}

async function stretchAlone(lab: BenchLab, held: Held, names: readonly string[]): Promise<number[]> {
  const latenciesMs: number[] = []
  for (const name of names) latenciesMs.push(await createAndWait(lab, NAMESPACE, name, { eip: held.eip }))
  return latenciesMs
}

/** Each deletes one of `names` and creates one of another name at once. Waits at the end until the freed addresses are free. */
async function stretchAfter(lab: BenchLab, held: Held, names: readonly string[], into: Measured): Promise<void> {
  const readWrites = await lab.writes.start()
  for (const name of names) {
    await deleteObject(lab.api, SERVICES, { namespace: NAMESPACE, name })
    into.after.push(await createAndWait(lab, NAMESPACE, `${name}-again`, { eip: held.eip }))
  }
  await claimsAre(lab, held.services + lab.sightings.tally(NAMESPACE).all)
  const { total, byKind } = await readWrites()
  into.writes += total
  for (const [kind, value] of Object.entries(byKind)) into.byKind[kind] = (into.byKind[kind] ?? 0) + value
}

export async function measure(lab: BenchLab, held: Held, { repetitions }: { readonly repetitions: number }): Promise<BenchResult> {
  await lab.namespace(NAMESPACE)
  const allocator = await lab.startAllocator()
  await allocator.said('first pass done')
  const measured: Measured = { alone: [], after: [], writes: 0, byKind: {} }
  await stretchAlone(lab, held, serviceNames(WARM_UP, 'warm'))
  const names = serviceNames(repetitions)
  for (let at = 0; at < repetitions; at += STRETCH) {
    const some = names.slice(at, at + STRETCH)
    measured.alone.push(...(await stretchAlone(lab, held, some)))
    await stretchAfter(lab, held, some, measured)
  }
  lab.progress('measured')
  await removeServices(lab, NAMESPACE, { claimsLeft: held.services })
  await lab.eipShows(held.eip, held.services)
  await allocator.stop()
  return resultOf(held, repetitions, measured)
}

function resultOf(held: Held, repetitions: number, { alone, after, writes, byKind }: Measured): BenchResult {
  const [value, floor] = [median(after), median(alone)]
  const ratio = value / floor
  const perPair = writes / repetitions
  const figures = { value: rounded(value), floor: rounded(floor), unit: 'ms', ratio: rounded(ratio) }
  const aims: readonly Aim[] = [
    { figure: `churn with ${held.services} held, p50`, ...figures, aim: 'ratio <= 1.2', met: ratio <= 1.2 },
    { figure: 'churn, writes per delete and create', value: rounded(perPair), unit: 'writes', aim: '<= 4', met: perPair <= 4 },
  ]
  return {
    name: 'churn',
    ...figures,
    aims,
    services: held.services,
    repetitions,
    writes: byKind,
    latencyMs: { afterDelete: spread(after), alone: spread(alone) },
  }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const { services, repetitions } = readOptions(argv, flags)
  return withHeld(createProgress('churn'), services, (lab, held) => measure(lab, held, { repetitions }))
}
