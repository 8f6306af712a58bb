import { backoffDelayMs } from '../runtime/backoff.ts'
import type { Clock, Timer } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { isConflict } from './client.ts'
import { queueMetrics } from './kube-metrics.ts'

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
  const retry = createRetries(options)
  const waiting = new Set<string>()
  const running = new Map<string, Promise<void>>()
  const later = new Map<string, { readonly dueMs: number; readonly timer: Timer }>()
  let state: 'idle' | 'running' | 'closed' = 'idle'
  const add = (key: string) => {
    if (state === 'closed' || waiting.has(key)) return
    later.get(key)?.timer.cancel()
    later.delete(key)
    waiting.add(key)
    metrics.added()
    fill()
  }
  const addAfter = (key: string, ms: number) => {
    const dueMs = clock.monotonicMs() + ms
    const sooner = later.get(key)
    if (state === 'closed' || waiting.has(key) || (sooner !== undefined && sooner.dueMs <= dueMs)) return
    sooner?.timer.cancel()
    later.set(key, { dueMs, timer: clock.setTimer(ms, () => add(key)) })
  }
  const work = async (key: string): Promise<void> => {
    const startedMs = clock.monotonicMs()
    const retryMs = await retry(key)
    running.delete(key)
    metrics.ended(retryMs === undefined ? 'success' : 'error', clock.monotonicMs() - startedMs)
    if (retryMs !== undefined) {
      metrics.retried()
      addAfter(key, retryMs)
    }
    fill()
  }
  const fill = () => {
    if (state !== 'running') return
    for (const key of waiting) {
      if (running.size >= concurrency) break
      if (running.has(key)) continue
      waiting.delete(key)
      running.set(key, work(key))
    }
    metrics.depth(waiting.size)
  }
  return {
    add,
    addAfter,
    start() {
      if (state === 'idle') state = 'running'
      fill()
    },
    async close() {
      state = 'closed'
      for (const { timer } of later.values()) timer.cancel()
      later.clear()
      waiting.clear()
      await settled([...running.values()], clock)
    },
    get pending() {
      return waiting.size + running.size
    },
  }
}

/** Runs one reconcile. Gives the delay before the next try after a failure, `undefined` after a success. Never rejects. */
function createRetries(options: ReconcileLoopOptions): (key: string) => Promise<number | undefined> {
  const { name, reconcile, maxBackoffMs, baseBackoffMs = DEFAULT_BASE_BACKOFF_MS, random = Math.random } = options
  const logger = options.logger.child({ loop: name })
  const failures = new Map<string, number>()
  return async (key) => {
    try {
      await reconcile(key)
      failures.delete(key)
      return undefined
    } catch (error) {
      const attempt = (failures.get(key) ?? 0) + 1
      failures.set(key, attempt)
      const retryMs = Math.round(backoffDelayMs({ attempt, baseMs: baseBackoffMs, maxMs: maxBackoffMs, random }))
      // Losing a race is no trouble: the next try reads what the winner wrote.
      const log = isConflict(error) && attempt === 1 ? logger.debug : logger.warn
      log(`reconcile failed: ${describeError(error)}`, { key, attempt, retryMs })
      return retryMs
    }
  }
}

async function settled(reconciles: readonly Promise<void>[], clock: Clock): Promise<void> {
  if (reconciles.length === 0) return
  const enough = new AbortController()
  const limit = clock.sleep(CLOSE_WAIT_MS, enough.signal).catch(() => undefined)
  await Promise.race([Promise.all(reconciles), limit])
  enough.abort()
}
