/** One term of leading: from the moment the Lease is ours to the moment it is not. */
import { parseIp } from '../addr/ip.ts'
import type { EventRecorder } from '../kube/events.ts'
import { createReconcileLoop, type ReconcileLoop } from '../kube/reconcile-loop.ts'
import type { RefusalCode } from '../policy/refusal.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { startAudit } from './audit.ts'
import { createEipReconcile } from './eip/reconcile.ts'
import { expectClaims } from './expected-claims.ts'
import { createExpiry, type Expiry } from './expiry.ts'
import { runFirstPass } from './first-pass.ts'
import type { Knowledge } from './knowledge.ts'
import { isOpening } from './openings.ts'
import { createServiceReconcile } from './reconcile.ts'
import { createRemembered, type Remembered } from './remembered.ts'
import { createRoomLine, type RoomLine } from './room-line.ts'
import { serviceKey } from './service-key.ts'
import { rememberedAddresses, startPhases } from './start-order.ts'
import type { Store } from './store.ts'
import { createWaiters, freeAgain, type Opening, type Waiters } from './waiters.ts'

export interface SessionOptions {
  readonly knowledge: Knowledge
  readonly store: Store
  readonly events: Pick<EventRecorder, 'record'>
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics?: Metrics
  readonly onRefused: (code: RefusalCode) => void
  /** An Eip may have changed. */
  readonly onEip: (name: string) => void
  /** Aborts when the term is over. */
  readonly signal: AbortSignal
}

export interface Session {
  readonly waiters: Waiters
  /** Keys in work or in line. */
  readonly pending: number
  /** Resolves when every Service that was there at the start has been looked at; rejects when the term ends before. */
  readonly started: Promise<void>
  /** Stops working. Resolves when nothing is in flight. Idempotent. */
  close(): Promise<void>
}

const CONCURRENCY = 16
const EIP_CONCURRENCY = 4
const MAX_BACKOFF_MS = 30_000
/** Reasons to leave a Service alone that an Eip or a setting can change. */
const CURABLE = new Set(['no-default-eip', 'not-opted-in', 'served-by-another'])

/** Begins the term: first pass, then the loops. */
export function startSession(options: SessionOptions): Session {
  const { knowledge, clock, logger } = options
  const over = new AbortController()
  options.signal.addEventListener('abort', () => over.abort(options.signal.reason), { once: true })
  knowledge.recall()
  const desk = createDesk(options)
  const { waiters, services, eips, remembered, work } = desk
  const expiry = createExpiry(clock, { nextMs: knowledge.setAside.nextMs, expire: knowledge.expireSetAside })
  listen(knowledge, { ...desk, expiry, logger })
  expiry.arm()
  const audit = startAudit({ ...options, add: services.add })
  const phases = startPhases(knowledge, remembered.notes)
  const pass = runFirstPass({ phases, work, later: services.add, concurrency: CONCURRENCY, clock, logger, signal: over.signal })
  const startedMs = clock.monotonicMs()
  const started = pass.done.then(() => {
    const tookMs = Math.round(clock.monotonicMs() - startedMs)
    logger.info('first pass done', { services: phases.flat().length, claims: knowledge.ledger.size, tookMs })
    // What is noted for Services that are gone, or that nobody has to look at.
    for (const key of [...remembered.notes.keys()]) if (!pass.unfinished.has(key)) desk.settle(key)
    for (const eip of knowledge.eips()) eips.add(eip.metadata.name)
    services.start()
    eips.start()
  })
  // The caller may not look at it, and the end of the term is no error.
  started.catch((error: unknown) => over.signal.aborted || logger.error('the first pass ended', { error }))
  let closed: Promise<unknown> | undefined
  return {
    waiters,
    get pending() {
      return services.pending
    },
    started,
    async close() {
      knowledge.listen(undefined)
      audit.stop()
      expiry.stop()
      over.abort(new Error('the term is over'))
      for (const key of [...remembered.notes.keys()]) remembered.settle(key)
      closed ??= Promise.all([services.close(), eips.close(), pass.settled()])
      await closed
    },
  }
}

