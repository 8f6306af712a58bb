import { type AddressClaimObject, type AddressClaimStatus, CLAIM_HISTORY_LENGTH } from '../api/address-claim.ts'
import { type Condition, setCondition } from '../api/condition.ts'
import type { Departure } from './ownership.ts'
import { conditionReason, explainSilence } from './silence.ts'

/**
 * A merge patch of one claim's status. It carries the resourceVersion that the decision was made from, so it is a compare-and-swap: of
 * two nodes that decide at once the API server lets one write, and the other one reads again.
 */
export interface StatusPatch {
  readonly metadata: { readonly resourceVersion: string }
  readonly status: {
    /** `null` removes it. */
    readonly owner?: NonNullable<AddressClaimStatus['owner']> | null
    readonly history?: NonNullable<AddressClaimStatus['history']>
    readonly conditions?: readonly Condition[]
  }
}

/** What is not announced, and the condition that says so. */
export type Report = Omit<Condition, 'lastTransitionTime'>

/** The epoch that a new owner writes: above every one that was ever recorded. */
export function nextEpoch({ status }: AddressClaimObject): number {
  return Math.max(0, status?.owner?.epoch ?? 0, ...(status?.history ?? []).map(({ epoch }) => epoch)) + 1
}

/** The last recorded owner of a claim that has none now. */
export function lastOwnerOf({ status }: AddressClaimObject): string | undefined {
  return status?.owner === undefined ? status?.history?.at(-1)?.node : undefined
}

const departureText = (departure: Departure | undefined): string =>
  departure === undefined ? 'unknown' : `${conditionReason(departure)}: ${explainSilence(departure)}`

/** The history with the present owner, if there is one, as its newest entry. */
function closedHistory(
  { status }: AddressClaimObject,
  departure: Departure | undefined,
  now: string,
): NonNullable<AddressClaimStatus['history']> {
  const history = status?.history ?? []
  if (status?.owner === undefined) return history
  const { node, epoch, since } = status.owner
  return [...history, { node, epoch, from: since, until: now, reason: departureText(departure) }].slice(-CLAIM_HISTORY_LENGTH)
}

const NOT_SERVED = 'ProtocolNotServed'

/** Who says whether the address is announced serves its protocol: after a change of the Eip's protocol the old word is over. */
function conditionsWith({ status }: AddressClaimObject, report: Report, now: string): readonly Condition[] {
  const before = status?.conditions ?? []
  const isOver = report.type === 'Announced' && before.some(({ type }) => type === NOT_SERVED)
  return setCondition(isOver ? before.filter(({ type }) => type !== NOT_SERVED) : before, report, now)
}

const announced = (node: string, on: string): Report => ({
  type: 'Announced',
  status: 'True',
  reason: 'Announced',
  message: `node ${node} answers for the address on ${on}`,
})

/** Records `node` as the owner. `now` is RFC 3339. */
export function takePatch(
  claim: AddressClaimObject,
  taker: { node: string; interface: string },
  departure: Departure | undefined,
  now: string,
): StatusPatch {
  return {
    metadata: { resourceVersion: claim.metadata.resourceVersion },
    status: {
      owner: { ...taker, epoch: nextEpoch(claim), since: now },
      history: closedHistory(claim, departure, now),
      conditions: conditionsWith(claim, announced(taker.node, taker.interface), now),
    },
  }
}

/** Records that the owner answers on another interface now (its Eip, or a route, has changed); undefined when the claim says so already. */
export function movedPatch(claim: AddressClaimObject, on: string, now: string): StatusPatch | undefined {
  const owner = claim.status?.owner
  if (owner === undefined || owner.interface === on) return undefined
  return {
    metadata: { resourceVersion: claim.metadata.resourceVersion },
    status: { owner: { ...owner, interface: on }, conditions: conditionsWith(claim, announced(owner.node, on), now) },
  }
}

/** Records that this owner gave the address up and nobody owns it. */
export function yieldPatch(claim: AddressClaimObject, departure: Departure, now: string): StatusPatch {
  const report: Report = {
    type: 'Announced',
    status: 'False',
    reason: conditionReason(departure),
    message: `node ${claim.status?.owner?.node ?? '?'} gave the address up: ${explainSilence(departure)}`,
  }
  return {
    metadata: { resourceVersion: claim.metadata.resourceVersion },
    status: { owner: null, history: closedHistory(claim, departure, now), conditions: conditionsWith(claim, report, now) },
  }
}

/** Writes a condition and nothing else; undefined when the claim says so already. */
export function reportPatch(claim: AddressClaimObject, report: Report, now: string): StatusPatch | undefined {
  const conditions = conditionsWith(claim, report, now)
  if (conditions === claim.status?.conditions) return undefined
  return { metadata: { resourceVersion: claim.metadata.resourceVersion }, status: { conditions } }
}
