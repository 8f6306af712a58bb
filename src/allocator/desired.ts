/** The face of a decision: what people read on a Service that has an address, and on one that has none. */
import type { ServiceObject } from '../api/core-objects.ts'
import { EIP_NAME, OPT_IN, OPT_IN_VALUE, PROTOCOL } from '../api/service-annotations.ts'
import { type Compat, readServiceRequest } from '../api/service-request.ts'
import { candidatesFor, type NamespaceFacts } from '../policy/pool-match.ts'
import { explainRefusal, type Refusal } from '../policy/refusal.ts'
import type { Settings } from '../policy/settings.ts'
import type { Ownership } from '../policy/whose-service.ts'
import { homeOf, isDraining } from './home.ts'
import type { Holding } from './ledger.ts'
import type { PoolBook } from './pools.ts'
import { type DesiredService, isMarked } from './service-status.ts'

/** The reason of the condition while the Service has what it asks for. */
export const ALLOCATED = 'Allocated'

type Wanted = NonNullable<DesiredService['condition']>

/** A Service of ours that holds nothing. An address that another program wrote is not touched. */
export function desiredWithout(service: ServiceObject, refusal: Refusal | undefined): DesiredService {
  return {
    ...(isMarked(service) && { ingress: [] }),
    ...(refusal && { condition: { status: 'False' as const, ...words(refusal, []) } }),
  }
}

interface HolderFacts {
  readonly service: ServiceObject
  readonly namespace: NamespaceFacts | undefined
  readonly pools: PoolBook
  readonly settings: Pick<Settings, 'compat'>
}

/** A Service of ours that holds `keep`, at least one; with refusals, it asks for something else or more and cannot have it, or its Eip is gone. */
export function desiredWithAddresses(
  facts: HolderFacts,
  ownership: Extract<Ownership, { kind: 'ours' }>,
  keep: readonly Holding[],
  refusals: readonly Refusal[],
): DesiredService {
  const nodes = keep.flatMap(({ claim: { spec, status } }) => (spec.protocol === 'layer2' ? (status?.owner?.node ?? []) : []))
  const eip = keep[0]?.claim.spec.eip
  return {
    ingress: keep.map(({ address }) => address),
    ...(eip !== undefined && { eip }),
    ...(nodes.length > 0 && { nodes: nodes.join(',') }),
    ...(ownership.by === 'default-eip' && { annotations: adoptionAnnotations(facts, keep) }),
    condition: conditionFor(facts, keep, refusals),
  }
}

/** Neither takes anything away: the Service has an address that it asked for. */
const isHarmless = (refusal: Refusal): boolean =>
  refusal.code === 'PoolDeleted' || (refusal.code === 'DualStackIncomplete' && !refusal.required)

/**
 * A deleted Eip takes nothing away, and a missing second family leaves the first, so the Service is still allocated; any other refusal
 * means that its wish is not met.
 */
function conditionFor(facts: HolderFacts, keep: readonly Holding[], refusals: readonly Refusal[]): Wanted {
  const refusal = refusals.find((each) => !isHarmless(each)) ?? refusals.find(({ code }) => code === 'PoolDeleted')
  if (refusal !== undefined) return { status: isHarmless(refusal) ? 'True' : 'False', ...words(refusal, keep) }
  const missing = refusals.map((each) => explainRefusal(each).message)
  return { status: 'True', reason: ALLOCATED, message: [allocatedMessage(facts, keep), ...missing].join('; ') }
}

const addressesOf = (keep: readonly Holding[]): string => keep.map(({ address }) => address).join(' and ')

function words(refusal: Refusal, keep: readonly Holding[]): { readonly reason: string; readonly message: string } {
  const { reason, message } = explainRefusal(refusal)
  const alreadySaid = refusal.code === 'PoolDeleted' && refusal.held !== undefined
  return { reason, message: keep.length === 0 || alreadySaid ? message : `${message}; until then the Service keeps ${addressesOf(keep)}` }
}

/** Says the addresses, their Eips, which of them their Eip gives no more, and which settings of the Service were not followed. */
function allocatedMessage({ service, pools, settings }: HolderFacts, keep: readonly Holding[]): string {
  const held = keep.map(({ address, claim }) => `${address} of Eip ${claim.spec.eip}`).join(' and ')
  const draining = keep
    .filter((holding) => isDraining(homeOf(holding, pools), holding))
    .map(({ address, claim }) => `Eip ${claim.spec.eip} gives ${address} no more: it stays until the Service releases it`)
  const protocols = new Set<string>(keep.map(({ claim }) => claim.spec.protocol))
  return [held, ...draining, ...contrary(service, settings.compat, protocols)].join('; ')
}

/** The settings that were not followed; a protocol annotation that agrees with the Eip says nothing. */
function contrary(service: ServiceObject, compat: readonly Compat[], protocols: ReadonlySet<string>): readonly string[] {
  const request = readServiceRequest(service, compat)
  const ignored = request.ok ? request.value.ignored : []
  const agrees = protocols.has(service.metadata.annotations?.[PROTOCOL]?.trim() ?? '')
  return ignored.filter(({ setting }) => setting !== PROTOCOL || !agrees).map(({ message }) => message)
}

/**
 * What the mutating webhook writes on a Service that names no implementation, for one that was created while it was away. The Eip is
 * named only where the default Eip decided: a name would outlive the binding of a namespace.
 */
function adoptionAnnotations(
  { service, namespace, pools, settings }: HolderFacts,
  keep: readonly Holding[],
): Readonly<Record<string, string>> {
  const optIn = { [OPT_IN]: OPT_IN_VALUE }
  const request = readServiceRequest(service, settings.compat)
  const [first] = keep
  const asks = !request.ok || request.value.eips.length > 0 || request.value.addresses.length > 0
  if (asks || namespace === undefined || first === undefined) return optIn
  const candidates = candidatesFor({ namespace, labels: service.metadata.labels ?? {} }, pools.active)
  const isOfDefault = candidates.kind === 'default' && keep.every(({ claim }) => claim.spec.eip === candidates.pools[0].name)
  if (!isOfDefault) return optIn
  const { eip, protocol } = first.claim.spec
  return { ...optIn, [EIP_NAME]: eip, [PROTOCOL]: protocol }
}
