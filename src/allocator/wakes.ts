import type { ServiceObject } from '../api/core-objects.ts'
import type { Compat } from '../api/service-request.ts'
import { explainRefusal, type Refusal, type Wake } from '../policy/refusal.ts'
import { readWish } from './request.ts'

/**
 * What wakes a Service that was refused: what its refusals name, and, where it states a key, those who state it as well. A full pool and a
 * quota are no obstacle to sharing an address.
 */
export function wakesOf(service: ServiceObject, refusals: readonly Refusal[], compat: readonly Compat[]): readonly Wake[] {
  const wish = readWish(service, compat)
  const sharing = wish.ok ? wish.value.sharing : undefined
  const named = refusals.flatMap((refusal) => explainRefusal(refusal).wakesOn)
  return sharing === undefined ? named : [...named, { on: 'sharers', sharing }]
}
