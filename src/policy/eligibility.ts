/** Which nodes may own an address on the wire. One rule for the speaker that elects and for the CLI that explains. */
import type { NodeObject, PodObject } from '../api/core-objects.ts'

/** The label of Kubernetes by which an administrator takes a node out of external load balancing; its value does not matter. */
export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers'

/** Why a node may not own an address. Closed: it is a metric label, a log field and a line of `openelb explain`. */
export type Ineligibility =
  | 'node-unknown'
  | 'node-deleting'
  | 'node-excluded'
  | 'node-not-ready'
  | 'no-speaker'
  | 'speaker-leaving'
  | 'speaker-not-ready'
  | 'no-ready-endpoint'

export type Eligibility = { readonly eligible: true } | { readonly eligible: false; readonly reason: Ineligibility }

/** What is known of one node. */
export interface NodeFacts {
  /** The Node object, or undefined when the API server does not list it. */
  readonly node: NodeObject | undefined
  /** The speaker's Pods that are bound to this node; during a roll-out there can be two. */
  readonly speakerPods: readonly PodObject[]
  /**
   * For `externalTrafficPolicy: Local`, whether a ready serving endpoint of the Service runs here: kube-proxy drops the traffic on all
   * other nodes. `any` for the policy Cluster.
   */
  readonly endpoints: 'any' | 'ready-here' | 'none-here'
}

const isTrue = (conditions: readonly { readonly type: string; readonly status: string }[] | undefined, type: string): boolean =>
  conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false

function speakerIneligibility(pods: readonly PodObject[]): Ineligibility | undefined {
  if (pods.length === 0) return 'no-speaker'
  const staying = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined)
  if (staying.length === 0) return 'speaker-leaving'
  return staying.some((pod) => isTrue(pod.status?.conditions, 'Ready')) ? undefined : 'speaker-not-ready'
}

function ineligibility({ node, speakerPods, endpoints }: NodeFacts): Ineligibility | undefined {
  if (node === undefined) return 'node-unknown'
  if (node.metadata.deletionTimestamp !== undefined) return 'node-deleting'
  if (node.metadata.labels?.[EXCLUDE_LABEL] !== undefined) return 'node-excluded'
  if (!isTrue(node.status?.conditions, 'Ready')) return 'node-not-ready'
  return speakerIneligibility(speakerPods) ?? (endpoints === 'none-here' ? 'no-ready-endpoint' : undefined)
}

/**
 * Says whether a node may own a layer 2 address. A cordoned node may: cordon stops new Pods, not traffic. The first reason wins, in the
 * order of the closed union: what an administrator did to the node comes before what a Pod on it does.
 */
export function nodeEligibility(facts: NodeFacts): Eligibility {
  const reason = ineligibility(facts)
  return reason === undefined ? { eligible: true } : { eligible: false, reason }
}

const SENTENCES: Readonly<Record<Ineligibility, string>> = {
  'node-unknown': 'the API server lists no such node',
  'node-deleting': 'the node is being deleted',
  'node-not-ready': 'the node is not Ready',
  'node-excluded': `the node carries the label ${EXCLUDE_LABEL}`,
  'no-speaker': 'no speaker Pod runs on the node',
  'speaker-leaving': 'the speaker Pod on the node is being deleted',
  'speaker-not-ready': 'the speaker Pod on the node is not Ready',
  'no-ready-endpoint': 'externalTrafficPolicy is Local and no ready endpoint of the Service runs on the node',
}

/** The sentence for one reason, without a full stop, to be put after the node's name. */
export function explainIneligibility(reason: Ineligibility): string {
  return SENTENCES[reason]
}