/** Who works, and who waits. */
interface Desk {
  readonly waiters: Waiters
  readonly line: RoomLine
  readonly services: ReconcileLoop
  readonly eips: ReconcileLoop
  /** Services left alone that an Eip or a setting can make ours. */
  readonly left: Set<string>
  readonly remembered: Remembered
  /** One look at a Service. */
  readonly work: (key: string) => Promise<void>
  /** The notes of a Service have done their work. */
  readonly settle: (key: string) => void
}

function createDesk(options: SessionOptions): Desk {
  const { knowledge, clock, logger } = options
  const shared = { logger, clock, maxBackoffMs: MAX_BACKOFF_MS, ...(options.metrics && { metrics: options.metrics }) }
  const waiters = createWaiters((pool) => eips.add(pool))
  const isOpen = (opening: Opening): boolean => isOpening(opening, knowledge)
  const line = createRoomLine({ waiters, isOpen, add: (key) => services.add(key) })
  const remembered = createRemembered(rememberedAddresses(knowledge.eips()), knowledge.ledger)
  const left = new Set<string>()
  const settle = (key: string): void => {
    for (const ip of remembered.settle(key)) if (!knowledge.ledger.isTaken(ip)) line.wake(freeAgain(ip, knowledge.pools))
  }
  const work = createServiceWork(options, { waiters, left, remembered, line, settle })
  const services: ReconcileLoop = createReconcileLoop({ ...shared, name: 'services', concurrency: CONCURRENCY, reconcile: work })
  const look = createEipReconcile({ ...options, waiters, onLook: options.onEip, again: (name, ms) => eips.addAfter(name, ms) })
  const eips: ReconcileLoop = createReconcileLoop({ ...shared, name: 'eips', concurrency: EIP_CONCURRENCY, reconcile: look })
  return { waiters, line, services, eips, left, remembered, work, settle }
}

/** One look at a Service, with what follows from it for those who wait. */
function createServiceWork(
  options: SessionOptions,
  { waiters, left, remembered, line, settle }: Pick<Desk, 'waiters' | 'left' | 'remembered' | 'line' | 'settle'>,
): (key: string) => Promise<void> {
  const { knowledge } = options
  const store = expectClaims(options.store, knowledge.ledger, ({ address, eip, holders }) =>
    line.wake({ kind: 'holders-changed', address, pools: [eip], namespaces: [...new Set(holders.map(({ namespace }) => namespace))] }),
  )
  const reconcile = createServiceReconcile({
    ...options,
    store,
    waiters,
    remembered: remembered.notes,
    onLeft(key, reason) {
      if (CURABLE.has(reason)) left.add(key)
    },
    onUnclaimed(address) {
      const ip = parseIp(address)
      if (ip.ok) line.wake(freeAgain(ip.value, knowledge.pools))
    },
  })
  return oneAtATime(async (key) => {
    left.delete(key)
    try {
      await reconcile(key)
      settle(key)
    } finally {
      line.worked(key)
    }
  })
}

/** The first pass may still be at work on a key that the loop begins with: the two must not decide at the same time. */
function oneAtATime(work: (key: string) => Promise<void>): (key: string) => Promise<void> {
  const running = new Map<string, Promise<void>>()
  return async (key) => {
    await running.get(key)?.catch(() => undefined)
    const run = work(key)
    running.set(key, run)
    try {
      await run
    } finally {
      if (running.get(key) === run) running.delete(key)
    }
  }
}

function listen(
  knowledge: Knowledge,
  { services, eips, left, line, expiry, logger }: Pick<Desk, 'services' | 'eips' | 'left' | 'line'> & { expiry: Expiry; logger: Logger },
): void {
  knowledge.listen({
    service: services.add,
    eip: eips.add,
    happened(happening) {
      line.wake(happening)
      if (happening.kind === 'pool-changed') for (const key of left) services.add(key)
      // Its address may have been set aside.
      if (happening.kind === 'released') expiry.arm()
    },
    everything() {
      for (const { metadata } of knowledge.services()) services.add(serviceKey(metadata))
      for (const { metadata } of knowledge.eips()) eips.add(metadata.name)
    },
    badSettings: (message) => logger.warn(`the settings stay as they were: ${message}`),
  })
}
