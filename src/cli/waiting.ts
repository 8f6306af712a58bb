/** Services that lack what they ask for, and the Eips that they wait for. */

import { allocatedCondition } from '../allocator/service-status.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import { isWaiting, nameOfService } from './ledger-state.ts'

export interface WaitingService {
  readonly service: string
  readonly reason: string
  readonly message: string
  /** When it began, RFC 3339. */
  readonly since: string
}

/** All that the allocator says are waiting, by name. */
export function waitingServices(services: readonly ServiceObject[]): readonly WaitingService[] {
  return services
    .filter(isWaiting)
    .map((service) => {
      const { reason = '', message = '', lastTransitionTime = '' } = allocatedCondition(service) ?? {}
      return { service: nameOfService(service), reason, message, since: lastTransitionTime }
    })
    .sort((a, b) => (a.service < b.service ? -1 : 1))
}

/** How many of them name this Eip in their reason. */
export function waitingFor(pool: string, waiting: readonly WaitingService[]): number {
  const word = new RegExp(`(^|[^-.a-z0-9])${pool.replaceAll('.', '\\.')}($|[^-.a-z0-9]|[.]($|[^a-z0-9]))`)
  return waiting.filter(({ message }) => word.test(message)).length
}
