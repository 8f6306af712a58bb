/** The allocator without its process: knowledge that is always kept, a session while we lead, the farewell when we are uninstalled. */
import type { NamespaceObject } from '../api/core-objects.ts'
import type { ApiClient } from '../kube/client.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { Informer } from '../kube/informer.ts'
import { createLeaderElection, type LeaderElection } from '../kube/lease.ts'
import type { Clock, Timer } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { AllocatorConfig } from './config.ts'
import { countWrites } from './counted-store.ts'
import { createKnowledge, type Knowledge, type Sources } from './knowledge.ts'
import { type AllocatorMetrics, createAllocatorMetrics } from './metrics.ts'
import { type Session, startSession } from './session.ts'
import { createStore } from './store.ts'
import { sayFarewell } from './uninstall/reconcile.ts'

type Informers = { readonly [Name in keyof Sources]: Sources[Name] & Pick<Informer<unknown>, 'whenSynced'> }

export interface AllocatorOptions {
  readonly config: AllocatorConfig
  readonly client: ApiClient
  readonly informers: Informers
  readonly events: Pick<EventRecorder, 'record'>
  readonly logger: Logger
  readonly metrics: Metrics
  readonly clock: Clock
}

export interface Allocator {
  start(): void
  /** Finishes what is in flight and gives the Lease back. Idempotent. */
  close(): Promise<void>
}

const SIZES_PERIOD_MS = 5000
/** How long what is in flight may take at the end: all of close() has less time than a Pod has to end. */
const END_WAIT_MS = 2000

/** Creates the allocator. The informers are started and closed by the caller. */
export function createAllocator(options: AllocatorOptions): Allocator {
  const { config, clock, logger, metrics: registry } = options
  const knowledge = createKnowledge(options.informers, config.namespace, { nowMs: clock.nowMs, unset: config.settings })
  const metrics = createAllocatorMetrics(registry)
  const closing = new AbortController()
  const terms = createTerms({ ...options, knowledge, allocatorMetrics: metrics })
  const farewell = watchOwnEnd(options, knowledge, terms)
  const election = config.lease && elect(options, config.lease, terms)
  const sizes = every(clock, SIZES_PERIOD_MS, () => metrics.sizes(knowledge, terms.waiters()))
  let closed: Promise<void> | undefined
  return {
    start() {
      const begin = async (): Promise<void> => {
        await Promise.all(Object.values(options.informers).map((informer) => informer.whenSynced(closing.signal)))
        if (closing.signal.aborted) return
        farewell.check()
        if (election === undefined) terms.begin(closing.signal)
        else election.start()
      }
      begin().catch((error: unknown) => closing.signal.aborted || logger.error('the allocator could not begin', { error }))
    },
    close() {
      closed ??= (async () => {
        closing.abort()
        sizes.cancel()
        // What takes longer is cut off: the end of leading aborts its requests, and the Lease is free for another replica.
        await within(clock, END_WAIT_MS, terms.end())
        await election?.close()
        await farewell.close()
        knowledge.close()
      })()
      return closed
    },
  }
}

interface Terms {
  begin(signal: AbortSignal): void
  end(): Promise<void>
  /** From now on nothing is decided any more. */
  retire(): void
  waiters(): Session['waiters'] | undefined
}

function createTerms(options: AllocatorOptions & { knowledge: Knowledge; allocatorMetrics: AllocatorMetrics }): Terms {
  const { knowledge, client, allocatorMetrics: metrics, events, clock, logger } = options
  let session: Session | undefined
  let retired = false
  let ending: Promise<void> = Promise.resolve()
  const end = (): Promise<void> => {
    const over = session
    session = undefined
    // close() is called now, not after an earlier end: it must not cut the next session off from the news.
    if (over !== undefined) ending = Promise.all([ending, over.close().then(forget)]).then(() => undefined)
    return ending
  }
  /** An end takes seconds when something is in flight; what the next session has measured by then stays. */
  const forget = (): void => {
    if (session === undefined) metrics.forget()
  }
  return {
    begin(signal) {
      if (retired || signal.aborted) return
      const writes = new AbortController()
      signal.addEventListener('abort', () => writes.abort(signal.reason), { once: true })
      session = startSession({
        knowledge,
        store: countWrites(createStore(client, writes.signal), metrics.wrote),
        events,
        clock,
        logger,
        metrics: options.metrics,
        onRefused: metrics.refused,
        onEip: (name) => metrics.eip(name, knowledge),
        signal: writes.signal,
      })
    },
    end,
    retire() {
      retired = true
      void end()
    },
    waiters: () => session?.waiters,
  }
}

function elect(
  { config, client, clock, logger, metrics }: AllocatorOptions,
  lease: NonNullable<AllocatorConfig['lease']>,
  terms: Terms,
): LeaderElection {
  const { namespace, identity } = config
  return createLeaderElection({ client, namespace, identity, ...lease, clock, logger, metrics, onGained: terms.begin, onLost: terms.end })
}

/** Followers leave the work to the leader, and do what is left when the leader went first. */
const FOLLOWER_DELAY_MS = 1000

/**
 * Sees that our own namespace is being deleted. Then nobody allocates any more, and the marks of ours come off: at once where this process
 * leads, a moment later where it does not. The Lease is no condition for that: it is deleted together with the namespace.
 */
function watchOwnEnd({ config, client, informers, clock, logger }: AllocatorOptions, knowledge: Knowledge, terms: Terms) {
  const ended = new AbortController()
  let running: Promise<void> | undefined
  let timer: Timer | undefined
  const farewell = (): void => {
    const say = () => sayFarewell({ knowledge, store: createStore(client, ended.signal), clock, logger })
    // A second time for what was in flight during the first.
    running ??= say().then(terms.end).then(say)
  }
  const check = (namespace: NamespaceObject | undefined): void => {
    const isEnding = namespace?.metadata.deletionTimestamp !== undefined || namespace?.status?.phase === 'Terminating'
    if (!isEnding || running !== undefined || timer !== undefined) return
    logger.info('our namespace is being deleted: no more allocation')
    const leads = terms.waiters() !== undefined || config.lease === undefined
    terms.retire()
    timer = clock.setTimer(leads ? 0 : FOLLOWER_DELAY_MS, farewell)
  }
  const unsubscribe = informers.namespaces.subscribe(({ key, after }) => {
    if (key === config.namespace) check(after)
  })
  return {
    check: () => check(informers.namespaces.get(config.namespace)),
    async close() {
      unsubscribe()
      if (timer !== undefined) farewell()
      timer?.cancel()
      await running
      ended.abort()
    },
  }
}

/** Waits for `work`, but no longer than `ms`. */
async function within(clock: Clock, ms: number, work: Promise<void>): Promise<void> {
  const enough = new AbortController()
  await Promise.race([work, clock.sleep(ms, enough.signal).catch(() => undefined)])
  enough.abort()
}

/** Calls `fn` again and again, until cancelled. */
function every(clock: Clock, periodMs: number, fn: () => void): Timer {
  let timer = clock.setTimer(periodMs, again)
  function again(): void {
    fn()
    timer = clock.setTimer(periodMs, again)
  }
  return { cancel: () => timer.cancel() }
}
