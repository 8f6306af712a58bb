import type { AddressClaimObject } from '../api/address-claim.ts'
import { explainIneligibility } from '../policy/eligibility.ts'
import type { Report } from './claim-status.ts'
import { electionOrder, PATIENCE_STEP_MS, patienceMs } from './election.ts'
import { type ClusterFacts, type Electorate, reporters } from './facts.ts'
import type { Ownership } from './ownership.ts'
import { conditionReason, explainSilence, type Silence } from './silence.ts'

/** Reasons that are the same on every node: no wait makes them go away. */
const SAME_EVERYWHERE: ReadonlySet<Silence> = new Set(['bad-claim'])
/** A message names this many nodes, and counts the others. */
const NODES_NAMED = 5

/**
 * What must be written about a claim that nobody announces, or undefined. `vacantForMs` is how long this node has seen it so. Every node
 * gives the same answer; `isReporter` picks the one that writes it.
 */
export function reportOf(
  claim: AddressClaimObject,
  ownership: Ownership,
  electorate: Electorate,
  facts: ClusterFacts,
  vacantForMs: number,
): Report | undefined {
  if (ownership.kind !== 'silent') return undefined
  const { reason } = ownership
  if (reason === 'protocol-not-served') {
    const message = `protocol ${claim.spec.protocol}: ${explainSilence(reason)}; the address is held and will be announced when it is`
    return { type: 'ProtocolNotServed', status: 'True', reason: conditionReason(reason), message }
  }
  if (claim.status?.owner !== undefined) return undefined
  const unannounced = (reason: string, message: string): Report => ({ type: 'Announced', status: 'False', reason, message })
  if (SAME_EVERYWHERE.has(reason)) return unannounced(conditionReason(reason), explainSilence(reason))
  if (!electorate.complete) return undefined
  const eligible = [...facts.nodes.keys()].filter((node) => electorate.eligibility(node).eligible)
  if (eligible.length === 0) return unannounced('NoEligibleNode', nobodyText(facts, electorate))
  if (vacantForMs <= patienceMs(eligible.length, 'ffff', stepOf(facts))) return undefined
  return unannounced('NobodyAnswers', `${eligible.length} nodes may answer and none did; on one of them: ${explainSilence(reason)}`)
}

const stepOf = ({ membership }: ClusterFacts): number => PATIENCE_STEP_MS[membership === undefined ? 'readiness' : 'membership']

/** Whether nobody owns the address and no condition says why yet: time alone may make it worth a report. */
export function isUnreported(claim: AddressClaimObject, ownership: Ownership): boolean {
  const isOpen = ownership.kind === 'silent' && !['protocol-not-served', 'leaving', 'owned-elsewhere'].includes(ownership.reason)
  const isSaid = claim.status?.conditions?.some(({ type, status }) => type === 'Announced' && status === 'False') ?? false
  return isOpen && claim.status?.owner === undefined && !isSaid
}

function nobodyText({ nodes }: ClusterFacts, { eligibility }: Electorate): string {
  const why = [...nodes.keys()].sort().flatMap((node) => {
    const standing = eligibility(node)
    return standing.eligible ? [] : [`${node}: ${explainIneligibility(standing.reason)}`]
  })
  const more = why.length > NODES_NAMED ? `, and ${why.length - NODES_NAMED} more nodes` : ''
  return why.length === 0 ? 'the cluster has no nodes' : `no node may answer: ${why.slice(0, NODES_NAMED).join(', ')}${more}`
}

/** Whether this node writes the report: the first in the address's order among the nodes whose speaker is up. */
export function isReporter(self: string, address: string, facts: ClusterFacts): boolean {
  return electionOrder(reporters(facts), address)[0] === self
}
