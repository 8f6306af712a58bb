/**
 * What must hold when nothing is under way any more: claims are what is shown, nobody who could have an address is without one, and
 * whoever is without one is told a reason that is true.
 */
import type { Family } from '../../../src/addr/ip.ts'
import type { AddressClaimObject } from '../../../src/api/address-claim.ts'
import type { Condition, ServiceObject } from '../../../src/api/core-objects.ts'
import { ALLOCATED_CONDITION } from '../../../src/api/service-annotations.ts'
import type { Api } from './api.ts'
import { homeOf, staysOurs, storedView } from './model.ts'
import {
  against,
  available,
  candidates,
  type Facts,
  factsOf,
  familyOf,
  heldBy,
  holding,
  isContested,
  isFencedOff,
  isOurs,
  keyOf,
  type PoolView,
  reservedFor,
  shownBy,
  type WishView,
  wishOf,
} from './rules.ts'

/** Sentences about what is wrong; none when all is well. */
export function lawsAtRest({ api, nowMs }: { readonly api: Api; readonly nowMs: number }): readonly string[] {
  const facts = factsOf(storedView(api, nowMs))
  const heldByUid = new Map<string, AddressClaimObject[]>()
  const broken: string[] = []
  for (const claim of api.claims.values()) {
    for (const holder of claim.spec.holders) {
      if (api.services.get(keyOf(holder))?.metadata.uid !== holder.uid)
        broken.push(`leak: ${claim.spec.address} is held by ${keyOf(holder)}, which is gone`)
      heldByUid.set(holder.uid, [...(heldByUid.get(holder.uid) ?? []), claim])
    }
  }
  for (const service of api.services.values()) {
    const problem = problemOf(service, heldByUid.get(service.metadata.uid) ?? [], facts)
    if (problem !== undefined) broken.push(`${problem} [${keyOf(service.metadata)} ${JSON.stringify(conditionOf(service))}]`)
  }
  for (const { metadata, status } of api.eips.values()) {
    const count = [...api.claims.values()].filter((claim) => homeOf(claim, facts).name === metadata.name).length
    if ((status?.usage ?? 0) !== count) broken.push(`status: ${metadata.name} says ${status?.usage ?? 0} in use, and ${count} are`)
  }
  return broken
}

const conditionOf = ({ status }: ServiceObject): Condition | undefined =>
  status?.conditions?.find(({ type }) => type === ALLOCATED_CONDITION)

function problemOf(service: ServiceObject, held: readonly AddressClaimObject[], facts: Facts): string | undefined {
  const holds = held.map(({ spec }) => spec.address).sort()
  const shown = shownBy(service).toSorted()
  if (holds.join() !== shown.join()) return `held: it shows "${shown}" and holds "${holds}"`
  const condition = conditionOf(service)
  if (!isOurs(service, facts) && !(held.length > 0 && staysOurs(service))) {
    if (held.length > 0) return `leak: it is not ours and holds ${holds}`
    return condition === undefined ? undefined : 'told: it is not ours and carries our condition'
  }
  if (condition === undefined) return 'told: it is ours and carries no condition'
  const wish = wishOf(service, facts)
  if (wish === undefined) {
    const isTrue = condition.status === 'False' && ['AddressInvalid', 'RequestInvalid', 'FamilyMismatch'].includes(condition.reason)
    return isTrue ? undefined : 'told: its wish cannot be read'
  }
  const extra = held.find(({ spec }) => !wish.families.includes(familyOf(spec.address)))
  if (extra !== undefined) return `leak: it holds ${extra.spec.address} of a family that it does not want`
  const evicted = held.find((claim) => homeOf(claim, facts).evicts)
  if (evicted !== undefined) return `evict: it holds ${evicted.spec.address}, which its Eip takes back`
  return placesOf(service, wish, held, condition, facts)
}

function placesOf(
  service: ServiceObject,
  wish: WishView,
  held: readonly AddressClaimObject[],
  condition: Condition,
  facts: Facts,
): string | undefined {
  const own = (family: Family): AddressClaimObject | undefined => held.find(({ spec }) => familyOf(spec.address) === family)
  const missing = wish.families.filter((family) => {
    const claim = own(family)
    return claim === undefined || !fits(claim, wish, facts)
  })
  const free = missing.map((family) => available(service, wish, family, facts))
  const [first = [], second] = free
  // Both or nothing, and there may be room in the quota for one of them only.
  const [, other] = missing
  const isTight = first.some(
    (address) => other !== undefined && available(service, wish, other, holding(address, wish, facts)).length === 0,
  )
  const isBlocked = wish.required && (first.length === 0 || second?.length === 0 || isTight)
  const found = free.flat()[0]
  if (found !== undefined && !isBlocked) return `alive: it could have ${found}`
  const isContent = missing.length === 0 || (!wish.required && held.length > 0 && missing.every((family) => own(family) === undefined))
  if (condition.status !== (isContent ? 'True' : 'False')) return `told: it is ${isContent ? '' : 'not '}content`
  if (isContent || condition.reason === 'DualStackIncomplete') return undefined
  return isTrue(condition.reason, service, wish, missing, facts) ? undefined : `told: ${condition.reason} is not true`
}

