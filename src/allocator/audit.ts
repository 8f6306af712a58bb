/**
 * Asks about what only our own requests know of. The watch confirms everything within milliseconds, but for an object that came and went
 * while the watch was down: a claim of that kind would be held for ever, and a Service would get an address.
 */
import type { AddressClaimObject } from '../api/address-claim.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import type { Holding } from './ledger.ts'
import { serviceKey } from './service-key.ts'

export const AUDIT_PERIOD_MS = 60_000

export interface AuditOptions {
  readonly knowledge: {
    unconfirmed(): { readonly holdings: readonly Holding[]; readonly services: readonly ServiceObject[] }
    noteClaimGone(holding: Holding): void
    noteServiceGone(key: string, uid: string): void
  }
  readonly store: {
    findClaim(name: string): Promise<AddressClaimObject | undefined>
    findService(ref: { readonly namespace: string; readonly name: string }): Promise<ServiceObject | undefined>
  }
  readonly clock: Pick<Clock, 'setTimer'>
  readonly logger: Logger
  /** Looks at a Service again. */
  readonly add: (key: string) => void
}

/** Starts it. Only what is unconfirmed at two looks in a row is asked for, so that a busy moment costs nothing. */
export function startAudit({ knowledge, store, clock, logger, add }: AuditOptions): { stop(): void } {
  let stopped = false
  let timer = clock.setTimer(AUDIT_PERIOD_MS, run)
  let suspects = new Set<string>()
  async function checkHolding(holding: Holding): Promise<void> {
    const { name, uid } = holding.claim.metadata
    if ((await store.findClaim(name))?.metadata.uid === uid) return
    knowledge.noteClaimGone(holding)
    for (const holder of holding.claim.spec.holders) add(serviceKey(holder))
  }
  async function checkService({ metadata: { namespace = '', name, uid } }: ServiceObject): Promise<void> {
    if ((await store.findService({ namespace, name }))?.metadata.uid === uid) return
    knowledge.noteServiceGone(serviceKey({ namespace, name }), uid)
  }
  async function check(): Promise<void> {
    const { holdings, services } = knowledge.unconfirmed()
    const former = suspects
    suspects = new Set([...holdings.map(({ claim }) => claim), ...services].map(({ metadata }) => metadata.uid))
    for (const holding of holdings) if (former.has(holding.claim.metadata.uid)) await checkHolding(holding)
    for (const service of services) if (former.has(service.metadata.uid)) await checkService(service)
  }
  function run(): void {
    check()
      .catch((error: unknown) => logger.warn(`audit of what was written: ${describeError(error)}`))
      .finally(() => {
        if (!stopped) timer = clock.setTimer(AUDIT_PERIOD_MS, run)
      })
  }
  return {
    stop() {
      stopped = true
      timer.cancel()
    },
  }
}
