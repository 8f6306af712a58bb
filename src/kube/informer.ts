import { backoffDelayMs } from '../runtime/backoff.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { ApiClient, WatchEvent } from './client.ts'
import { ApiError } from './client.ts'
import { type ConnectionLog, createConnectionLog } from './connection-log.ts'
import { type InformerMetrics, informerMetrics } from './kube-metrics.ts'
import { createMilestone } from './milestone.ts'
import { createObjectStore, type ObjectChange, type ObjectStore, type RawObject } from './object-store.ts'
import { DEFAULT_PAGE_SIZE, listPages, selectors } from './objects.ts'
import { type Resource, resourceName, resourcePath } from './resources.ts'
import { afterExchange, type ListReason } from './watch-recovery.ts'

export type { ObjectChange, RawObject } from './object-store.ts'

/**
 * The newest known state of a collection, in memory. Keys are `namespace/name`, or `name` for kinds without namespaces.
 * It never gives up: what is shown may be old while the API server is away (`connected` says so), but is never incomplete once synced.
 */
export interface Informer<T> {
  readonly name: string
  get(key: string): T | undefined
  values(): Iterable<T>
  readonly size: number
  /** Whether a whole list was read since start. */
  readonly synced: boolean
  /** Whether the last list or watch is under way or ended without an error. */
  readonly connected: boolean
  /** Resolves when synced. Rejects when `signal` aborts or the informer is closed before. */
  whenSynced(signal?: AbortSignal): Promise<void>
  /**
   * Calls `listener` once per changed object, also during the first list; it does not replay what is known. An object that was
   * deleted and made again under its name is two changes. Gives the function that ends the subscription.
   */
  subscribe(listener: (change: ObjectChange<T>) => void): () => void
  /** Begins to list and watch. Idempotent. */
  start(): void
  /** Ends it, well within a second. Idempotent. What is known stays readable. */
  close(): Promise<void>
}

export interface InformerOptions<T> {
  readonly client: ApiClient
  readonly resource: Resource
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** What to keep of each object: memory is paid per object. It must be pure and keep `metadata.name` and what readers need. */
  readonly project?: (raw: RawObject) => T
  readonly logger: Logger
  readonly clock?: Clock
  readonly metrics?: Metrics
  readonly pageSize?: number
  readonly random?: () => number
}

/**
 * Speakers that started while the API server was away must all be back within less than the time after which one that was never heard is
 * taken for dead (5 s): whoever waits longer than the others loses its addresses.
 */
const BACKOFF = { baseMs: 100, maxMs: 3000 } as const
/** Watches of many processes must not all end in the same second: each asks for 5 to 10 minutes. */
const SHORTEST_WATCH_MS = 300_000
/** Two bookmarks are due in this time, if anything happens at all. */
const IDLE_WATCH_MS = 130_000
/** A watch that lived this long was a success, however it ended. */
const HEALTHY_WATCH_MS = 5000

/** Creates an informer. It does nothing before start(). */
export function createInformer<T = RawObject>(options: InformerOptions<T>): Informer<T> {
  const { resource, clock = systemClock } = options
  const name = resourceName(resource)
  const logger = options.logger.child({ informer: name })
  const store = createObjectStore<T>(options.project ?? ((raw) => raw as T), logger)
  const metrics = informerMetrics(options.metrics, name)
  const connection = createConnectionLog(resource, logger, clock)
  const closing = new AbortController()
  const synced = createMilestone()
  const random = options.random ?? Math.random
  const loop: Loop<T> = { ...options, logger, clock, store, metrics, connection, signal: closing.signal, onSynced: synced.reach, random }
  let running: Promise<void> | undefined
  return {
    name,
    get: store.get,
    values: store.values,
    get size() {
      return store.size
    },
    get synced() {
      return synced.reached
    },
    get connected() {
      return connection.connected
    },
    whenSynced: (signal) => synced.wait(signal),
    subscribe: store.subscribe,
    start() {
      if (!closing.signal.aborted) running ??= run(loop)
    },
    async close() {
      closing.abort()
      synced.giveUp(new Error(`the informer of ${name} was closed before it was synced`))
      await running
    },
  }
}

