/** Which nodes may own an address on the wire, and which may be the next hop of its route. One rule for the speaker that elects and for the CLI that explains. */
import type { NodeObject, PodObject } from '../api/core-objects.ts'

/** The label of Kubernetes by which an administrator takes a node out of external load balancing; its value does not matter. */
export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers'
/** The taint by which an administrator says that a node is down for good (non-graceful node shutdown of Kubernetes); any value, any effect. */
export const OUT_OF_SERVICE_TAINT = 'node.kubernetes.io/out-of-service'

/** Why a node may not own an address. Closed: it is a metric label, a log field and a line of `openelb explain`. */
export type Ineligibility =
  | 'node-unknown'
  | 'node-deleting'
  | 'node-excluded'
  | 'node-out-of-service'
  | 'node-cordoned'
  | 'node-not-selected'
  | 'node-not-ready'
  | 'network-unavailable'
  | 'no-speaker'
  | 'speaker-leaving'
  | 'speaker-silent'
  | 'speaker-not-serving'
  | 'speaker-not-ready'
  | 'no-ready-endpoint'

export type Eligibility = { readonly eligible: true } | { readonly eligible: false; readonly reason: Ineligibility }

/** How a speaker stands by what the other speakers hear of it. */
export interface SpeakerSigns {
  /** It is heard. */
  readonly alive: boolean
  /** It says that it can answer on the wire. */
  readonly serving: boolean
  /** It says that it is shutting down. */
  readonly leaving: boolean
}

/** What is known of one node. */
export interface NodeFacts {
  /** The Node object, or undefined when the API server does not list it. */
  readonly node: NodeObject | undefined
  /** The speaker's Pods that are bound to this node; during a roll-out there can be two. */
  readonly speakerPods: readonly PodObject[]
  /** Undefined where speakers do not hear one another: then the Pods' condition Ready stands for it. */
  readonly member: SpeakerSigns | undefined
  /** Whether the Eip's nodeSelectors allow the node. */
  readonly selected: boolean
  /** Whether a cordoned node may own nothing. */
  readonly avoidCordoned: boolean
  /**
   * For `externalTrafficPolicy: Local`, whether a ready serving endpoint of the Service runs here: kube-proxy drops the traffic on all
   * other nodes. `any` for the policy Cluster.
   */
  readonly endpoints: 'any' | 'ready-here' | 'none-here'
}

const isTrue = (conditions: readonly { readonly type: string; readonly status: string }[] | undefined, type: string): boolean =>
  conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false

function byChoice({ node, selected, avoidCordoned }: Pick<NodeFacts, 'node' | 'selected' | 'avoidCordoned'>): Ineligibility | undefined {
  if (node === undefined) return 'node-unknown'
  if (node.metadata.deletionTimestamp !== undefined) return 'node-deleting'
  if (node.metadata.labels?.[EXCLUDE_LABEL] !== undefined) return 'node-excluded'
  if (node.spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE_TAINT) === true) return 'node-out-of-service'
  if (avoidCordoned && node.spec?.unschedulable === true) return 'node-cordoned'
  return selected ? undefined : 'node-not-selected'
}

function byNode({ node }: Pick<NodeFacts, 'node'>): Ineligibility | undefined {
  if (!isTrue(node?.status?.conditions, 'Ready')) return 'node-not-ready'
  return isTrue(node?.status?.conditions, 'NetworkUnavailable') ? 'network-unavailable' : undefined
}

function bySpeaker({ speakerPods, member }: NodeFacts): Ineligibility | undefined {
  if (speakerPods.length === 0) return 'no-speaker'
  const staying = speakerPods.filter((pod) => pod.metadata.deletionTimestamp === undefined)
  if (staying.length === 0 || member?.leaving === true) return 'speaker-leaving'
  // The kubelet is slower than the speakers themselves to see that a process is gone, and that it is back.
  if (member !== undefined) return !member.alive ? 'speaker-silent' : member.serving ? undefined : 'speaker-not-serving'
  return staying.some((pod) => isTrue(pod.status?.conditions, 'Ready')) ? undefined : 'speaker-not-ready'
}

/**
 * Says whether a node may own a layer 2 address. A cordoned node may, unless that is asked for: cordon stops new Pods, not traffic. The
 * first reason wins, in the order of the closed union: what an administrator did to the node comes before how the node is, and that before
 * what a Pod on it does.
 */
export function nodeEligibility(facts: NodeFacts): Eligibility {
  const reason = byChoice(facts) ?? byNode(facts) ?? bySpeaker(facts) ?? (facts.endpoints === 'none-here' ? 'no-ready-endpoint' : undefined)
  return reason === undefined ? { eligible: true } : { eligible: false, reason }
}

/**
 * Whether the node stays: what it runs comes back on it. A speaker that ends there is only started again, and its node goes on forwarding.
 */
export const isStaying = (node: NodeObject | undefined): boolean =>
  node !== undefined &&
  node.metadata.deletionTimestamp === undefined &&
  node.spec?.unschedulable !== true &&
  node.spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE_TAINT) !== true &&
  isTrue(node.status?.conditions, 'Ready')

/** What counts of a node whether it may be a next hop. */
export type NextHopFacts = Pick<NodeFacts, 'node' | 'selected' | 'avoidCordoned' | 'endpoints'> & {
  /** Its speaker says that it is shutting down. */
  readonly leaving: boolean
}

/**
 * Says whether a node may be the next hop of an address that is announced by BGP. Traffic is taken by the node's kernel and kube-proxy, so
 * it does not matter whether its speaker runs; a speaker that shuts down counts only where the node is cordoned, for then it is drained.
 */
export function nextHopEligibility(facts: NextHopFacts): Eligibility {
  const isDrained = facts.leaving && facts.node?.spec?.unschedulable === true
  const reason =
    byChoice(facts) ?? byNode(facts) ?? (isDrained ? 'speaker-leaving' : facts.endpoints === 'none-here' ? 'no-ready-endpoint' : undefined)
  return reason === undefined ? { eligible: true } : { eligible: false, reason }
}

const SENTENCES: Readonly<Record<Ineligibility, string>> = {
  'node-unknown': 'the API server lists no such node',
  'node-deleting': 'the node is being deleted',
  'node-excluded': `the node carries the label ${EXCLUDE_LABEL}`,
  'node-out-of-service': `the node carries the taint ${OUT_OF_SERVICE_TAINT}`,
  'node-cordoned': 'the node is cordoned, and the speakers run with --avoid-cordoned',
  'node-not-selected': 'the labels of the node fit none of spec.nodeSelectors of the Eip',
  'node-not-ready': 'the node is not Ready',
  'network-unavailable': 'the network of the node is not set up (its condition NetworkUnavailable is True)',
  'no-speaker': 'no speaker Pod runs on the node',
  'speaker-leaving': 'the speaker on the node is shutting down',
  'speaker-silent': 'the speaker on the node is not heard by the other speakers',
  'speaker-not-serving': 'the speaker on the node says that it cannot announce now',
  'speaker-not-ready': 'the speaker Pod on the node is not Ready',
  'no-ready-endpoint': 'externalTrafficPolicy is Local and no ready endpoint of the Service runs on the node',
}

/** The sentence for one reason, without a full stop, to be put after the node's name. */
export function explainIneligibility(reason: Ineligibility): string {
  return SENTENCES[reason]
}
