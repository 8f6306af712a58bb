/** Admission of Eips. */
import { Eip, type EipObject } from '../../api/eip.ts'
import { validateEipDelete } from '../../policy/eip-use.ts'
import { eipWarnings } from '../../policy/eip-warnings.ts'
import type { NodeNetwork } from '../../policy/node-network.ts'
import { needsSerialAdmission, validateEip } from '../../policy/validate-eip.ts'
import { allow, refuse, type Verdict } from '../../policy/verdict.ts'
import type { AdmissionRequest, Answer } from '../admission.ts'
import { type AdmissionFacts, hasRoom, othersOf, pendingReservations, type Reservations, reserve } from '../reservations.ts'
import { readOurs } from './objects.ts'

/** What a request about an Eip needs. */
export type EipReview =
  /** The answer depends on nothing else. */
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** The answer depends on all other Eips, and must not pass another one of its kind. `warnings` are to be said when it is allowed. */
  | { readonly kind: 'serial'; readonly eip: EipObject; readonly before: EipObject | undefined; readonly warnings: readonly string[] }

const answered = (answer: Answer): EipReview => ({ kind: 'answered', answer })

/** Answers what can be answered from the object alone: all refusals of grammar, and every change that concerns no other Eip. */
export function reviewEip(request: AdmissionRequest, nodes: readonly NodeNetwork[]): EipReview {
  const { operation, object, oldObject } = request
  if (operation === 'CONNECT') return answered(allow())
  const eip = readOurs(Eip, operation === 'DELETE' ? oldObject : object)
  if (!eip.ok) return answered(operation === 'DELETE' ? allow() : refuse(eip.error, 'correct that field'))
  if (operation === 'DELETE') return answered(validateEipDelete(eip.value))
  if (eip.value.metadata.deletionTimestamp !== undefined) return answered(allow())
  const read = operation === 'UPDATE' ? readOurs(Eip, oldObject) : undefined
  const before = read?.ok === true ? read.value : undefined
  const alone = validateEip(eip.value, before, [])
  if (!alone.allowed) return answered(alone)
  const warnings = eipWarnings(eip.value, before, nodes)
  return needsSerialAdmission(eip.value, before) ? { kind: 'serial', eip: eip.value, before, warnings } : answered(allow(...warnings))
}

/** What follows from one look at the other Eips. */
export type SerialDecision =
  /** Nothing is to be written. */
  | { readonly kind: 'refuse'; readonly verdict: Verdict }
  /** Refused because of Eips that are not stored yet: another look, a moment later, can end differently. */
  | { readonly kind: 'wait'; readonly verdict: Verdict }
  /** Allowed once `entries` are written over exactly the reservations that were read. */
  | { readonly kind: 'admit'; readonly verdict: Verdict; readonly entries: Reservations }

const TOO_MANY = refuse('too many Eips are being stored at this moment', 'try again in a few seconds')

/** Decides about a creation, a change of ranges, or a change to the default, by what is stored and what other requests have reserved. */
export function decideEip(
  { uid, eip, before }: { readonly uid: string; readonly eip: EipObject; readonly before: EipObject | undefined },
  reservations: Reservations,
  facts: AdmissionFacts,
): SerialDecision {
  const { name } = eip.metadata
  const byStored = validateEip(eip, before, othersOf(name, new Map(), facts.stored))
  if (!byStored.allowed) return { kind: 'refuse', verdict: byStored }
  const pending = pendingReservations(reservations, facts)
  const verdict = validateEip(eip, before, othersOf(name, pending, facts.stored))
  if (!verdict.allowed) return { kind: 'wait', verdict }
  const entries = new Map([...pending, [uid, reserve(eip, before, facts.nowMs)]])
  return hasRoom(entries) ? { kind: 'admit', verdict, entries } : { kind: 'wait', verdict: TOO_MANY }
}
