/** In which order Services are looked at when nobody was looking before. */
import { type Ip, parseIp } from '../addr/ip.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import type { Knowledge } from './knowledge.ts'
import { readWish, shownAddresses } from './request.ts'
import { serviceKey } from './service-key.ts'
import { isMarked, strayFinalizers } from './service-status.ts'

/** Whether there can be anything to do about a Service that holds nothing. */
const mayConcern = (service: ServiceObject): boolean =>
  service.spec.type === 'LoadBalancer' || isMarked(service) || strayFinalizers(service).length > 0

/**
 * Keys of all Services that may need something, and of Services that are gone and left claims. Four groups, each to be finished before the
 * next: claims and addresses on show; addresses that OpenELB noted; declared addresses; all others. Within a group older Services first.
 */
export function startPhases(knowledge: Knowledge, remembered: ReadonlyMap<string, readonly Ip[]>): readonly (readonly string[])[] {
  const phases: [string[], string[], string[], string[]] = [[], [], [], []]
  const seen = new Set<string>()
  for (const { claim } of knowledge.ledger.all()) {
    for (const holder of claim.spec.holders) seen.add(serviceKey(holder))
  }
  phases[0].push(...seen)
  const services = [...knowledge.services()].toSorted(byAge)
  for (const service of services) {
    const key = serviceKey(service.metadata)
    if (!seen.has(key) && mayConcern(service)) phases[phaseOf(service, remembered.has(key))].push(key)
  }
  return phases
}

function phaseOf(service: ServiceObject, isRemembered: boolean): 0 | 1 | 2 | 3 {
  if (shownAddresses(service).length > 0) return 0
  if (isRemembered) return 1
  const wish = readWish(service)
  return wish.ok && wish.value.kind === 'address' ? 2 : 3
}

const ageOf = ({ metadata }: ServiceObject): string => `${metadata.creationTimestamp} ${metadata.namespace ?? ''}/${metadata.name}`
const byAge = (a: ServiceObject, b: ServiceObject): number => (ageOf(a) < ageOf(b) ? -1 : 1)

/** What OpenELB noted in the statuses of its Eips: the addresses of Services by `namespace/name`. Read once, before we write there. */
export function rememberedAddresses(eips: Iterable<EipObject>): ReadonlyMap<string, readonly Ip[]> {
  const found = new Map<string, Ip[]>()
  for (const eip of eips) {
    for (const [address, users] of Object.entries(eip.status?.used ?? {})) {
      const ip = parseIp(address)
      if (!ip.ok) continue
      for (const key of users.split(';')) found.set(key, [...(found.get(key) ?? []), ip.value])
    }
  }
  return found
}
