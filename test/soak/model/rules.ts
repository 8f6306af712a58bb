/**
 * Which address a Service may have: the rules of docs/allocation.md once more, said of API objects alone, by trying every address. The
 * grammar of ranges and annotations is the product's; every choice is this file's.
 */
import { type Family, formatIp, parseIp } from '../../../src/addr/ip.ts'
import { parseAddressRange } from '../../../src/addr/range.ts'
import { readWish, toHolder } from '../../../src/allocator/request.ts'
import type { AddressClaimObject, Holder } from '../../../src/api/address-claim.ts'
import type { ServiceObject } from '../../../src/api/core-objects.ts'
import type { EipObject } from '../../../src/api/eip.ts'
import { EIP_NAME, IS_DEFAULT_EIP, LOAD_BALANCER_CLASS, OPT_IN } from '../../../src/api/service-annotations.ts'
import type { Compat } from '../../../src/api/service-request.ts'

/** What the rules look at: the objects of one moment, as somebody knows them. */
export interface View {
  readonly eips: readonly EipObject[]
  readonly claims: readonly AddressClaimObject[]
  readonly services: readonly ServiceObject[]
  labelsOf(namespace: string): Readonly<Record<string, string>> | undefined
  readonly settings: { readonly adopt?: string; readonly compat?: string; readonly exclude?: string }
  readonly nodeAddresses: ReadonlySet<string>
  readonly nowMs: number
}

export const keyOf = ({ namespace, name }: { readonly namespace?: string; readonly name: string }): string => `${namespace ?? ''}/${name}`
export const familyOf = (address: string): Family => (address.includes(':') ? 'IPv6' : 'IPv4')
export const shownBy = (service: ServiceObject): readonly string[] =>
  (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? [])

const expansions = new Map<string, readonly string[]>()
/** Every address of a range. */
export function expand(text: string): readonly string[] {
  const known = expansions.get(text)
  if (known !== undefined) return known
  const range = parseAddressRange(text)
  if (!range.ok) throw new Error(range.error.message)
  const { family, first, last } = range.value
  const all = Array.from({ length: Math.min(1024, Number(last - first) + 1) }, (_, at) => formatIp({ family, value: first + BigInt(at) }))
  expansions.set(text, all)
  return all
}

export interface PoolView {
  readonly eip: EipObject
  readonly name: string
  readonly addresses: ReadonlySet<string>
  /** Those that are not excluded, in the order of the spec. */
  readonly gives: ReadonlySet<string>
  readonly deleting: boolean
  readonly isDefault: boolean
}

const isBuggy = (address: string): boolean => /\.(0|255)$/.test(address)

function readPool(eip: EipObject, excluded: ReadonlySet<string>): PoolView {
  const { spec, metadata } = eip
  const addresses = new Set([spec.address, ...(spec.addresses ?? [])].flatMap(expand))
  const without = new Set((spec.exclude ?? []).flatMap(expand))
  const gives = new Set(
    [...addresses].filter((each) => !without.has(each) && !excluded.has(each) && !(spec.avoidBuggyIPs === true && isBuggy(each))),
  )
  const isDefault = metadata.annotations?.[IS_DEFAULT_EIP] === 'true'
  return { eip, name: metadata.name, addresses, gives, deleting: metadata.deletionTimestamp !== undefined, isDefault }
}

const byAge = (a: EipObject, b: EipObject): number =>
  a.metadata.creationTimestamp + a.metadata.name < b.metadata.creationTimestamp + b.metadata.name ? -1 : 1

/** Every Eip, the oldest first. */
function readPools(view: View): readonly PoolView[] {
  const excluded = new Set((view.settings.exclude ?? '').split(',').flatMap((text) => (text === '' ? [] : expand(text))))
  return [...view.eips].sort(byAge).map((eip) => readPool(eip, excluded))
}

/** The Eips that may give addresses: each unless it touches an address of one before. */
function activePools(all: readonly PoolView[]): readonly PoolView[] {
  const active: PoolView[] = []
  for (const pool of all) {
    if (!active.some((other) => [...pool.addresses].some((address) => other.addresses.has(address)))) active.push(pool)
  }
  return active
}

/** The facts of one moment, read once. */
export interface Facts {
  readonly view: View
  /** Every Eip, and those of them that may give addresses. */
  readonly all: readonly PoolView[]
  readonly pools: readonly PoolView[]
  readonly compat: readonly Compat[]
  readonly claimAt: ReadonlyMap<string, AddressClaimObject>
  readonly shownAt: ReadonlyMap<string, readonly string[]>
  readonly setAside: ReadonlySet<string>
}

