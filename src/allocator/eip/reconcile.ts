/** Writes the status of one Eip, at most once a second. */
import { ORIGINAL_FINALIZER } from '../../api/service-annotations.ts'
import { isNotFound } from '../../kube/client.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { eipStatus, statusPatch } from '../eip-status.ts'
import type { Knowledge } from '../knowledge.ts'
import type { Store } from '../store.ts'

export interface EipReconcileOptions {
  readonly knowledge: Knowledge
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  /** Called each time an Eip may have changed, before anything is written. */
  readonly onLook: (name: string) => void
  /** Asks for another look after `ms`. */
  readonly again: (name: string, ms: number) => void
}

/** The shortest time between two writes of one status. */
const WRITE_PERIOD_MS = 1000

/** A rejected promise means "try this Eip again with backoff". An Eip that is gone needs nothing: its claims say all. */
export function createEipReconcile({
  knowledge,
  store,
  clock,
  logger,
  onLook,
  again,
}: EipReconcileOptions): (name: string) => Promise<void> {
  const writtenAtMs = new Map<string, number>()

  async function removeFinalizer(name: string): Promise<void> {
    const eip = knowledge.eip(name)
    const finalizers = eip?.metadata.finalizers ?? []
    if (eip === undefined || !finalizers.includes(ORIGINAL_FINALIZER.eip)) return
    const kept = finalizers.filter((finalizer) => finalizer !== ORIGINAL_FINALIZER.eip)
    knowledge.noteEip(await store.setEipFinalizers(eip, kept))
    logger.info('removed the finalizer that OpenELB left behind', { eip: name })
  }

  async function writeStatus(name: string): Promise<void> {
    const eip = knowledge.eip(name)
    const state = knowledge.pools.get(name)
    if (eip === undefined || state === undefined) return
    const now = new Date(clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z')
    const patch = statusPatch(eip.status, eipStatus(eip, state, knowledge.ledger.inPool(name), now))
    if (patch === undefined) return
    const sinceMs = clock.monotonicMs() - (writtenAtMs.get(name) ?? Number.NEGATIVE_INFINITY)
    if (sinceMs < WRITE_PERIOD_MS) return again(name, WRITE_PERIOD_MS - sinceMs)
    writtenAtMs.set(name, clock.monotonicMs())
    knowledge.noteEip(await store.patchEipStatus(name, patch))
  }

  return async (name) => {
    onLook(name)
    if (knowledge.eip(name) === undefined) return void writtenAtMs.delete(name)
    try {
      await removeFinalizer(name)
      await writeStatus(name)
    } catch (error) {
      if (!isNotFound(error)) throw error
      knowledge.noteEipGone(name)
    }
  }
}
