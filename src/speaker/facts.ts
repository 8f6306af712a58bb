import type { AddressClaimObject, Holder } from '../api/address-claim.ts'
import type { EndpointSliceObject, NodeObject, PodObject, ServiceObject } from '../api/core-objects.ts'
import { type Eligibility, nodeEligibility, type SpeakerSigns } from '../policy/eligibility.ts'
import { ANY_NODE, type NodeChoice, type NodeStanding, nodeStanding } from '../policy/node-choice.ts'
import type { MembershipFacts } from './membership/facts.ts'
import { NO_WISHES, type RouteWishes, serviceWishes } from './routes/wishes.ts'

/** What every speaker sees of the cluster. All of them must build the same from the same objects: the election depends on it. */
export interface ClusterFacts {
  readonly nodes: ReadonlyMap<string, NodeObject>
  /** The keys of `nodes`; the same array for as long as they are the same. */
  readonly nodeNames: readonly string[]
  /** The speakers' Pods by the node that they are bound to. */
  readonly speakerPods: ReadonlyMap<string, readonly PodObject[]>
  /** What the Eips say about nodes, by their names; an Eip that is gone says nothing. The same objects for as long as they are the same. */
  readonly nodeChoices: ReadonlyMap<string, NodeChoice>
  /** What the speakers hear of one another; absent where they have no key for it, and then their Pods' readiness stands for it. */
  readonly membership?: MembershipFacts
  /** --avoid-cordoned. The default is false. */
  readonly avoidCordoned?: boolean
  /** Undefined when the Service is not known: not seen yet, or gone, and then its claim is about to be released. */
  trafficPolicy(service: string): 'Cluster' | 'Local' | undefined
  /** The nodes with a ready serving endpoint of a Service; undefined while the endpoints are not known at all. */
  endpointNodes(service: string): ReadonlySet<string> | undefined
}

/** What is kept of a Service. */
export interface ServiceFacts {
  readonly trafficPolicy: 'Cluster' | 'Local'
  /** What its annotations say of its routes; absent where none does. */
  readonly wishes?: RouteWishes
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

/** One of two objects, but for the few that have annotations of BGP, so that very many Services of no interest cost next to nothing. */
export function serviceFacts({ metadata, spec }: Pick<ServiceObject, 'spec'> & Partial<Pick<ServiceObject, 'metadata'>>): ServiceFacts {
  if (spec.type !== 'LoadBalancer') return CLUSTER
  const plain = spec.externalTrafficPolicy === 'Local' ? LOCAL : CLUSTER
  const wishes = serviceWishes(metadata?.annotations)
  return wishes === NO_WISHES ? plain : { ...plain, wishes }
}

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
 * with one that is still serving while it terminates, as kube-proxy does: the address need not move for the length of a roll-out. A set
 * that is equal to the one `before` is that one.
 */
export function endpointNodesOf(
  slices: Iterable<SliceFacts>,
  before: ReadonlyMap<string, ReadonlySet<string>> = new Map(),
): ReadonlyMap<string, ReadonlySet<string>> {
  const byService = Map.groupBy(slices, ({ service }) => service)
  return new Map(
    [...byService].map(([service, own]) => {
      const ready = new Set(own.flatMap((slice) => slice.ready))
      const nodes = ready.size > 0 ? ready : new Set(own.flatMap((slice) => slice.serving))
      const known = before.get(service)
      return [service, known !== undefined && isSameSet(known, nodes) ? known : nodes]
    }),
  )
}

const isSameSet = <T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean => a.size === b.size && a.isSubsetOf(b)

const serviceKey = ({ namespace, name }: Pick<Holder, 'namespace' | 'name'>): string => `${namespace}/${name}`

/** By the choice of an Eip and by the Node; a changed one is another object. */
const standings = new WeakMap<NodeChoice, WeakMap<NodeObject, NodeStanding>>()

const NO_PREFERENCE: NodeStanding = { selected: true, weight: 0 }

/** How a node stands to the choice of an Eip, computed once per pair of objects: very many claims ask for few Eips and nodes. */
function standingOf(choice: NodeChoice, node: NodeObject | undefined): NodeStanding {
  if (choice === ANY_NODE || node === undefined) return NO_PREFERENCE
  const known = standings.get(choice) ?? new WeakMap<NodeObject, NodeStanding>()
  standings.set(choice, known)
  const standing = known.get(node) ?? nodeStanding(choice, node.metadata.labels ?? {})
  known.set(node, standing)
  return standing
}

const UNHEARD: SpeakerSigns = { alive: false, serving: false, leaving: false }

/** Undefined without membership. A speaker that membership does not know yet has not been heard. */
const signsOf = ({ membership }: ClusterFacts, node: string): SpeakerSigns | undefined =>
  membership === undefined ? undefined : (membership.members.get(node) ?? UNHEARD)

/**
 * Which nodes may own the address of one claim. `complete` is false while a holder's Service is not known, or its policy is Local and
 * the endpoints are not read: nobody takes the address then, and its owner stays.
 */
export interface Electorate {
  readonly complete: boolean
  eligibility(node: string): Eligibility
  /** How much the Eip prefers the node: 0, or the sum of the weights of spec.preferredNodes that fit. The highest goes first. */
  weightOf(node: string): number
}

/** Every Service with policy Local that shares the address needs an endpoint on the node. */
export function electorateOf(claim: AddressClaimObject, facts: ClusterFacts): Electorate {
  const services = claim.spec.holders.map(serviceKey)
  const policies = services.map((service) => facts.trafficPolicy(service))
  const required = services.filter((_, at) => policies[at] === 'Local').map((service) => facts.endpointNodes(service))
  const choice = facts.nodeChoices.get(claim.spec.eip) ?? ANY_NODE
  return {
    complete: !policies.includes(undefined) && !required.includes(undefined),
    eligibility: (name) => {
      const node = facts.nodes.get(name)
      return nodeEligibility({
        node,
        speakerPods: facts.speakerPods.get(name) ?? [],
        member: signsOf(facts, name),
        selected: standingOf(choice, node).selected,
        avoidCordoned: facts.avoidCordoned ?? false,
        endpoints: required.length === 0 ? 'any' : required.every((nodes) => nodes?.has(name)) ? 'ready-here' : 'none-here',
      })
    },
    weightOf: (name) => standingOf(choice, facts.nodes.get(name)).weight,
  }
}

const isTrue = (conditions: readonly { readonly type: string; readonly status: string }[] | undefined, type: string): boolean =>
  conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false

/** The nodes whose speaker is up, whether or not it may own anything: one of them writes down what nobody else does. */
export function reporters(facts: ClusterFacts): readonly string[] {
  return [...facts.speakerPods].filter(([node, pods]) => isUp(pods, signsOf(facts, node))).map(([node]) => node)
}

function isUp(pods: readonly PodObject[], signs: SpeakerSigns | undefined): boolean {
  const staying = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined)
  if (signs !== undefined) return staying.length > 0 && signs.alive && signs.serving && !signs.leaving
  return staying.some((pod) => isTrue(pod.status?.conditions, 'Ready'))
}