export function factsOf(view: View): Facts {
  const all = readPools(view)
  const shownAt = new Map<string, string[]>()
  for (const service of view.services) {
    for (const address of shownBy(service)) shownAt.set(address, [...(shownAt.get(address) ?? []), service.metadata.uid])
  }
  const aside = [...view.eips].flatMap(({ status }) => status?.setAside ?? []).filter(({ until }) => Date.parse(until) > view.nowMs)
  return {
    view,
    all,
    pools: activePools(all),
    compat: view.settings.compat === 'metallb' ? ['metallb'] : [],
    claimAt: new Map([...view.claims].map((claim) => [claim.spec.address, claim])),
    shownAt,
    setAside: new Set(aside.map(({ address }) => address)),
  }
}

export interface WishView {
  readonly families: readonly Family[]
  readonly required: boolean
  readonly eips: readonly string[]
  readonly asked: ReadonlyMap<Family, string>
  readonly protocol: string | undefined
  readonly own: Holder
}

/** Undefined for one that cannot be read, or that contradicts itself. */
export function wishOf(service: ServiceObject, { compat }: Pick<Facts, 'compat'>): WishView | undefined {
  const wish = readWish(service, compat)
  if (!wish.ok) return undefined
  const { families, required, eips, addresses, protocol, sharing } = wish.value
  return {
    families,
    required,
    eips,
    asked: new Map(addresses.map((ip) => [ip.family, formatIp(ip)])),
    protocol,
    own: toHolder(service, sharing),
  }
}

/** Whether the Service is ours by what it says of itself and what the settings and Eips say; what it may hold already does not count. */
export function isOurs(service: ServiceObject, { view, pools }: Facts): boolean {
  const { type, loadBalancerClass: given } = service.spec
  const { annotations, deletionTimestamp, labels } = service.metadata
  const optIn = annotations?.[OPT_IN]
  const adopt = view.settings.adopt ?? 'default-eip'
  if (deletionTimestamp !== undefined || type !== 'LoadBalancer') return false
  if (given !== undefined) return given === LOAD_BALANCER_CLASS && (optIn === undefined || optIn === 'openelb')
  if (optIn !== undefined) return optIn === 'openelb' && adopt !== 'class'
  const isForeign = shownBy(service).length > 0 && labels?.[EIP_NAME] === undefined
  return adopt === 'default-eip' && !isForeign && defaultPool(pools) !== undefined
}

const isOpen = ({ eip, deleting }: PoolView): boolean => !deleting && eip.spec.disable !== true && eip.spec.autoAssign !== false
const defaultPool = (pools: readonly PoolView[]): PoolView | undefined => pools.find((pool) => pool.isDefault && isOpen(pool))

/** Whether the Eip is bound to the Service. */
function isBound({ eip: { spec } }: PoolView, service: ServiceObject, labels: Readonly<Record<string, string>>): boolean {
  const { namespaces = [], namespaceSelector, serviceSelector } = spec
  const byNamespace = namespaces.length > 0 || namespaceSelector !== undefined
  if (!byNamespace && serviceSelector === undefined) return false
  const selects = (map: Readonly<Record<string, unknown>>, of: Readonly<Record<string, string>>): boolean =>
    Object.entries(map).every(([key, value]) => of[key] === value)
  const isIts =
    namespaces.includes(service.metadata.namespace ?? '') || (namespaceSelector !== undefined && selects(namespaceSelector, labels))
  return (
    (!byNamespace || isIts) && (serviceSelector === undefined || selects(serviceSelector.matchLabels ?? {}, service.metadata.labels ?? {}))
  )
}

const labelsFor = (service: ServiceObject, { view }: Facts): Readonly<Record<string, string>> =>
  view.labelsOf(service.metadata.namespace ?? '') ?? {}

export const isFencedOff = (pool: PoolView, service: ServiceObject, facts: Facts): boolean =>
  pool.eip.spec.enforceNamespaces === true && !isBound(pool, service, labelsFor(service, facts))

/** The Eips for a Service that asks for none: those bound to it, else the default. */
export function candidates(service: ServiceObject, protocol: string | undefined, facts: Facts): readonly PoolView[] {
  const serves = ({ eip }: PoolView): boolean => protocol === undefined || (eip.spec.protocol ?? 'bgp') === protocol
  const bound = facts.pools.filter((pool) => isOpen(pool) && isBound(pool, service, labelsFor(service, facts)) && serves(pool))
  if (bound.length > 0) return bound
  const fallback = defaultPool(facts.pools)
  return fallback !== undefined && serves(fallback) && !isFencedOff(fallback, service, facts) ? [fallback] : []
}

export const reservedFor = (address: string, { eip }: PoolView): string | undefined => {
  const found = (eip.spec.reservations ?? []).find((each) => {
    const ip = parseIp(each.address)
    return ip.ok && formatIp(ip.value) === address
  })
  return found && keyOf(found)
}

