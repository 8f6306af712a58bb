import { type AddressClaimObject, type AddressClaimStatus, CLAIM_HISTORY_LENGTH } from '../api/address-claim.ts'
import { type Condition, setCondition } from '../api/condition.ts'
import type { Present } from './assertion.ts'
import { conditionReason, type Departure, explainSilence } from './silence.ts'

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
    readonly phase?: NonNullable<AddressClaimStatus['phase']>
  }
}

/** One node's time as the owner, which the claim may not know yet. `since` is RFC 3339; `departure` is why the one before it ended. */
export interface Tenure {
  readonly node: string
  readonly interface: string
  readonly epoch: number
  readonly since: string
  readonly departure: Departure | undefined
}

/** What is not announced, and the condition that says so. */
export type Report = Omit<Condition, 'lastTransitionTime'>

/** What the claim says of who has the address: an owner, or that the last one gave it up; undefined when it never had one. */
export function recordOf({ status }: Pick<AddressClaimObject, 'status'>): Present | undefined {
  if (status?.owner !== undefined) return { node: status.owner.node, epoch: status.owner.epoch, state: 'held', recorded: true }
  const last = status?.history?.at(-1)
  return last === undefined ? undefined : { node: last.node, epoch: lastEpoch(status), state: 'released', recorded: true }
}

/** The highest epoch that was ever recorded, 0 before the first. */
function lastEpoch(status: AddressClaimStatus | undefined): number {
  return Math.max(0, status?.owner?.epoch ?? 0, ...(status?.history ?? []).map(({ epoch }) => epoch))
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

/**
 * Records an owner. `now` is RFC 3339. A claim that is probed becomes Active with its first owner: nobody else was found to use the address.
 */
export function takePatch(claim: AddressClaimObject, taker: Tenure, now: string): StatusPatch {
  const { node, interface: on, epoch, since, departure } = taker
  return {
    metadata: { resourceVersion: claim.metadata.resourceVersion },
    status: {
      owner: { node, interface: on, epoch, since },
      history: closedHistory(claim, departure, now),
      conditions: conditionsWith(claim, announced(node, on), now),
      ...(claim.spec.probe === true ? { phase: 'Active' } : {}),
    },
  }
}

/** Whether the claim says that its owner answers, and does so on this interface. */
export const saysAnnounced = ({ status }: AddressClaimObject, on: string): boolean =>
  status?.owner?.interface === on && (status.conditions?.some((one) => one.type === 'Announced' && one.status === 'True') ?? false)

/**
 * Records that the owner answers, and on which interface: another one than before after a change of its Eip or of a route. Undefined when
 * the claim says so already.
 */
export function announcedPatch(claim: AddressClaimObject, on: string, now: string): StatusPatch | undefined {
  const owner = claim.status?.owner
  if (owner === undefined || saysAnnounced(claim, on)) return undefined
  return {
    metadata: { resourceVersion: claim.metadata.resourceVersion },
    status: { owner: { ...owner, interface: on }, conditions: conditionsWith(claim, announced(owner.node, on), now) },
  }
}

/**
 * Records that an owner gave the address up and nobody owns it. `tenure` is its time, which was never recorded when the API server was
 * away during all of it.
 */
export function releasePatch(claim: AddressClaimObject, tenure: Omit<Tenure, 'interface'>, reason: Departure, now: string): StatusPatch {
  const { node, epoch, since } = tenure
  const report: Report = {
    type: 'Announced',
    status: 'False',
    reason: conditionReason(reason),
    message: `node ${node} gave the address up: ${explainSilence(reason)}`,
  }
  const isRecorded = claim.status?.owner?.node === node && claim.status.owner.epoch === epoch
  const before = closedHistory(claim, isRecorded ? reason : tenure.departure, now)
  const history = isRecorded ? before : [...before, { node, epoch, from: since, until: now, reason: departureText(reason) }]
  return {
    metadata: { resourceVersion: claim.metadata.resourceVersion },
    status: { owner: null, history: history.slice(-CLAIM_HISTORY_LENGTH), conditions: conditionsWith(claim, report, now) },
  }
}

/** Says that the wire is asked whether somebody uses the address; undefined when the claim says so already. */
export function probingPatch(claim: AddressClaimObject): StatusPatch | undefined {
  if (claim.status?.phase !== undefined) return undefined
  return { metadata: { resourceVersion: claim.metadata.resourceVersion }, status: { phase: 'Probing' } }
}

/** Writes a condition and nothing else; undefined when the claim says so already. */
export function reportPatch(claim: AddressClaimObject, report: Report, now: string): StatusPatch | undefined {
  const conditions = conditionsWith(claim, report, now)
  if (conditions === claim.status?.conditions) return undefined
  return { metadata: { resourceVersion: claim.metadata.resourceVersion }, status: { conditions } }
}
