/** The allocator's own metrics. The first three are OpenELB's names, which it had in 0.5 and lost in 0.6. */
import { REFUSAL_CODES, type RefusalCode } from '../policy/refusal.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { WRITE_KINDS, type WriteKind } from './counted-store.ts'
import type { Knowledge } from './knowledge.ts'
import { poolCapacity } from './pools.ts'
import type { Waiters } from './waiters.ts'

export interface AllocatorMetrics {
  /** Measures one Eip; one that is gone disappears. */
  eip(name: string, knowledge: Knowledge): void
  refused(code: RefusalCode): void
  wrote(kind: WriteKind): void
  /** Sizes of what is kept in memory, and how many Services wait for what. */
  sizes(knowledge: Knowledge, waiters: Waiters | undefined): void
  /** Only a leader knows; a follower shows no Eips and no waiting Services. */
  forget(): void
}

export function createAllocatorMetrics(metrics: Metrics): AllocatorMetrics {
  const perEip = createEipGauges(metrics)
  const refusals = metrics.counter('openelb_refusals_total', 'Refusals that began or changed, by reason.', ['reason'])
  const waiting = metrics.gauge('openelb_waiting_services', 'Services that wait for an address, by the reason why.', ['reason'])
  const ledger = metrics.gauge('openelb_ledger_claims', 'Address claims in the ledger.')
  const setAside = metrics.gauge('openelb_set_aside_addresses', 'Addresses that nobody gets for a while: somebody else uses them.')
  const writes = metrics.counter('openelb_allocator_writes_total', 'Writes to the API server, by what is written.', ['kind'])
  for (const reason of REFUSAL_CODES) refusals.inc({ reason }, 0)
  for (const kind of WRITE_KINDS) writes.inc({ kind }, 0)
  return {
    eip: perEip.measure,
    refused: (reason) => refusals.inc({ reason }),
    wrote: (kind) => writes.inc({ kind }),
    sizes(knowledge, waiters) {
      ledger.set(knowledge.ledger.size)
      setAside.set(knowledge.setAside.size)
      const counts = waiters?.countByCode() ?? new Map<RefusalCode, number>()
      for (const reason of REFUSAL_CODES) waiting.set({ reason }, counts.get(reason) ?? 0)
    },
    forget: perEip.reset,
  }
}

function createEipGauges(metrics: Metrics) {
  const total = metrics.gauge('addresses_total', 'Addresses of an Eip.', ['eipName'])
  const inUse = metrics.gauge('addresses_in_use_total', 'Addresses of an Eip that are held.', ['eipName'])
  const services = metrics.gauge('services_allocated_total', 'Services that hold an address of an Eip.', ['eipName'])
  const draining = metrics.gauge('openelb_draining_addresses', 'Held addresses that the Eip does not give any more.', ['eipName'])
  const all = [total, inUse, services, draining]
  return {
    measure(eipName: string, { pools, tally }: Knowledge): void {
      const state = pools.get(eipName)
      if (state === undefined) {
        for (const gauge of all) gauge.remove({ eipName })
        return
      }
      const held = tally(eipName)
      total.set({ eipName }, Number(poolCapacity(state)))
      inUse.set({ eipName }, held.count)
      services.set({ eipName }, held.services)
      draining.set({ eipName }, held.draining.size)
    },
    reset(): void {
      for (const gauge of all) gauge.reset()
    },
  }
}
