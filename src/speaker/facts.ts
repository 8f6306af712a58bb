import type { AddressClaimObject, Holder } from '../api/address-claim.ts'
import type { EndpointSliceObject, NodeObject, PodObject, ServiceObject } from '../api/core-objects.ts'
import { type Eligibility, nodeEligibility } from '../policy/eligibility.ts'

/** What every speaker sees of the cluster. All of them must build the same from the same objects: the election depends on it. */
export interface ClusterFacts {
  readonly nodes: ReadonlyMap<string, NodeObject>
  /** The keys of `nodes`; the same array for as long as they are the same. */
  readonly nodeNames: readonly string[]
  /** The speakers' Pods by the node that they are bound to. */
  readonly speakerPods: ReadonlyMap<string, readonly PodObject[]>
  /** Undefined when the Service is not known: not seen yet, or gone, and then its claim is about to be released. */
  trafficPolicy(service: string): 'Cluster' | 'Local' | undefined
  /** The nodes with a ready serving endpoint of a Service; undefined while the endpoints are not known at all. */
  endpointNodes(service: string): ReadonlySet<string> | undefined
}

/** What is kept of a Service. */
export interface ServiceFacts {
  readonly trafficPolicy: 'Cluster' | 'Local'
}

/** What is kept of an EndpointSlice: whose it is, and the nodes of its endpoints. */
export interface SliceFacts {
  readonly service: string
  readonly ready: readonly string[]
  readonly serving: readonly string[]
}

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

const CLUSTER: ServiceFacts = { trafficPolicy: 'Cluster' }
const LOCAL: ServiceFacts = { trafficPolicy: 'Local' }

/** One of two objects, so that very many Services of no interest cost next to nothing. */
export const serviceFacts = ({ spec }: Pick<ServiceObject, 'spec'>): ServiceFacts =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local' ? LOCAL : CLUSTER

/** Absent conditions count as ready, and serving is what ready is when it is absent (EndpointConditions of discovery.k8s.io/v1). */
export function sliceFacts(slice: EndpointSliceObject): SliceFacts {
  const nodesWhere = (holds: (conditions: { ready?: boolean; serving?: boolean }) => boolean) =>
    (slice.endpoints ?? []).flatMap(({ nodeName, conditions }) => (nodeName !== undefined && holds(conditions ?? {}) ? [nodeName] : []))
  return {
    service: `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`,
    ready: nodesWhere(({ ready }) => ready ?? true),
    serving: nodesWhere(({ ready, serving }) => serving ?? ready ?? true),
  }
}

/**
 * The nodes to which a Service's traffic may go by policy Local: those with a ready endpoint. When no endpoint is ready anywhere, those
 * with one that is still serving while it terminates, as kube-proxy does: the address need not move for the length of a roll-out.
 */
export function endpointNodesOf(slices: Iterable<SliceFacts>): ReadonlyMap<string, ReadonlySet<string>> {
  const byService = Map.groupBy(slices, ({ service }) => service)
  return new Map(
    [...byService].map(([service, own]) => {
      const ready = new Set(own.flatMap((slice) => slice.ready))
      return [service, ready.size > 0 ? ready : new Set(own.flatMap((slice) => slice.serving))]
    }),
  )
}

const serviceKey = ({ namespace, name }: Pick<Holder, 'namespace' | 'name'>): string => `${namespace}/${name}`

/**
 * Which nodes may own the address of one claim. `complete` is false while a holder's Service is not known, or its policy is Local and
 * the endpoints are not read: nobody takes the address then, and its owner stays.
 */
export interface Electorate {
  readonly complete: boolean
  eligibility(node: string): Eligibility
}

/** Every Service with policy Local that shares the address needs an endpoint on the node. */
export function electorateOf(claim: AddressClaimObject, facts: ClusterFacts): Electorate {
  const services = claim.spec.holders.map(serviceKey)
  const policies = services.map((service) => facts.trafficPolicy(service))
  const required = services.filter((_, at) => policies[at] === 'Local').map((service) => facts.endpointNodes(service))
  return {
    complete: !policies.includes(undefined) && !required.includes(undefined),
    eligibility: (name) =>
      nodeEligibility({
        node: facts.nodes.get(name),
        speakerPods: facts.speakerPods.get(name) ?? [],
        endpoints: required.length === 0 ? 'any' : required.every((nodes) => nodes?.has(name)) ? 'ready-here' : 'none-here',
      }),
  }
}

const isTrue = (conditions: readonly { readonly type: string; readonly status: string }[] | undefined, type: string): boolean =>
  conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false

/** The nodes whose speaker is up, whether or not it may own anything: one of them writes down what nobody else does. */
export function reporters(facts: ClusterFacts): readonly string[] {
  return [...facts.speakerPods]
    .filter(([, pods]) => pods.some((pod) => pod.metadata.deletionTimestamp === undefined && isTrue(pod.status?.conditions, 'Ready')))
    .map(([node]) => node)
}
