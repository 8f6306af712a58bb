/** In which order Services are looked at when nobody was looking before. */
import { type Ip, parseIp } from '../addr/ip.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { COMPAT_NAMES } from '../api/service-request.ts'
import type { Knowledge } from './knowledge.ts'
import { readWish, shownAddresses } from './request.ts'
import { serviceKey } from './service-key.ts'
import { isMarked, strayFinalizers } from './service-status.ts'

/** Whether there can be anything to do about a Service that holds nothing. */
const mayConcern = (service: ServiceObject): boolean =>
  service.spec.type === 'LoadBalancer' || isMarked(service) || strayFinalizers(service).length > 0

/**
 * Keys of all Services that may need something, and of Services that are gone and left claims. Four groups, each to be finished before the
 * next: claims and addresses on show; addresses that OpenELB noted or an Eip reserves; declared addresses; all others. Within a group older Services first.
 */
export function startPhases(knowledge: Knowledge, remembered: ReadonlyMap<string, readonly Ip[]>): readonly (readonly string[])[] {
  const phases: [string[], string[], string[], string[]] = [[], [], [], []]
  const seen = new Set<string>()
  for (const { claim } of knowledge.ledger.all()) {
    for (const holder of claim.spec.holders) seen.add(serviceKey(holder))
  }
  phases[0].push(...seen)
  for (const service of byAge(knowledge.services())) {
    const key = serviceKey(service.metadata)
    const isPromised = remembered.has(key) || knowledge.pools.reservedFor(key).length > 0
    if (!seen.has(key) && mayConcern(service)) phases[phaseOf(service, isPromised)].push(key)
  }
  return phases
}

function phaseOf(service: ServiceObject, isPromised: boolean): 0 | 1 | 2 | 3 {
  if (shownAddresses(service).length > 0) return 0
  if (isPromised) return 1
  return asksForAddress(service) ? 2 : 3
}

/** In whatever words: one whose words are not read by the settings comes too early, and that does no harm. */
function asksForAddress(service: ServiceObject): boolean {
  const wish = readWish(service, COMPAT_NAMES)
  return wish.ok && wish.value.addresses.length > 0
}

const ageOf = ({ metadata }: ServiceObject): string => `${metadata.creationTimestamp} ${metadata.namespace ?? ''}/${metadata.name}`
/** The oldest first. */
const byAge = (services: Iterable<ServiceObject>): readonly ServiceObject[] =>
  Array.from(services, (service) => ({ service, age: ageOf(service) }))
    .toSorted((a, b) => (a.age < b.age ? -1 : 1))
    .map(({ service }) => service)

/** What OpenELB noted in the statuses of its Eips: the addresses of Services by `namespace/name`. Read once, before we write there. */
export function rememberedAddresses(eips: Iterable<EipObject>): ReadonlyMap<string, readonly Ip[]> {
  const found = new Map<string, Ip[]>()
  for (const eip of eips) {
    // Our own status is a projection of the claims, which say it better.
    if (eip.status?.capacity !== undefined) continue
    for (const [address, users] of Object.entries(eip.status?.used ?? {})) {
      const ip = parseIp(address)
      if (!ip.ok) continue
      for (const key of users.split(';')) found.set(key, [...(found.get(key) ?? []), ip.value])
    }
  }
  return found
}
