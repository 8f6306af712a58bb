/** What a Service asks for, held against the Eips as they are. */
import { type Family, formatIp, type Ip } from '../addr/ip.ts'
import type { IpFamily, ServiceObject } from '../api/core-objects.ts'
import type { ServiceRequest } from '../api/service-request.ts'
import { addressObstacle, isExcludedBy } from './address-obstacle.ts'
import type { KnownPools } from './known-pools.ts'
import type { Labels } from './label-selector.ts'
import type { Pool } from './pool.ts'
import { type Applicant, isPermitted, lacksOnlyLabels } from './pool-match.ts'
import { poolContains } from './pool-ranges.ts'
import { explainRefusal, type Refusal } from './refusal.ts'
import type { Settings } from './settings.ts'
import type { Finding } from './verdict.ts'

export interface RequestFacts {
  readonly settings: Settings
  readonly pools: KnownPools
  /** Undefined when the namespace is not known (yet). */
  readonly namespaceLabels: (name: string) => Labels | undefined
  /** The node whose address this is. */
  readonly nodeAt: (ip: Ip) => string | undefined
}

/** A Service with all that its request is held against. */
interface Case {
  readonly service: ServiceObject
  readonly request: ServiceRequest
  readonly families: readonly IpFamily[]
  readonly applicant: Applicant | undefined
  readonly facts: RequestFacts
}

/** The words of the allocator without its prefix, which only says where it stopped. */
function refusalFinding(refusal: Refusal): Finding {
  const { message, cure } = explainRefusal(refusal)
  const text = message.slice(0, message.length - cure.length - 2)
  return { refuse: text.replace(/^no avliable eip, err:/, ''), cure }
}

/** Labels can change, and then the answer does; a list of names is what its author meant. */
function fenceFinding(pool: Pool, { service, applicant }: Case): Finding {
  const { namespace = '' } = service.metadata
  if (applicant !== undefined && lacksOnlyLabels(pool, applicant)) {
    return {
      warn: `Eip ${pool.name} is fenced, and the Service lacks the labels of its serviceSelector: it gets an address once it has them`,
    }
  }
  if (pool.namespaceSelector === undefined) return refusalFinding({ code: 'PoolNotPermitted', pool: pool.name, namespace })
  return {
    warn: `Eip ${pool.name} is fenced, and the namespace ${namespace} lacks the labels for it: the Service gets an address once it has them`,
  }
}

function* stateFindings(pool: Pool): Generator<Finding> {
  if (pool.deleting) yield { warn: `Eip ${pool.name} is being deleted: the Service gets an address once it exists again` }
  else if (pool.disabled) yield { warn: `Eip ${pool.name} is disabled: the Service gets an address once spec.disable is false` }
}

/** Only an Eip that the Service names can be one that gives nothing because of another: all others are looked for among the active ones. */
function* rivalFindings({ name }: Pool, { facts }: Case): Generator<Finding> {
  const rival = facts.pools.rivalOf(name)
  if (rival === undefined) return
  yield { warn: `Eip ${shown(name)} overlaps ${shown(rival)}: the Service gets an address once one of the two is deleted` }
}

const familiesOf = ({ ranges }: Pool): readonly Family[] => [...new Set(ranges.map(({ family }) => family))]

const DUAL_CURE = 'name two Eips joined by ",", one of each family, or an Eip with ranges of both (spec.addresses)'

/** `pools` are all the Eips that the Service names. */
function* familyFindings(pools: readonly Pool[], { service, families }: Case): Generator<Finding> {
  const have = new Set(pools.flatMap(familiesOf))
  const missing = families.filter((family) => !have.has(family))
  if (missing.length === 0) return
  const what = `${pools.length === 1 ? 'Eip' : 'Eips'} ${pools.map(({ name }) => name).join(', ')}`
  const served = `${what} ${pools.length === 1 ? 'is' : 'are'} ${[...have].join(' and ')}`
  const refusal = "service can't use different family eip"
  if (missing.length === families.length) {
    yield {
      refuse: refusal,
      cure: `${served} and the Service serves ${families.join(' and ')}; use one of that family, or change spec.ipFamilies`,
    }
  } else if (service.spec.ipFamilyPolicy === 'RequireDualStack') {
    yield { refuse: refusal, cure: `${served} alone, and ipFamilyPolicy RequireDualStack takes both families or none; ${DUAL_CURE}` }
  } else {
    yield {
      warn: `${what} ${pools.length === 1 ? 'has' : 'have'} no ${missing.join(' and ')} address: the Service gets ${[...have].join(' and ')} alone`,
    }
  }
}

