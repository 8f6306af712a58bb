/** What is done when our own namespace is being deleted: no Service keeps a mark of ours. */
import { isConflict, isNotFound } from '../../kube/client.ts'
import type { Clock } from '../../runtime/clock.ts'
import { describeError, type Logger } from '../../runtime/logger.ts'
import type { Knowledge } from '../knowledge.ts'
import { serviceKey } from '../service-key.ts'
import { farewellPatch } from '../service-status.ts'
import type { Store } from '../store.ts'

export interface FarewellOptions {
  readonly knowledge: Knowledge
  readonly store: Store
  readonly clock: Pick<Clock, 'nowMs'>
  readonly logger: Logger
}

const CONCURRENCY = 32
/** Lost races of one Service; nobody of ours writes any more, so one is rare. */
const TRIES_MAX = 5

/**
 * Takes label, condition and layer 2 annotation off every Service that has them, and leaves the addresses: a new installation finds them.
 * Our permissions are about to be deleted too, so it hurries, and a refusal of the API server ends it with one line. Never rejects.
 */
export async function sayFarewell({ knowledge, store, clock, logger }: FarewellOptions): Promise<void> {
  const now = new Date(clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z')
  const keys = [...knowledge.services()]
    .filter((service) => farewellPatch(service, now) !== undefined)
    .map(({ metadata }) => serviceKey(metadata))
  if (keys.length === 0) return
  const queue = keys.values()
  let failed: unknown
  let cleared = 0
  const worker = async (): Promise<void> => {
    for (const key of queue) {
      if (failed !== undefined) return
      try {
        if (await clear(key, { knowledge, store, now })) cleared++
      } catch (error) {
        failed ??= error
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  if (failed === undefined) logger.info('uninstall: took our marks off all Services', { services: cleared })
  else logger.warn(`uninstall: ${keys.length - cleared} of ${keys.length} Services keep our label: ${describeError(failed)}`)
}

async function clear(
  key: string,
  { knowledge, store, now }: Pick<FarewellOptions, 'knowledge' | 'store'> & { now: string },
): Promise<boolean> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const service = knowledge.service(key)
    const patch = service === undefined ? undefined : farewellPatch(service, now)
    if (service === undefined || patch === undefined) return false
    const ref = { namespace: service.metadata.namespace ?? '', name: service.metadata.name }
    try {
      knowledge.noteService(await store.patchService(ref, patch))
      return true
    } catch (error) {
      if (isNotFound(error)) return false
      if (!isConflict(error)) throw error
      const found = await store.findService(ref)
      if (found === undefined) return false
      knowledge.noteService(found)
    }
  }
  throw new Error(`${key} is changed by others all the time`)
}
