import type { AddressClaimObject } from '../../api/address-claim.ts'
import { type ApiClient, isConflict, isNotFound } from '../../kube/client.ts'
import { patchObject } from '../../kube/objects.ts'
import { createReconcileLoop } from '../../kube/reconcile-loop.ts'
import { ADDRESS_CLAIMS } from '../../kube/resources.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { StatusPatch } from '../claim-status.ts'
import type { Decision } from '../desired.ts'

/** Writes the status of claims, each by compare-and-swap, with backoff for as long as the API server is away. */
export interface ClaimWriter {
  /** Asks for a write of this claim, unless the watch has not shown the last one yet. */
  add(claim: AddressClaimObject): void
  /** The claim is gone. */
  forget(name: string): void
  start(): void
  /** Idempotent. */
  close(): Promise<void>
}

/** A patch, and the decision that it comes from. */
export interface PlannedWrite {
  readonly decision: Decision
  readonly patch: StatusPatch
}

interface Options {
  readonly client: ApiClient
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: Metrics
  /** The newest known claim. */
  readonly claimOf: (name: string) => AddressClaimObject | undefined
  /** What has to be written now, decided anew from everything that is known; undefined for nothing. */
  readonly plan: (claim: AddressClaimObject) => PlannedWrite | undefined
  /** That patch went through. */
  readonly written: (claim: AddressClaimObject, write: PlannedWrite) => void
}

const WRITES_AT_ONCE = 8
const LONGEST_BACKOFF_MS = 5000
/** An API server that does not answer must not hold the queue for longer. */
const WRITE_WITHIN_MS = 5000

/** Creates the writer. It does nothing before start(). */
export function createClaimWriter(options: Options): ClaimWriter {
  const { client, clock, logger, metrics, claimOf, plan, written } = options
  const conflicts = metrics.counter('openelb_speaker_claim_conflicts_total', 'Claim writes that another writer was faster with.')
  /** By claim, the version of it that the last successful write was made from: until the watch shows a newer one there is nothing to do. */
  const writtenFrom = new Map<string, string>()
  const isAwaited = ({ metadata }: AddressClaimObject): boolean => writtenFrom.get(metadata.name) === metadata.resourceVersion
  const write = async (name: string): Promise<void> => {
    const claim = claimOf(name)
    if (claim === undefined || isAwaited(claim)) return
    const planned = plan(claim)
    if (planned === undefined) return
    const { patch } = planned
    try {
      await patchObject(client, ADDRESS_CLAIMS, { name }, patch, { type: 'merge', subresource: 'status', timeoutMs: WRITE_WITHIN_MS })
    } catch (error) {
      if (isNotFound(error)) return
      // Whoever loses sees the winner by the watch, and decides again.
      if (!isConflict(error)) throw error
      conflicts.inc()
      return
    }
    writtenFrom.set(name, claim.metadata.resourceVersion)
    written(claim, planned)
  }
  const maxBackoffMs = LONGEST_BACKOFF_MS
  const loop = createReconcileLoop({
    name: 'claim-status',
    reconcile: write,
    concurrency: WRITES_AT_ONCE,
    maxBackoffMs,
    logger,
    clock,
    metrics,
  })
  return {
    add(claim) {
      if (!isAwaited(claim)) loop.add(claim.metadata.name)
    },
    forget: (name) => void writtenFrom.delete(name),
    start: loop.start,
    close: loop.close,
  }
}