const isKeptFor = (pool: Pool, { namespace, name }: ServiceObject['metadata']): boolean =>
  [...pool.reservations.values()].some((kept) => kept.namespace === namespace && kept.name === name)

const isLetIn = (pool: Pool, { service, applicant }: Case): boolean =>
  !pool.enforceNamespaces || isKeptFor(pool, service.metadata) || (applicant !== undefined && isPermitted(pool, applicant))

/** The Eips by name. `isComplete` when all of them exist: of one that does not exist yet nothing can be said. */
function namedPools({ request, facts }: Case): { readonly pools: readonly Pool[]; readonly isComplete: boolean } {
  const pools = request.eips.flatMap((name) => facts.pools.all.find((pool) => pool.name === name) ?? [])
  return { pools, isComplete: pools.length === request.eips.length }
}

const shown = (name: string): string => (name.length > 64 ? `${name.slice(0, 64)}…` : name)

function* eipFindings(given: Case): Generator<Finding> {
  const { request } = given
  const { pools, isComplete } = namedPools(given)
  for (const name of request.eips) {
    // The Eip may be in the same file, further down: `kubectl apply` of one file with both must work in any order.
    if (!pools.some((pool) => pool.name === name))
      yield { warn: `Eip ${shown(name)} does not exist: the Service gets an address once it does` }
  }
  for (const pool of pools) {
    yield* stateFindings(pool)
    yield* rivalFindings(pool, given)
  }
  if (!isComplete || pools.length === 0) return
  yield* familyFindings(pools, given)
  if (pools.some((pool) => isLetIn(pool, given))) return
  // Where one of them can let it in some day, it is not refused.
  const fences = pools.map((pool) => fenceFinding(pool, given))
  const told = fences.find((fence) => 'warn' in fence) ?? fences[0]
  if (told !== undefined) yield told
}

/** An address that a pool has, held against what the pool, the settings and the nodes say of it. */
function* obstacleFindings(ip: Ip, pool: Pool, given: Case): Generator<Finding> {
  const { service, applicant, facts } = given
  const { name, namespace = '' } = service.metadata
  const isExcluded = (address: Ip): boolean => isExcludedBy(facts.settings, address)
  const refusal = addressObstacle(ip, pool, { service: { namespace, name }, applicant, isExcluded, nodeAt: facts.nodeAt })
  if (refusal === undefined) return
  yield refusal.code === 'PoolNotPermitted' ? fenceFinding(pool, given) : refusalFinding(refusal)
}

function* addressFindings(ip: Ip, given: Case): Generator<Finding> {
  const { request, families, facts } = given
  const address = formatIp(ip)
  if (families.length > 0 && !families.includes(ip.family)) {
    const cure = `${address} is ${ip.family} and the Service serves ${families.join(' and ')}; use one of that family, or change spec.ipFamilies`
    yield { refuse: "service can't use different family eip", cure }
    return
  }
  const named = namedPools(given)
  const isNamed = request.eips.length > 0
  const pool = (isNamed ? named.pools : facts.pools.active).find((candidate) => poolContains(candidate, ip))
  if (pool !== undefined) {
    if (!isNamed) yield* stateFindings(pool)
    yield* obstacleFindings(ip, pool, given)
  } else if (!isNamed) {
    yield { warn: `no Eip contains ${address}: the Service gets it once one does` }
  } else if (named.isComplete) {
    const [{ name, spec }] = named.pools as readonly [Pool, ...Pool[]]
    const range = [spec.address, ...(spec.addresses ?? [])].join(',')
    yield refusalFinding({ code: 'AddressOutsidePool', address, pool: name, range })
  }
}

/** All that speaks against what the Service asks for. The caller has read the request, and knows that the Service is ours. */
export function* requestFindings(service: ServiceObject, request: ServiceRequest, facts: RequestFacts): Generator<Finding> {
  const name = service.metadata.namespace ?? ''
  const labels = facts.namespaceLabels(name)
  const applicant = labels === undefined ? undefined : { namespace: { name, labels }, labels: service.metadata.labels ?? {} }
  const given: Case = { service, request, families: service.spec.ipFamilies ?? [], applicant, facts }
  yield* eipFindings(given)
  for (const { ip } of request.addresses) yield* addressFindings(ip, given)
}
