import { z } from 'zod'
import type { Condition } from './core-objects.ts'
import { int64, text, timestamp } from './fields.ts'

export type { Condition }

/** The condition of a claim by which a speaker says that somebody else on the network uses the address. */
export const ADDRESS_CONFLICT = 'AddressConflict'

/** That condition, where it is True: the one place that says what a contested claim is. */
export const conflictOf = (claim: { readonly status?: { readonly conditions?: readonly Condition[] } }): Condition | undefined =>
  claim.status?.conditions?.find(({ type, status }) => type === ADDRESS_CONFLICT && status === 'True')

/** The schema of one entry of `status.conditions`, with the field rules of metav1.Condition. */
export const ConditionSchema = z
  .object({
    type: text(316, 'What the condition is about, such as Ready.'),
    status: z.enum(['True', 'False', 'Unknown']).describe('True, False or Unknown.'),
    reason: text(1024, 'Why, in one word for programs.'),
    message: text(32_768, 'Why, in a sentence for people.'),
    observedGeneration: int64(0, 'The metadata.generation that the condition speaks of.').exactOptional(),
    lastTransitionTime: timestamp('When the status last changed.'),
  })
  .describe('One aspect of the state of this object.')

/** A list of conditions keyed by `type`, so that several writers can each own theirs. */
export const conditionList = (description: string) =>
  z
    .array(ConditionSchema)
    .max(32)
    .meta({ description, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })

/**
 * The list with `next` in the place of the condition of its type, or at the end. `lastTransitionTime` is `now` (RFC 3339)
 * when the status differs from before, and stays otherwise. Returns the same array when nothing changes, so that a caller
 * can skip the write.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  next: Omit<Condition, 'lastTransitionTime'>,
  now: string,
): readonly Condition[] {
  const list = conditions ?? []
  const before = list.find((condition) => condition.type === next.type)
  if (before === undefined) return [...list, { ...next, lastTransitionTime: now }]
  if (isSame(before, next)) return list
  const lastTransitionTime = before.status === next.status ? before.lastTransitionTime : now
  return list.map((condition) => (condition === before ? { ...next, lastTransitionTime } : condition))
}

const isSame = (before: Condition, next: Omit<Condition, 'lastTransitionTime'>): boolean =>
  before.status === next.status &&
  before.reason === next.reason &&
  before.message === next.message &&
  before.observedGeneration === next.observedGeneration
