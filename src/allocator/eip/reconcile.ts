/** Writes the status of one Eip, at most once a second, and a large one less often. */
import { type EipObject, USED_ENTRIES_MAX } from '../../api/eip.ts'
import { ORIGINAL_FINALIZER } from '../../api/service-annotations.ts'
import { isNotFound } from '../../kube/client.ts'
import { poolFamilies } from '../../policy/pool-ranges.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type EipFacts, eipStatus } from '../eip-status.ts'
import type { Knowledge } from '../knowledge.ts'
import { isOpening } from '../openings.ts'
import type { PoolState } from '../pools.ts'
import { statusPatch } from '../status-patch.ts'
import type { Store } from '../store.ts'
import { timestamp } from '../timestamp.ts'
import type { Waiters } from '../waiters.ts'

export interface EipReconcileOptions {
  readonly knowledge: Knowledge
  readonly store: Store
  readonly waiters: Pick<Waiters, 'countFor'>
  readonly clock: Clock
  readonly logger: Logger
  /** Called each time an Eip may have changed, before anything is written. */
  readonly onLook: (name: string) => void
  /** Asks for another look after `ms`. */
  readonly again: (name: string, ms: number) => void
}

/** The shortest time between two looks at one Eip: a look sorts out thousands of addresses, and may cost a write. */
const LOOK_PERIOD_MS = 1000
/** Each address that a status lists costs the API server some 50 us of processor time per write: so a write takes a twentieth of a core at most. */
const PERIOD_PER_LISTED_MS = 1.25

const periodMs = ({ status }: EipObject): number =>
  Math.max(LOOK_PERIOD_MS, Math.min(status?.usage ?? 0, USED_ENTRIES_MAX) * PERIOD_PER_LISTED_MS)

/** A rejected promise means "try this Eip again with backoff". An Eip that is gone needs nothing: its claims say all. */
export function createEipReconcile(options: EipReconcileOptions): (name: string) => Promise<void> {
  const { knowledge, clock, onLook, again } = options
  const lookedAtMs = new Map<string, number>()
  const removeFinalizer = createFinalizerRemoval(options)
  const writeStatus = createStatusWriter(options)
  return async (name) => {
    const eip = knowledge.eip(name)
    if (eip === undefined) {
      onLook(name)
      return void lookedAtMs.delete(name)
    }
    const sinceMs = clock.monotonicMs() - (lookedAtMs.get(name) ?? Number.NEGATIVE_INFINITY)
    if (sinceMs < periodMs(eip)) return again(name, periodMs(eip) - sinceMs)
    lookedAtMs.set(name, clock.monotonicMs())
    onLook(name)
    try {
      await removeFinalizer(eip)
      await writeStatus(name)
    } catch (error) {
      // The backoff of the loop says when the next look is.
      lookedAtMs.delete(name)
      if (!isNotFound(error)) throw error
      knowledge.noteEipGone(name)
    }
  }
}

function createFinalizerRemoval({ knowledge, store, logger }: EipReconcileOptions) {
  return async (eip: EipObject): Promise<void> => {
    const finalizers = eip.metadata.finalizers ?? []
    if (!finalizers.includes(ORIGINAL_FINALIZER.eip)) return
    const kept = finalizers.filter((finalizer) => finalizer !== ORIGINAL_FINALIZER.eip)
    knowledge.noteEip(await store.setEipFinalizers(eip, kept))
    logger.info('removed the finalizer that OpenELB left behind', { eip: eip.metadata.name })
  }
}

/**
 * Only what differs is written, so a former leader that is late can leave a mixture of both behind. The answer tells, and there is another
 * look; but none when the same was written twice in vain: an API server with an older definition of the Eip drops what it does not know.
 */
function createStatusWriter({ knowledge, store, waiters, clock, again }: EipReconcileOptions) {
  const inVain = new Map<string, string>()
  return async (name: string): Promise<void> => {
    const eip = knowledge.eip(name)
    const state = knowledge.pools.get(name)
    if (eip === undefined || state === undefined) return
    const wanted = eipStatus(eip, factsOf(name, state, knowledge, waiters), timestamp(clock))
    const patch = statusPatch(eip.status, wanted)
    if (patch === undefined) return void inVain.delete(name)
    const written = await store.patchEipStatus(name, patch)
    knowledge.noteEip(written)
    const missing = JSON.stringify(statusPatch(written.status, wanted) ?? null)
    if (missing !== 'null' && inVain.get(name) !== missing) again(name, LOOK_PERIOD_MS)
    inVain.set(name, missing)
  }
}

function factsOf(name: string, state: PoolState, knowledge: Knowledge, waiters: Pick<Waiters, 'countFor'>): EipFacts {
  const facts = { state, tally: knowledge.tally(name), waiting: waiters.countFor(name) }
  if (state.kind === 'invalid') return { ...facts, full: [], history: { released: [], setAside: [] } }
  const full = poolFamilies(state.pool).filter((family) => !isOpening({ kind: 'room', pool: name, family }, knowledge))
  return { ...facts, full, history: knowledge.history(state.pool) }
}
