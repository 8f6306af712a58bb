/** The face of a decision: what people read on a Service that has an address, and on one that has none. */
import type { ServiceObject } from '../api/core-objects.ts'
import { EIP_NAME, OPT_IN, OPT_IN_VALUE, PROTOCOL } from '../api/service-annotations.ts'
import { readServiceRequest } from '../api/service-request.ts'
import type { Pool } from '../policy/pool.ts'
import { candidatesFor, type NamespaceFacts } from '../policy/pool-match.ts'
import { explainRefusal, type Refusal } from '../policy/refusal.ts'
import type { Ownership } from '../policy/whose-service.ts'
import type { Holding } from './ledger.ts'
import { type DesiredService, isMarked } from './service-status.ts'

/** The reason of the condition while the Service has what it asks for. */
export const ALLOCATED = 'Allocated'

/** A Service of ours that holds nothing. An address that another program wrote is not touched. */
export function desiredWithout(service: ServiceObject, refusal: Refusal | undefined): DesiredService {
  return {
    ...(isMarked(service) && { ingress: [] }),
    ...(refusal && { condition: { status: 'False' as const, ...words(refusal, undefined) } }),
  }
}

interface HolderFacts {
  readonly service: ServiceObject
  readonly namespace: NamespaceFacts | undefined
  readonly pools: { readonly active: readonly Pool[] }
}

/** A Service of ours that holds `keep`; with a refusal, it asks for something else and cannot have it, or its Eip is gone. */
export function desiredWithAddress(
  facts: HolderFacts,
  ownership: Extract<Ownership, { kind: 'ours' }>,
  keep: Holding,
  refusal: Refusal | undefined,
): DesiredService {
  const { eip, protocol } = keep.claim.spec
  const owner = protocol === 'layer2' ? keep.claim.status?.owner?.node : undefined
  return {
    ingress: [keep.address],
    eip,
    ...(owner !== undefined && { nodes: owner }),
    ...(ownership.by === 'default-eip' && { annotations: adoptionAnnotations(facts, keep) }),
    condition: conditionFor(facts.service, keep, refusal),
  }
}

/** A deleted Eip takes nothing away, so the Service is still allocated; any other refusal means that its wish is not met. */
function conditionFor(service: ServiceObject, keep: Holding, refusal: Refusal | undefined): NonNullable<DesiredService['condition']> {
  if (refusal === undefined) return { status: 'True', reason: ALLOCATED, message: allocatedMessage(service, keep) }
  return { status: refusal.code === 'PoolDeleted' ? 'True' : 'False', ...words(refusal, keep) }
}

function words(refusal: Refusal, keep: Holding | undefined): { readonly reason: string; readonly message: string } {
  const { reason, message } = explainRefusal(refusal)
  const alreadySaid = refusal.code === 'PoolDeleted' && refusal.held !== undefined
  return { reason, message: keep === undefined || alreadySaid ? message : `${message}; until then the Service keeps ${keep.address}` }
}

/** Says the address, its Eip, and which settings of the Service were not followed. */
function allocatedMessage(service: ServiceObject, keep: Holding): string {
  const { eip, protocol } = keep.claim.spec
  const request = readServiceRequest(service)
  const ignored = request.ok ? request.value.ignored : []
  const contrary = ignored.filter(({ setting }) => setting !== PROTOCOL || service.metadata.annotations?.[PROTOCOL]?.trim() !== protocol)
  return [`${keep.address} of Eip ${eip}`, ...contrary.map(({ message }) => message)].join('; ')
}

/**
 * What the mutating webhook writes on a Service that names no implementation, for one that was created while it was away. The Eip is
 * named only where the default Eip decided: a name would outlive the binding of a namespace.
 */
function adoptionAnnotations({ service, namespace, pools }: HolderFacts, keep: Holding): Readonly<Record<string, string>> {
  const optIn = { [OPT_IN]: OPT_IN_VALUE }
  const request = readServiceRequest(service)
  if (!request.ok || request.value.eips.length > 0 || request.value.addresses.length > 0 || namespace === undefined) return optIn
  const candidates = candidatesFor({ namespace, labels: service.metadata.labels ?? {} }, pools.active)
  const { eip, protocol } = keep.claim.spec
  if (candidates.kind !== 'default' || candidates.pools[0].name !== eip) return optIn
  return { ...optIn, [EIP_NAME]: eip, [PROTOCOL]: protocol }
}
