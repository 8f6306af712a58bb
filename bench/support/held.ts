/** The setting of most benches: an API server with thousands of Services that hold their addresses. */

import type { Progress } from './bench.ts'
import { type BenchLab, withLab } from './lab.ts'
import { createEip, createServices } from './services.ts'
import { untilCounted } from './waiting.ts'

/** Services `s0`, `s1` and so on of one namespace, and the Eip that all of them have their addresses of. It has room for 32,768. */
export interface Held {
  readonly namespace: string
  readonly eip: string
  readonly range: string
  readonly services: number
}

export const HELD: Omit<Held, 'services'> = { namespace: 'held', eip: 'held', range: '10.11.0.0/17' }

/** Starts a lab with so many Services that hold addresses, given by our allocator, which does not run any more when `work` begins. */
export function withHeld<T>(progress: Progress, services: number, work: (lab: BenchLab, held: Held) => Promise<T>): Promise<T> {
  return withLab(progress, async (lab) => {
    const held = { ...HELD, services }
    await lab.namespace(held.namespace)
    const allocator = await lab.startAllocator()
    await createEip(lab.api, held.eip, held.range)
    await Promise.all([
      createServices(lab, held.namespace, services, { eip: held.eip }),
      untilCounted('addresses', services, () => lab.sightings.tally(held.namespace).shown, progress),
    ])
    await lab.eipShows(held.eip, services)
    await allocator.stop()
    return work(lab, held)
  })
}
