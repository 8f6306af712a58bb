/** The allocator's own metrics. The first three are OpenELB's names, which it had in 0.5 and lost in 0.6. */
import { REFUSAL_CODES, type RefusalCode } from '../policy/refusal.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { Knowledge } from './knowledge.ts'
import { poolCapacity } from './pools.ts'
import type { Waiters } from './waiters.ts'

export interface AllocatorMetrics {
  /** Measures one Eip; one that is gone disappears. */
  eip(name: string, knowledge: Knowledge): void
  refused(code: RefusalCode): void
  /** Sizes of what is kept in memory, and how many Services wait for what. */
  sizes(knowledge: Knowledge, waiters: Waiters | undefined): void
  /** Only a leader knows; a follower shows no Eips and no waiting Services. */
  forget(): void
}

export function createAllocatorMetrics(metrics: Metrics): AllocatorMetrics {
  const total = metrics.gauge('addresses_total', 'Addresses of an Eip.', ['eipName'])
  const inUse = metrics.gauge('addresses_in_use_total', 'Addresses of an Eip that are held.', ['eipName'])
  const services = metrics.gauge('services_allocated_total', 'Services that hold an address of an Eip.', ['eipName'])
  const refusals = metrics.counter('openelb_refusals_total', 'Refusals that began or changed, by reason.', ['reason'])
  const waiting = metrics.gauge('openelb_waiting_services', 'Services that wait for an address, by the reason why.', ['reason'])
  const ledger = metrics.gauge('openelb_ledger_claims', 'Address claims in the ledger.')
  const perEip = [total, inUse, services]
  for (const reason of REFUSAL_CODES) refusals.inc({ reason }, 0)
  return {
    eip(eipName, { pools, ledger: claims }) {
      const state = pools.get(eipName)
      if (state === undefined) {
        for (const gauge of perEip) gauge.remove({ eipName })
        return
      }
      let holders = 0
      for (const { claim } of claims.inPool(eipName)) holders += claim.spec.holders.length
      total.set({ eipName }, Number(poolCapacity(state)))
      inUse.set({ eipName }, claims.countIn(eipName))
      services.set({ eipName }, holders)
    },
    refused: (reason) => refusals.inc({ reason }),
    sizes(knowledge, waiters) {
      ledger.set(knowledge.ledger.size)
      const counts = waiters?.countByCode() ?? new Map<RefusalCode, number>()
      for (const reason of REFUSAL_CODES) waiting.set({ reason }, counts.get(reason) ?? 0)
    },
    forget() {
      for (const gauge of perEip) gauge.reset()
    },
  }
}