function fits(claim: AddressClaimObject, wish: WishView, facts: Facts): boolean {
  const asked = wish.asked.get(familyOf(claim.spec.address))
  if (asked !== undefined && asked !== claim.spec.address) return false
  return wish.eips.length === 0 || wish.eips.includes(homeOf(claim, facts).name)
}

/** Whether the reason for having nothing, or not what is asked for, is a true one. */
function isTrue(reason: string, service: ServiceObject, wish: WishView, missing: readonly Family[], facts: Facts): boolean {
  const { pools, view, claimAt, setAside } = facts
  const eips = new Map([...view.eips].map((eip) => [eip.metadata.name, eip]))
  const asked = missing.flatMap((family) => wish.asked.get(family) ?? [])
  const around = asked.flatMap((address) => pools.find(({ addresses }) => addresses.has(address)) ?? [])
  const named = wish.eips.flatMap((name) => pools.find((pool) => pool.name === name) ?? [])
  const tried = wish.eips.length > 0 ? named : asked.length > 0 ? around : candidates(service, wish.protocol, facts)
  // By what the Eip stands for: one whose addresses are all excluded is full, not of another family.
  const standsFor = ({ addresses }: PoolView, family: Family): boolean => [...addresses].some((address) => familyOf(address) === family)
  const isHeldByOthers = (address: string): boolean =>
    claimAt.get(address)?.spec.holders.some(({ uid }) => uid !== service.metadata.uid) === true
  const isOver = ({ name, eip }: PoolView): boolean =>
    missing.some(
      (family) =>
        heldBy(service.metadata.namespace ?? '', name, facts, { uid: service.metadata.uid, family }) >=
        (eip.spec.quota?.perNamespace ?? Infinity),
    )
  switch (reason) {
    case 'PoolNotFound':
      return wish.eips.some((name) => !eips.has(name))
    case 'PoolDisabled':
      return [...wish.eips.map((name) => eips.get(name)), ...around.map(({ eip }) => eip)].some((eip) => eip?.spec.disable === true)
    case 'PoolDeleted':
      return [...wish.eips.map((name) => eips.get(name)), ...around.map(({ eip }) => eip)].some(
        (eip) => eip?.metadata.deletionTimestamp !== undefined,
      )
    case 'PoolOverlap':
      return wish.eips.some((name) => eips.has(name) && !pools.some((pool) => pool.name === name))
    case 'PoolExhausted':
      return tried.some((pool) => missing.some((family) => standsFor(pool, family)))
    case 'NoDefaultPool':
      return wish.eips.length === 0 && candidates(service, undefined, facts).length === 0
    case 'ProtocolMismatch':
      return wish.protocol !== undefined && candidates(service, wish.protocol, facts).length === 0
    case 'PoolNotPermitted':
      return [...named, ...around].some((pool) => isFencedOff(pool, service, facts))
    case 'QuotaExceeded':
      return tried.some(isOver)
    case 'FamilyMismatch':
      return tried.some((pool) => missing.some((family) => !standsFor(pool, family)))
    case 'AddressOutsidePool':
      return asked.some((address) => !named.some(({ addresses }) => addresses.has(address)))
    case 'AddressInNoPool':
      return asked.length > around.length || (wish.eips.length > 0 && asked.length > 0)
    case 'AddressExcluded':
      return around.some(({ gives }) => asked.some((address) => !gives.has(address)))
    case 'AddressReserved':
      return asked.some((address) => around.some((pool) => ![undefined, keyOf(service.metadata)].includes(reservedFor(address, pool))))
    case 'AddressOfNode':
      return asked.some((address) => view.nodeAddresses.has(address))
    case 'AddressConflict':
      return asked.some((address) => setAside.has(address) || isContested(claimAt.get(address)))
    case 'AddressTaken':
    case 'SharingRefused':
    case 'PortClash':
      return asked.some((address) => isHeldByOthers(address) && against(service, wish, address, facts) === undefined)
    default:
      return false
  }
}