/** Why the Service may not newly have the address, whoever holds it; undefined when it may. */
export function against(service: ServiceObject, wish: WishView, address: string, facts: Facts): string | undefined {
  const pool = facts.pools.find(({ addresses }) => addresses.has(address))
  const { spec } = pool?.eip ?? {}
  if (pool === undefined || spec === undefined || pool.deleting) return 'it is in no Eip'
  const keptFor = reservedFor(address, pool)
  const isKept = keptFor === keyOf(service.metadata)
  const isReturning = shownBy(service).includes(address)
  if (keptFor !== undefined && !isKept) return `it is reserved for ${keptFor}`
  if (!pool.gives.has(address)) return 'it is excluded'
  if (facts.view.nodeAddresses.has(address)) return 'it is that of a node'
  if (!isKept && isFencedOff(pool, service, facts)) return `${pool.name} is fenced`
  if (spec.disable === true && !isReturning) return `${pool.name} is disabled`
  const family = familyOf(address)
  if (!wish.families.includes(family)) return `${family} is not wanted`
  const asked = wish.asked.get(family)
  if (asked !== undefined && asked !== address) return `${asked} is asked for`
  if (wish.eips.length > 0) return wish.eips.includes(pool.name) ? undefined : `${wish.eips} is asked for`
  if (asked !== undefined || isReturning) return undefined
  if (isKept) return wish.protocol === undefined || wish.protocol === (spec.protocol ?? 'bgp') ? undefined : 'another protocol is asked for'
  return candidates(service, wish.protocol, facts).includes(pool) ? undefined : `${pool.name} is no candidate`
}

/** Whether a speaker heard another host answer for the address. */
export const isContested = (claim: AddressClaimObject | undefined): boolean =>
  claim?.status?.conditions?.some(({ type, status }) => type === 'AddressConflict' && status === 'True') === true

export const usesSamePort = (a: Holder, b: Holder): boolean =>
  a.ports.some((one) => b.ports.some((other) => one.port === other.port && one.protocol === other.protocol))

/** Why two Services may not begin to share an address. */
export function besides(own: Holder, other: Holder): string | undefined {
  if (own.sharing !== other.sharing) return 'other keys'
  if (own.sharing === undefined && own.namespace !== other.namespace) return 'no key'
  if (own.backend !== other.backend) return 'other policies'
  return usesSamePort(own, other) ? 'a port in common' : undefined
}

/** How many addresses of an Eip the Services of a namespace hold, without the one that `replacing` alone holds there. */
export function heldBy(
  namespace: string,
  pool: string,
  { claimAt }: Pick<Facts, 'claimAt'>,
  replacing?: { uid: string; family: Family },
): number {
  const counts = ({ spec }: AddressClaimObject): boolean => {
    const isReplaced = (uid: string): boolean => uid === replacing?.uid && familyOf(spec.address) === replacing.family
    return spec.eip === pool && spec.holders.some((holder) => holder.namespace === namespace && !isReplaced(holder.uid))
  }
  return [...claimAt.values()].filter(counts).length
}

/** The addresses of the family of which the Service could be given one now, beside what it holds. */
export function available(service: ServiceObject, wish: WishView, family: Family, facts: Facts): readonly string[] {
  const all = facts.pools.flatMap(({ addresses }) => [...addresses])
  return all.filter((address) => familyOf(address) === family && canTake(service, wish, address, facts))
}

/** The facts as they would be if the Service held the address. */
export function holding(address: string, { own }: WishView, facts: Facts): Facts {
  const eip = facts.pools.find(({ addresses }) => addresses.has(address))?.name ?? ''
  const claim = { spec: { address, eip, protocol: 'bgp', holders: [own] } } as unknown as AddressClaimObject
  return { ...facts, claimAt: new Map([...facts.claimAt, [address, claim]]) }
}

function canTake(service: ServiceObject, wish: WishView, address: string, facts: Facts): boolean {
  if (against(service, wish, address, facts) !== undefined) return false
  const pool = facts.pools.find(({ addresses }) => addresses.has(address))
  const { uid, namespace = '' } = service.metadata
  const isAsked = wish.asked.get(familyOf(address)) === address
  const claim = facts.claimAt.get(address)
  const limit = pool?.eip.spec.quota?.perNamespace
  const isKept = pool !== undefined && reservedFor(address, pool) === keyOf(service.metadata)
  const isOver = limit !== undefined && heldBy(namespace, pool?.name ?? '', facts, { uid, family: familyOf(address) }) >= limit
  if (claim === undefined) {
    if (isOver && !isKept) return false
    if (facts.setAside.has(address)) return false
    return isAsked || isKept || !(facts.shownAt.get(address) ?? []).some((other) => other !== uid)
  }
  const others = claim.spec.holders.filter((holder) => holder.uid !== uid)
  if (isContested(claim)) return false
  // Its own address, which it has and does not want.
  if (others.length < claim.spec.holders.length) return false
  const joins = others.some((holder) => holder.namespace === namespace)
  const mayAsk = isAsked || wish.own.sharing !== undefined
  return mayAsk && (joins || isKept || !isOver) && others.every((other) => besides(wish.own, other) === undefined)
}
