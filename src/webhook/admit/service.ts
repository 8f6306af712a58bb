/** Admission of Services: what is filled in, and what is refused. */
import type { Family } from '../../addr/ip.ts'
import type { ServiceObject } from '../../api/core-objects.ts'
import { EIP_NAME, OPT_IN, OPT_IN_VALUE, PROTOCOL } from '../../api/service-annotations.ts'
import { readServiceRequest } from '../../api/service-request.ts'
import type { Pool } from '../../policy/pool.ts'
import { candidatesFor } from '../../policy/pool-match.ts'
import { poolFamilies } from '../../policy/pool-ranges.ts'
import type { ServiceFacts } from '../../policy/validate-service.ts'
import { validateService } from '../../policy/validate-service.ts'
import { allow, refuse } from '../../policy/verdict.ts'
import { whoseService } from '../../policy/whose-service.ts'
import type { AdmissionRequest, Answer, PatchStep } from '../admission.ts'
import { readService } from './objects.ts'

/** The facts of the rules, and of the cluster. */
export interface ServiceReviewFacts extends ServiceFacts {
  /** The family of a Service that names none; undefined when no node tells. */
  readonly primaryFamily: Family | undefined
}

const CURE = 'send the object that you want to store'

/** Annotations are filled in when a Service becomes a LoadBalancer; later its owner may change or remove them. */
function becomesLoadBalancer({ operation, oldObject }: AdmissionRequest, service: ServiceObject): boolean {
  if (service.spec.type !== 'LoadBalancer') return false
  if (operation === 'CREATE') return true
  const before = readService(oldObject)
  return operation === 'UPDATE' && before.ok && before.value.spec.type !== 'LoadBalancer'
}

/**
 * The default Eip, when it is what this Service gets. It is not when the Service asks for an Eip, for an address, for another protocol or
 * for another family, and not where pools are bound to the Service: an Eip by name would override that binding.
 */
function defaultFor(service: ServiceObject, facts: ServiceReviewFacts): Pool | undefined {
  const request = readServiceRequest(service, facts.settings.compat)
  if (!request.ok || request.value.eips.length > 0 || request.value.addresses.length > 0) return undefined
  const name = service.metadata.namespace ?? ''
  const labels = facts.namespaceLabels(name)
  // A namespace of the same `kubectl apply` may not be known yet. The allocator decides then, and needs no annotation for it.
  if (labels === undefined && facts.pools.active.some((pool) => pool.namespaceSelector !== undefined)) return undefined
  const candidates = candidatesFor(
    { namespace: { name, labels: labels ?? {} }, labels: service.metadata.labels ?? {} },
    facts.pools.active,
    request.value.protocol,
  )
  if (candidates.kind !== 'default') return undefined
  const [pool] = candidates.pools
  return servesFamilies(pool, service, facts.primaryFamily) ? pool : undefined
}

/** The first family of a Service is the one that it cannot do without; with RequireDualStack it cannot do without either. */
function servesFamilies(pool: Pool, { spec }: ServiceObject, clusterFamily: Family | undefined): boolean {
  const has = poolFamilies(pool)
  if (spec.ipFamilyPolicy === 'RequireDualStack') return has.length === 2
  const primary = spec.ipFamilies?.[0] ?? clusterFamily
  return primary === undefined || has.includes(primary)
}

/**
 * The annotations that a Service lacks: nothing that it has is changed. None are written where the settings ask for OpenELB 0.6, which
 * wrote none.
 */
function missingAnnotations(service: ServiceObject, facts: ServiceReviewFacts): Readonly<Record<string, string>> {
  if (facts.settings.adopt !== 'default-eip') return {}
  const ownership = whoseService(service, facts.settings, facts.pools.active, facts.ownNamespace)
  // A Service of our class needs no annotation: its class says it all, and can never be taken back.
  if (ownership.kind === 'not-ours' || ownership.by === 'class') return {}
  const optIn = ownership.by === 'annotation' ? {} : { [OPT_IN]: OPT_IN_VALUE }
  const pool = defaultFor(service, facts)
  return pool === undefined ? optIn : { ...optIn, [EIP_NAME]: pool.name, [PROTOCOL]: pool.protocol }
}

/** A JSON pointer to one annotation (RFC 6901 section 3). */
const pointer = (key: string): string => `/metadata/annotations/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`

function patchOf(service: ServiceObject, missing: Readonly<Record<string, string>>): readonly PatchStep[] {
  const entries = Object.entries(missing)
  if (entries.length === 0) return []
  if (service.metadata.annotations === undefined) return [{ op: 'add', path: '/metadata/annotations', value: missing }]
  return entries.map(([key, value]) => ({ op: 'add', path: pointer(key), value }))
}

/**
 * The mutating webhook: a Service that becomes a LoadBalancer and is ours gets the annotations that name the default Eip, as OpenELB 0.5
 * wrote them. Asked again about its own result, it changes nothing. It never refuses.
 */
export function mutateService(request: AdmissionRequest, facts: ServiceReviewFacts): Answer {
  const read = readService(request.object)
  if (!read.ok) return allow()
  const service = withNamespace(read.value, request.namespace)
  if (service.metadata.deletionTimestamp !== undefined || !becomesLoadBalancer(request, service)) return allow()
  return { ...allow(), patch: patchOf(service, missingAnnotations(service, facts)) }
}

/** The validating webhook. */
export function reviewService(request: AdmissionRequest, facts: ServiceReviewFacts): Answer {
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return allow()
  const service = readService(request.object)
  if (!service.ok) return refuse(service.error, CURE)
  if (service.value.metadata.deletionTimestamp !== undefined) return allow()
  const before = request.operation === 'UPDATE' ? readService(request.oldObject) : undefined
  const old = before?.ok === true ? withNamespace(before.value, request.namespace) : undefined
  return validateService(withNamespace(service.value, request.namespace), old, facts)
}

/** The namespace stands in the request; an object that is being created may lack it. */
function withNamespace(service: ServiceObject, namespace: string | undefined): ServiceObject {
  if (namespace === undefined || service.metadata.namespace !== undefined) return service
  return { ...service, metadata: { ...service.metadata, namespace } }
}
