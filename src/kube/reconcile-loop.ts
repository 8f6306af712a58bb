import { backoffDelayMs } from '../runtime/backoff.ts'
import type { Clock, Timer } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { ApiError, isConflict } from './client.ts'
import { type QueueMetrics, queueMetrics } from './kube-metrics.ts'

/**
 * Keys that wait for work. A key waits at most once and is worked on by one reconcile at a time; one that is added while it is worked
 * on is worked on again. What changed is not part of it: a reconcile looks at the whole present state of its key.
 */
export interface ReconcileLoop {
  add(key: string): void
  /** Adds the key after `ms`, if nothing adds it sooner; of several times the earliest counts. */
  addAfter(key: string, ms: number): void
  /** Begins to work. Keys may be added before. Idempotent. */
  start(): void
  /** Takes no more keys and resolves when the running reconciles ended, or after CLOSE_WAIT_MS. Idempotent. */
  close(): Promise<void>
  /** Keys that wait or are worked on now; not those that are due later. */
  readonly pending: number
}

export interface ReconcileLoopOptions {
  readonly name: string
  /** Makes the world fit the key. A rejection means: again, later. */
  readonly reconcile: (key: string) => Promise<void>
  readonly concurrency: number
  readonly logger: Logger
  readonly clock: Clock
  /** The longest wait between two tries of one key. */
  readonly maxBackoffMs: number
  readonly baseBackoffMs?: number
  readonly metrics?: Metrics
  readonly random?: () => number
}

const DEFAULT_BASE_BACKOFF_MS = 50
/** A reconcile is a few requests, each bounded by the client's time limit. */
const CLOSE_WAIT_MS = 5000

export function createReconcileLoop(options: ReconcileLoopOptions): ReconcileLoop {
  const { name, concurrency, clock } = options
  const metrics = queueMetrics(options.metrics, name)
  const retry = createRetries(options, metrics)
  const waiting = new Set<string>()
  const running = new Map<string, Promise<void>>()
  let state: 'idle' | 'running' | 'closed' = 'idle'
  const add = (key: string) => {
    later.cancel(key)
    if (state === 'closed' || waiting.has(key)) return
    waiting.add(key)
    metrics.added()
    fill()
  }
  const later = createSchedule(clock, add)
  const work = async (key: string): Promise<void> => {
    const retryMs = await retry(key)
    running.delete(key)
    if (retryMs !== undefined) later.at(key, retryMs)
    fill()
  }
  const fill = () => {
    for (const key of state === 'running' ? waiting : []) {
      if (running.size >= concurrency) break
      if (running.has(key)) continue
      waiting.delete(key)
      // Not at once: whoever added the key is still at work, and a reconcile that adds its own key must find it running.
      running.set(key, Promise.resolve(key).then(work))
    }
    metrics.depth(waiting.size)
  }
  return {
    add,
    addAfter: later.at,
    start() {
      state = state === 'idle' ? 'running' : state
      fill()
    },
    async close() {
      state = 'closed'
      later.clear()
      waiting.clear()
      await settled(running.values(), clock)
    },
    get pending() {
      return waiting.size + running.size
    },
  }
}

/** Keys that are due later: one timer per key, the earliest. */
function createSchedule(clock: Clock, due: (key: string) => void) {
  const timers = new Map<string, { readonly dueMs: number; readonly timer: Timer }>()
  const cancel = (key: string) => {
    timers.get(key)?.timer.cancel()
    timers.delete(key)
  }
  return {
    at(key: string, ms: number) {
      const dueMs = clock.monotonicMs() + ms
      if ((timers.get(key)?.dueMs ?? Number.POSITIVE_INFINITY) <= dueMs) return
      cancel(key)
      const fire = () => {
        timers.delete(key)
        due(key)
      }
      timers.set(key, { dueMs, timer: clock.setTimer(ms, fire) })
    },
    cancel,
    clear() {
      for (const key of [...timers.keys()]) cancel(key)
    },
  }
}

/** Runs one reconcile. Gives the delay before the next try after a failure, `undefined` after a success. Never rejects. */
function createRetries(options: ReconcileLoopOptions, metrics: QueueMetrics): (key: string) => Promise<number | undefined> {
  const { name, reconcile, maxBackoffMs, baseBackoffMs = DEFAULT_BASE_BACKOFF_MS, clock, random = Math.random } = options
  const logger = options.logger.child({ loop: name })
  const failures = new Map<string, number>()
  return async (key) => {
    const startedMs = clock.monotonicMs()
    const ended = (result: 'success' | 'error') => metrics.ended(result, clock.monotonicMs() - startedMs)
    try {
      await reconcile(key)
      failures.delete(key)
      ended('success')
      return undefined
    } catch (error) {
      const attempt = (failures.get(key) ?? 0) + 1
      failures.set(key, attempt)
      ended('error')
      metrics.retried()
      const ownMs = Math.round(backoffDelayMs({ attempt, baseMs: baseBackoffMs, maxMs: maxBackoffMs, random }))
      // An API server that is overloaded says when it wants to be asked again.
      const askedMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
      const retryMs = Math.max(ownMs, Math.min(askedMs, maxBackoffMs))
      // Losing a race is no trouble: the next try reads what the winner wrote.
      const log = isConflict(error) && attempt === 1 ? logger.debug : logger.warn
      log(`reconcile failed: ${describeError(error)}`, { key, attempt, retryMs })
      return retryMs
    }
  }
}

async function settled(reconciles: Iterable<Promise<void>>, clock: Clock): Promise<void> {
  const enough = new AbortController()
  const limit = clock.sleep(CLOSE_WAIT_MS, enough.signal).catch(() => undefined)
  await Promise.race([Promise.all(reconciles), limit])
  enough.abort()
}
