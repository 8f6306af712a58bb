import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { type ApiClient, isNotFound } from './client.ts'
import { createTokenBucket } from './event-budget.ts'
import { createObject, patchObject } from './objects.ts'
import { EVENTS } from './resources.ts'

/** The object that an Event is about: any object of the API fits. */
export interface EventSubject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string; readonly resourceVersion?: string }
}

export interface EventText {
  readonly type: 'Normal' | 'Warning'
  /** One CamelCase word. */
  readonly reason: string
  readonly message: string
}

/** Writes Events, best effort: an Event that cannot be written is counted and forgotten, and never disturbs the caller. */
export interface EventRecorder {
  record(about: EventSubject, event: EventText): void
  /** Writes what waits, for at most FLUSH_MS. Idempotent. */
  close(): Promise<void>
}

export interface EventRecorderOptions {
  readonly client: ApiClient
  /** Who says it: `openelb-controller`. */
  readonly component: string
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics?: Metrics
  /** The Pod, for `reportingInstance`. */
  readonly instance?: string
}

/** An equal Event within this time raises the count of the first one. */
const REPEAT_WINDOW_MS = 600_000
const MOST_REMEMBERED = 4096
const MOST_WAITING = 1000
const BUDGET = { burst: 100, perSecond: 20 } as const
const FLUSH_MS = 1000
/** The API server refuses a longer message. */
const LONGEST_MESSAGE = 1024

interface Written {
  readonly namespace: string
  readonly name: string
  readonly untilMs: number
  readonly count: number
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { logger, clock } = options
  const dropped = options.metrics?.counter('openelb_events_dropped_total', 'Events not written: queue full or write failed.', ['why'])
  const written = options.metrics?.counter('openelb_events_written_total', 'Events written.', ['type', 'reason'])
  const write = createWriter(options)
  const bucket = createTokenBucket(BUDGET)
  const waiting: { readonly about: EventSubject; readonly event: EventText; readonly atMs: number }[] = []
  const closing = new AbortController()
  let worker: Promise<void> | undefined
  const drain = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      // While closing, the flush time is the only limit.
      while (!closing.signal.aborted && !bucket.take(clock.monotonicMs())) {
        await clock.sleep(bucket.waitMs(clock.monotonicMs()), closing.signal).catch(() => undefined)
      }
      try {
        await write(next.about, next.event, next.atMs)
        written?.inc({ type: next.event.type, reason: next.event.reason })
      } catch (error) {
        dropped?.inc({ why: 'failed' })
        logger.debug(`an Event was not written: ${describeError(error)}`, { reason: next.event.reason })
      }
    }
    worker = undefined
  }
  return {
    record(about, event) {
      if (closing.signal.aborted || waiting.length >= MOST_WAITING) return void dropped?.inc({ why: 'queue-full' })
      waiting.push({ about, event, atMs: clock.nowMs() })
      worker ??= drain()
    },
    async close() {
      closing.abort()
      await Promise.race([worker, clock.sleep(FLUSH_MS)])
      waiting.length = 0
    },
  }
}

/** Writes one Event, or raises the count of an equal one that was written lately. */
function createWriter({ client, component, instance, clock }: EventRecorderOptions) {
  const known = new Map<string, Written>()
  const remember = (key: string, entry: Written) => {
    known.delete(key)
    known.set(key, entry)
    const [oldest] = known.keys()
    if (known.size > MOST_REMEMBERED && oldest !== undefined) known.delete(oldest)
  }
  let serial = 0
  return async (about: EventSubject, event: EventText, atMs: number): Promise<void> => {
    const key = JSON.stringify([
      about.kind,
      about.metadata.namespace,
      about.metadata.name,
      about.metadata.uid,
      event.type,
      event.reason,
      event.message,
    ])
    const before = known.get(key)
    if (before !== undefined && before.untilMs > clock.monotonicMs()) {
      const repeated = { ...before, count: before.count + 1 }
      if (await repeat(client, repeated, atMs)) return remember(key, repeated)
    }
    const namespace = about.metadata.namespace ?? 'default'
    // The name must be new each time; the time alone is not when two Events fall into one millisecond.
    const name = `${about.metadata.name.slice(0, 220)}.${atMs.toString(16)}${(serial++ & 0xffff).toString(16).padStart(4, '0')}`
    await createObject(client, EVENTS, eventObject({ about, event, atMs, namespace, name, component, instance }))
    remember(key, { namespace, name, untilMs: clock.monotonicMs() + REPEAT_WINDOW_MS, count: 1 })
  }
}

/** Gives false when the first Event has expired meanwhile. */
async function repeat(client: ApiClient, { namespace, name, count }: Written, atMs: number): Promise<boolean> {
  try {
    await patchObject(client, EVENTS, { namespace, name }, { count, lastTimestamp: seconds(atMs) }, { type: 'merge' })
    return true
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}

interface EventFacts {
  readonly about: EventSubject
  readonly event: EventText
  readonly atMs: number
  readonly namespace: string
  readonly name: string
  readonly component: string
  readonly instance: string | undefined
}

function eventObject({ about, event, atMs, namespace, name, component, instance }: EventFacts) {
  const { uid, resourceVersion } = about.metadata
  return {
    metadata: { namespace, name },
    involvedObject: {
      apiVersion: about.apiVersion,
      kind: about.kind,
      name: about.metadata.name,
      ...(about.metadata.namespace === undefined ? {} : { namespace: about.metadata.namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    type: event.type,
    reason: event.reason,
    message: event.message.length > LONGEST_MESSAGE ? `${event.message.slice(0, LONGEST_MESSAGE - 3)}...` : event.message,
    source: { component, ...(instance === undefined ? {} : { host: instance }) },
    reportingComponent: component,
    reportingInstance: instance ?? '',
    firstTimestamp: seconds(atMs),
    lastTimestamp: seconds(atMs),
    count: 1,
  }
}

/** Kubernetes' Time: RFC 3339 in UTC, whole seconds. */
const seconds = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
