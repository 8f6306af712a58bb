/** Which nodes may answer for an address, by the speakers' own rule. */
import type { AddressClaimObject } from '../../api/address-claim.ts'
import type { EndpointSliceObject, NodeObject, ServiceObject } from '../../api/core-objects.ts'
import type { EipObject } from '../../api/eip.ts'
import { ENDPOINT_SLICES } from '../../kube/resources.ts'
import { explainIneligibility } from '../../policy/eligibility.ts'
import { nodeChoiceOf } from '../../policy/node-choice.ts'
import { electionOrder } from '../../speaker/election.ts'
import { type ClusterFacts, electorateOf, endpointNodesOf, serviceFacts, sliceFacts } from '../../speaker/facts.ts'
import { attempt, type ClusterReader, type Reading } from '../cluster-reader.ts'
import { nameOfService } from '../ledger-state.ts'
import type { PodWithPorts } from '../workload-objects.ts'
import { membershipFactsOf } from './membership-view.ts'
import type { Speakers } from './speakers.ts'

/** Everything that the rule looks at. */
export interface CandidateObjects {
  readonly nodes: readonly NodeObject[]
  readonly services: readonly ServiceObject[]
  readonly eips: readonly EipObject[]
  /** Undefined where no Service needs them, or they could not be read. */
  readonly slices: readonly EndpointSliceObject[] | undefined
  readonly speakers: Speakers
}

/** One node and its part in one address. `why` is a sentence part; absent where the node may own it. */
export interface Candidate {
  readonly node: string
  readonly why?: string
}

/** The rule for any claim: all nodes, the ones that may own the address first and in the order in which they would, then the others by name. */
export function candidateRule(objects: CandidateObjects): (claim: AddressClaimObject) => readonly Candidate[] {
  const facts = clusterFactsOf(objects)
  return (claim) => {
    const electorate = electorateOf(claim, facts)
    const judged = facts.nodeNames.map((node) => ({ node, standing: electorate.eligibility(node) }))
    const eligible = judged.filter(({ standing }) => standing.eligible).map(({ node }) => node)
    const others = judged.flatMap(({ node, standing }) => (standing.eligible ? [] : [{ node, why: explainIneligibility(standing.reason) }]))
    return [
      ...electionOrder(eligible, claim.spec.address, electorate.weightOf).map((node) => ({ node })),
      ...others.toSorted((a, b) => (a.node < b.node ? -1 : 1)),
    ]
  }
}

function clusterFactsOf({ nodes, services, eips, slices, speakers }: CandidateObjects): ClusterFacts {
  const membership = membershipFactsOf(speakers)
  const pods = speakers.all.map(({ pod }) => pod)
  const policies = new Map(services.map((service) => [nameOfService(service), serviceFacts(service).trafficPolicy]))
  const endpoints = slices === undefined ? undefined : endpointNodesOf(slices.map(sliceFacts))
  return {
    nodes: new Map(nodes.map((node) => [node.metadata.name, node])),
    nodeNames: nodes.map(({ metadata }) => metadata.name),
    speakerPods: Map.groupBy(pods, ({ spec }) => spec?.nodeName ?? ''),
    nodeChoices: new Map(eips.map(({ metadata, spec }) => [metadata.name, nodeChoiceOf(spec)])),
    avoidCordoned: pods.some(avoidsCordoned),
    trafficPolicy: (service) => policies.get(service),
    endpointNodes: (service) => (endpoints === undefined ? undefined : (endpoints.get(service) ?? new Set())),
    ...(membership !== undefined && { membership }),
  }
}

const avoidsCordoned = ({ spec }: PodWithPorts): boolean =>
  spec?.containers?.some(({ args = [] }) => args.some((arg) => /^--?avoid[-_]cordoned(=true)?$/.test(arg))) ?? false

/** The EndpointSlices that the rule needs; undefined where no holder of the claims has policy Local. */
export async function readSlicesFor(
  cluster: ClusterReader,
  claims: readonly AddressClaimObject[],
  services: readonly ServiceObject[],
): Promise<Reading<readonly EndpointSliceObject[]> | undefined> {
  const holders = new Set(claims.flatMap(({ spec }) => spec.holders.map(({ uid }) => uid)))
  const local = services.filter(({ metadata, spec }) => holders.has(metadata.uid) && spec.externalTrafficPolicy === 'Local')
  const namespaces = new Set(local.flatMap(({ metadata }) => metadata.namespace ?? []))
  return namespaces.size === 0 ? undefined : attempt(readSlices(cluster, [...namespaces]))
}

const readSlices = async (cluster: ClusterReader, namespaces: readonly string[]): Promise<readonly EndpointSliceObject[]> =>
  (await Promise.all(namespaces.map((namespace) => cluster.list<EndpointSliceObject>(ENDPOINT_SLICES, namespace)))).flat()
