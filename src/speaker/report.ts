import type { AddressClaimObject } from '../api/address-claim.ts'
import { explainIneligibility, type Ineligibility } from '../policy/eligibility.ts'
import type { Report } from './claim-status.ts'
import { electionOrder, PATIENCE_STEP_MS, patienceMs } from './election.ts'
import { type ClusterFacts, type Electorate, reporters } from './facts.ts'
import type { Ownership } from './ownership.ts'
import { conditionReason, explainSilence, type Silence } from './silence.ts'

/** Reasons that are the same on every node: no wait makes them go away. */
const SAME_EVERYWHERE: ReadonlySet<Silence> = new Set(['bad-claim'])
/** A message names this many nodes, and counts the others. */
const NODES_NAMED = 5

/** The API server's word that whoever is recorded can hardly answer. */
const GONE: ReadonlySet<Ineligibility> = new Set(['node-unknown', 'no-speaker'])
/** The same of a node whose speaker is not heard either. */
const GONE_UNHEARD: ReadonlySet<Ineligibility> = new Set([...GONE, 'node-not-ready', 'node-deleting', 'node-out-of-service'])

/** What reportOf has to know the age of: that nobody owns the address, or that this very owner does not serve it. */
export function reportVacancy({ status }: Pick<AddressClaimObject, 'status'>): string {
  return status?.owner === undefined ? 'unowned' : `gone/${status.owner.node}/${status.owner.epoch}`
}

/**
 * What must be written about a claim that nobody announces, or undefined. `vacantForMs` is how long this node has seen it so (by the name
 * that reportVacancy gives it). Every node gives the same answer; `isReporter` picks the one that writes it.
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
  // Whoever announces by BGP says so.
  if (reason === 'other-protocol') return undefined
  if (reason === 'protocol-not-served') {
    const message = `protocol ${claim.spec.protocol}: ${explainSilence(reason)}; the address is held and will be announced when it is`
    return { type: 'ProtocolNotServed', status: 'True', reason: conditionReason(reason), message }
  }
  const owner = claim.status?.owner
  const unannounced = (reason: string, message: string): Report => ({ type: 'Announced', status: 'False', reason, message })
  if (owner === undefined && SAME_EVERYWHERE.has(reason)) return unannounced(conditionReason(reason), explainSilence(reason))
  if (!electorate.complete || reason === 'membership-unsettled') return undefined
  const eligible = [...facts.nodes.keys()].filter((node) => electorate.eligibility(node).eligible)
  const isLong = vacantForMs > patienceMs(eligible.length, 'ffff', stepOf(facts))
  if (owner !== undefined) return isLong ? lostReport(owner.node, reason, eligible.length, electorate, facts) : undefined
  if (eligible.length === 0) return unannounced('NoEligibleNode', nobodyText(facts, electorate))
  if (!isLong) return undefined
  return unannounced('NobodyAnswers', noneDidText(eligible.length, reason))
}

/**
 * The recorded owner is gone and nobody took over: too few speakers are heard, or no node may. Unknown, since that node may be well where
 * nobody here can hear it; an owner that answers says so again.
 */
function lostReport(owner: string, silence: Silence, eligible: number, electorate: Electorate, facts: ClusterFacts): Report | undefined {
  const standing = electorate.eligibility(owner)
  const { membership } = facts
  if (standing.eligible || membership?.members.get(owner)?.alive === true) return undefined
  const gone = membership === undefined ? GONE : GONE_UNHEARD
  if (!gone.has(standing.reason)) return undefined
  const why = eligible === 0 ? nobodyText(facts, electorate) : noneDidText(eligible, silence)
  const message = `node ${owner} has the address and is gone (${explainIneligibility(standing.reason)}); nobody took over: ${why}`
  return { type: 'Announced', status: 'Unknown', reason: eligible === 0 ? 'NoEligibleNode' : conditionReason(silence), message }
}

const noneDidText = (count: number, silence: Silence): string =>
  count === 1
    ? `one node may answer and does not: ${explainSilence(silence)}`
    : `${count} nodes may answer and none did; on one of them: ${explainSilence(silence)}`

const stepOf = ({ membership }: ClusterFacts): number => PATIENCE_STEP_MS[membership === undefined ? 'readiness' : 'membership']

/** Whether nobody owns the address and no condition says why yet: time alone may make it worth a report. */
export function isUnreported(claim: AddressClaimObject, ownership: Ownership): boolean {
  const isOpen =
    ownership.kind === 'silent' && !['protocol-not-served', 'other-protocol', 'leaving', 'owned-elsewhere'].includes(ownership.reason)
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
