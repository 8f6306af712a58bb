/** How much of a pool one tenant may hold. */
import type { Ip } from '../addr/ip.ts'
import type { Pool } from '../policy/pool.ts'
import { isKeptFor } from '../policy/pool-ranges.ts'
import type { Refusal } from '../policy/refusal.ts'
import type { Slot } from './choose.ts'
import type { LedgerView } from './ledger.ts'

/** The refusal of one more address of the pool, when the namespace holds all that the quota lets it; what is replaced does not count. */
export function overQuota(pool: Pool, { own, replacing, pending }: Slot, ledger: Pick<LedgerView, 'countFor'>): Refusal | undefined {
  const limit = pool.quotaPerNamespace
  if (limit === undefined) return undefined
  const replaced = replacing?.claim.spec.eip === pool.name && isOnlyOf(replacing.claim.spec.holders, own.namespace) ? 1 : 0
  const held = ledger.countFor(pool.name, own.namespace) - replaced + (pending === pool.name ? 1 : 0)
  return held < limit ? undefined : { code: 'QuotaExceeded', pools: [pool.name], namespace: own.namespace, limit }
}

/** The same for one address: a reservation is a permission by name, and goes beyond the quota. */
export const overQuotaAt = (ip: Ip, pool: Pool, slot: Slot, ledger: Pick<LedgerView, 'countFor'>): Refusal | undefined =>
  isKeptFor(slot.own, pool, ip) ? undefined : overQuota(pool, slot, ledger)

/** Whether this is the last holder of its namespace, so that the namespace holds one less without it. */
const isOnlyOf = (holders: readonly { readonly namespace: string }[], namespace: string): boolean =>
  holders.filter((holder) => holder.namespace === namespace).length === 1