interface Loop<T> extends Omit<InformerOptions<T>, 'metrics'> {
  readonly clock: Clock
  readonly store: ObjectStore<T>
  readonly metrics: InformerMetrics
  readonly connection: ConnectionLog
  readonly signal: AbortSignal
  readonly onSynced: () => void
  readonly random: () => number
}

/** Lists when `position` has no version, else watches from there, and goes on until it is closed. */
async function run<T>(loop: Loop<T>): Promise<void> {
  const position: Position = { resourceVersion: undefined, listDueTo: 'first' }
  let failures = 0
  while (!loop.signal.aborted) {
    const startedMs = loop.clock.monotonicMs()
    const during = position.resourceVersion === undefined ? 'list' : 'watch'
    const ended = await (during === 'list' ? list(loop, position) : watch(loop, position)).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    if (loop.signal.aborted) return
    const livedMs = loop.clock.monotonicMs() - startedMs
    if (during === 'watch' && livedMs >= HEALTHY_WATCH_MS) failures = 0
    const next = afterExchange({ during, ended, livedMs, failures: failures + 1 })
    if (next.listDueTo !== undefined) Object.assign(position, { resourceVersion: undefined, listDueTo: next.listDueTo })
    if (next.failed) loop.metrics.failed()
    if (next.report) loop.connection.failed(ended?.error)
    loop.metrics.state(loop.store.size, loop.connection.connected)
    if (ended !== undefined || next.wait === 'backoff') failures++
    if (next.wait === 'none') continue
    const delayMs = Math.max(next.atLeastMs, backoffDelayMs({ attempt: failures, ...BACKOFF, random: loop.random }))
    // The only rejection is that of close(), which the loop's condition sees.
    await loop.clock.sleep(delayMs, loop.signal).catch(() => undefined)
  }
}

interface Position {
  resourceVersion: string | undefined
  listDueTo: ListReason
}

async function list<T>(loop: Loop<T>, position: Position): Promise<void> {
  const { client, resource, namespace, pageSize = DEFAULT_PAGE_SIZE, signal, store, metrics, connection } = loop
  const listing = store.beginListing()
  let resourceVersion = ''
  const pages = listPages<RawObject>(client, resource, {
    ...selection(loop),
    ...(namespace === undefined ? {} : { namespace }),
    pageSize,
    signal,
  })
  for await (const page of pages) {
    listing.add(page.items)
    resourceVersion = page.resourceVersion
  }
  listing.end()
  metrics.listed(position.listDueTo)
  position.resourceVersion = resourceVersion
  connection.heard()
  metrics.state(store.size, true)
  loop.onSynced()
}

async function watch<T>(loop: Loop<T>, position: Position): Promise<void> {
  const { client, resource, namespace, signal, store, metrics, connection, random } = loop
  const onEvent = ({ type, object }: WatchEvent) => {
    const raw = object as RawObject
    metrics.event(type)
    if (type === 'BOOKMARK' && isOlder(raw.metadata.resourceVersion, position.resourceVersion)) throw historyLost(resource)
    if (type === 'DELETED') store.remove(raw)
    else if (type !== 'BOOKMARK') store.put(raw)
    position.resourceVersion = raw.metadata.resourceVersion
  }
  await client.watch({
    path: resourcePath(resource, namespace === undefined ? {} : { namespace }),
    query: { ...selectors(selection(loop)), resourceVersion: position.resourceVersion ?? '' },
    signal,
    timeoutMs: SHORTEST_WATCH_MS * (1 + random()),
    idleTimeoutMs: IDLE_WATCH_MS,
    onOpen: connection.heard,
    onEvent,
  })
}

const selection = <T>({ labelSelector, fieldSelector }: Loop<T>) => ({
  ...(labelSelector === undefined ? {} : { labelSelector }),
  ...(fieldSelector === undefined ? {} : { fieldSelector }),
})

/** Versions are decimal numbers that only grow, unless etcd was restored from a backup. */
const isOlder = (version: string, than: string | undefined): boolean =>
  /^\d+$/.test(version) && than !== undefined && /^\d+$/.test(than) && BigInt(version) < BigInt(than)

const historyLost = (resource: Resource): ApiError =>
  new ApiError(`watch ${resourceName(resource)}: the API server went back in time`, { status: 410, reason: 'Gone' })
