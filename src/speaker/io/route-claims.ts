import type { AddressClaimObject } from '../../api/address-claim.ts'
import { type ApiClient, isConflict, isNotFound } from '../../kube/client.ts'
import { createTokenBucket } from '../../kube/event-budget.ts'
import { patchObject } from '../../kube/objects.ts'
import { createReconcileLoop } from '../../kube/reconcile-loop.ts'
import { ADDRESS_CLAIMS, apiVersionOf } from '../../kube/resources.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { type Report, reportPatch } from '../claim-status.ts'
import { announcerPatch, announcersOf, writerNameOf } from '../routes/announcement.ts'

/** Keeps the claims of BGP saying what is so: this node's entry among the announcers, and, by one node for all, the condition Announced. */
export interface RouteClaims {
  /** Looks at the claim, soon. */
  add(name: string): void
  forget(name: string): void
  start(): void
  /** Idempotent. */
  close(): Promise<void>
}

/** What a claim should say now, from everything that is known. */
export interface ClaimWish {
  /** Whether a router is told the address by this node. `soon`: not yet, and it will show by itself. */
  readonly announced: 'yes' | 'no' | 'soon'
  /** Whether that is for a session that was lost: then an entry of this node stays for a while, and goes at once otherwise. */
  readonly lost: boolean
  /** The nodes of other entries that no speaker keeps up any more, as far as it is this node's part to take them away. */
  readonly gone: readonly string[]
  /** The condition, if it is this node's part to write it and it may be written already. */
  readonly report: Report | undefined
  /** Time alone may make another wish of it, after so many milliseconds. */
  readonly againMs: number | undefined
}

interface Options {
  readonly self: string
  readonly client: ApiClient
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: Metrics
  readonly claimOf: (name: string) => AddressClaimObject | undefined
  readonly wish: (claim: AddressClaimObject) => ClaimWish
  /** The condition was written. */
  readonly reported: (claim: AddressClaimObject, report: Report) => void
}

const WRITES_AT_ONCE = 4
const LONGEST_BACKOFF_MS = 5000
const WRITE_WITHIN_MS = 5000
/** A session that was lost may be back before it is worth two writes for each of very many addresses. */
const LOST_FOR_MS = 5000
const SOON_MS = 250
/** Very many addresses must not keep the API server from everything else, whatever the number of nodes. */
const BUDGET = { burst: 500, perSecond: 100 } as const

/** Creates it. It does nothing before start(). */
export function createRouteClaims(options: Options): RouteClaims {
  const { clock, claimOf, wish, logger, metrics } = options
  const entries = createEntries(options)
  const budget = createTokenBucket(BUDGET)
  /** By claim, which version of it the last condition was written from: until the watch shows a newer one there is nothing to write. */
  const written = new Map<string, string>()
  const look = async (name: string): Promise<void> => {
    const claim = claimOf(name)
    if (claim === undefined || written.get(name) === claim.metadata.resourceVersion) return
    const wanted = wish(claim)
    const own = entries.due(claim, wanted)
    const laterMs = Math.min(wanted.announced === 'soon' ? SOON_MS : Infinity, wanted.againMs ?? Infinity, own.waitMs)
    if (laterMs < Infinity) loop.addAfter(name, laterMs)
    if (own.write === 'none' && wanted.gone.length === 0 && wanted.report === undefined) return
    if (!budget.take(clock.monotonicMs())) return loop.addAfter(name, budget.waitMs(clock.monotonicMs()))
    if (own.write !== 'none') await entries.write(claim, own.write)
    for (const node of wanted.gone) await apply(options, claim, node, undefined)
    if (await report(options, claim, wanted.report)) written.set(name, claim.metadata.resourceVersion)
  }
  const loop = createReconcileLoop({
    name: 'bgp-claims',
    reconcile: look,
    concurrency: WRITES_AT_ONCE,
    maxBackoffMs: LONGEST_BACKOFF_MS,
    logger,
    clock,
    metrics,
  })
  return {
    add: loop.add,
    forget(name) {
      entries.forget(name)
      written.delete(name)
    },
    start: loop.start,
    close: loop.close,
  }
}

/** This node's entry in each claim. */
function createEntries(options: Options) {
  const { self, clock } = options
  /** By claim, since when no router is told the address although it should be. */
  const lostSinceMs = new Map<string, number>()
  /** By claim, which version of it the last entry was written from. */
  const writtenFrom = new Map<string, string>()
  return {
    /** What is to be written now; `waitMs`: when to look again, Infinity for never. */
    due(claim: AddressClaimObject, { announced, lost }: ClaimWish): { readonly write: 'add' | 'remove' | 'none'; readonly waitMs: number } {
      const { name, resourceVersion } = claim.metadata
      const has = announcersOf(claim).has(self)
      if (announced !== 'no' || !lost) lostSinceMs.delete(name)
      const isAwaited = writtenFrom.get(name) === resourceVersion
      if (isAwaited || announced === 'soon' || has === (announced === 'yes')) return { write: 'none', waitMs: Infinity }
      if (!has) return { write: 'add', waitMs: Infinity }
      if (!lost) return { write: 'remove', waitMs: Infinity }
      const since = lostSinceMs.get(name) ?? clock.monotonicMs()
      lostSinceMs.set(name, since)
      const waitMs = since + LOST_FOR_MS - clock.monotonicMs()
      return waitMs > 0 ? { write: 'none', waitMs } : { write: 'remove', waitMs: Infinity }
    },
    async write(claim: AddressClaimObject, what: 'add' | 'remove'): Promise<void> {
      await apply(options, claim, self, what === 'add' ? new Date(clock.nowMs()).toISOString() : undefined)
      writtenFrom.set(claim.metadata.name, claim.metadata.resourceVersion)
    },
    forget(name: string): void {
      lostSinceMs.delete(name)
      writtenFrom.delete(name)
    },
  }
}

/** Each node's entry has its own field manager: writing an empty one in its name takes exactly that entry away. */
async function apply(
  { client }: Options,
  { metadata: { name } }: AddressClaimObject,
  node: string,
  since: string | undefined,
): Promise<void> {
  const body = { apiVersion: apiVersionOf(ADDRESS_CLAIMS), kind: ADDRESS_CLAIMS.kind, metadata: { name }, ...announcerPatch(node, since) }
  const options = {
    type: 'apply',
    subresource: 'status',
    force: true,
    fieldManager: writerNameOf(node),
    timeoutMs: WRITE_WITHIN_MS,
  } as const
  await patchObject(client, ADDRESS_CLAIMS, { name }, body, options).catch(unlessGone)
}

/** Whether it was written. Whoever loses against another writer sees it by the watch, and looks again. */
async function report({ client, clock, reported }: Options, claim: AddressClaimObject, wanted: Report | undefined): Promise<boolean> {
  const patch = wanted === undefined ? undefined : reportPatch(claim, wanted, new Date(clock.nowMs()).toISOString())
  if (wanted === undefined || patch === undefined) return false
  const { name } = claim.metadata
  try {
    await patchObject(client, ADDRESS_CLAIMS, { name }, patch, { type: 'merge', subresource: 'status', timeoutMs: WRITE_WITHIN_MS })
  } catch (error) {
    if (!isConflict(error)) unlessGone(error)
    return false
  }
  reported(claim, wanted)
  return true
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error
}
