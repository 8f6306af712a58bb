/** One term of leading: from the moment the Lease is ours to the moment it is not. */
import type { Ip } from '../addr/ip.ts'
import type { EventRecorder } from '../kube/events.ts'
import { createReconcileLoop, type ReconcileLoop } from '../kube/reconcile-loop.ts'
import type { RefusalCode } from '../policy/refusal.ts'
import { backoffDelayMs } from '../runtime/backoff.ts'
import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { createEipReconcile } from './eip/reconcile.ts'
import type { Knowledge } from './knowledge.ts'
import { createServiceReconcile } from './reconcile.ts'
import { rememberedAddresses, startPhases } from './start-order.ts'
import type { Store } from './store.ts'
import { createWaiters, type Happening, type Waiters } from './waiters.ts'

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
/** Tries of one key in the first pass, before the loop goes on with it. */
const FIRST_PASS_TRIES = 5
const AUDIT_PERIOD_MS = 60_000
/** Reasons to leave a Service alone that an Eip or a setting can change. */
const CURABLE = new Set(['no-default-eip', 'not-opted-in', 'served-by-another'])

/** Begins the term: first pass, then the loops. */
export function startSession(options: SessionOptions): Session {
  const { knowledge, clock, logger } = options
  const over = new AbortController()
  options.signal.addEventListener('abort', () => over.abort(options.signal.reason), { once: true })
  const shared = { logger, clock, maxBackoffMs: MAX_BACKOFF_MS, ...(options.metrics && { metrics: options.metrics }) }
  const waiters = createWaiters()
  const left = new Set<string>()
  const remembered = new Map<string, readonly Ip[]>(rememberedAddresses(knowledge.eips()))
  const { work, wake } = createServiceWork(options, { waiters, left, remembered, add: (key) => services.add(key) })
  const services: ReconcileLoop = createReconcileLoop({ ...shared, name: 'services', concurrency: CONCURRENCY, reconcile: work })
  const eips: ReconcileLoop = createReconcileLoop({
    ...shared,
    name: 'eips',
    concurrency: EIP_CONCURRENCY,
    reconcile: createEipReconcile({ ...options, onLook: options.onEip, again: (name, ms) => eips.addAfter(name, ms) }),
  })
  listen(knowledge, { services, eips, left, wake, logger })
  const audit = startAudit(options, services)
  const started = firstPass({ ...options, signal: over.signal }, { work, remembered, later: services.add }).then(() => {
    remembered.clear()
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
      over.abort(new Error('the term is over'))
      closed ??= Promise.all([services.close(), eips.close(), started.catch(() => undefined)])
      await closed
    },
  }
}

interface ServiceWork {
  readonly waiters: Waiters
  readonly left: Set<string>
  readonly remembered: ReadonlyMap<string, readonly Ip[]>
  readonly add: (key: string) => void
}

/** One look at a Service, with what follows from it for those who wait. */
function createServiceWork(options: SessionOptions, { waiters, left, remembered, add }: ServiceWork) {
  const line = createRoomLine(options.knowledge, waiters, add)
  const reconcile = createServiceReconcile({
    ...options,
    waiters,
    remembered,
    onLeft(key, reason) {
      if (CURABLE.has(reason)) left.add(key)
    },
    onUnclaimed: (address, eip) => line.wake({ kind: 'released', address, pools: [eip] }),
  })
  const work = async (key: string): Promise<void> => {
    left.delete(key)
    try {
      await reconcile(key)
    } finally {
      line.worked(key)
    }
  }
  return { work, wake: line.wake }
}

interface Listening {
  readonly services: ReconcileLoop
  readonly eips: ReconcileLoop
  /** Services left alone that an Eip or a setting can make ours. */
  readonly left: Set<string>
  readonly wake: (happening: Happening) => void
  readonly logger: Logger
}

function listen(knowledge: Knowledge, { services, eips, left, wake, logger }: Listening): void {
  knowledge.listen({
    service: services.add,
    eip: eips.add,
    happened(happening) {
      wake(happening)
      if (happening.kind === 'pool-changed') for (const key of left) services.add(key)
    },
    everything() {
      for (const { metadata } of knowledge.services()) services.add(`${metadata.namespace ?? ''}/${metadata.name}`)
    },
    badSettings: (message) => logger.warn(`the settings stay as they were: ${message}`),
  })
}

/**
 * Wakes those who wait for room one at a time: whoever was woken for a pool calls the next one when it is done, as long as there is room.
 */
function createRoomLine(knowledge: Knowledge, waiters: Waiters, add: (key: string) => void) {
  const wokenFor = new Map<string, readonly string[]>()
  function callNext(pool: string): void {
    const state = knowledge.pools.get(pool)
    if (state === undefined || state.kind === 'invalid' || knowledge.ledger.firstFree(state.pool.range, '') === undefined) return
    const key = waiters.next(pool)
    if (key === undefined) return
    wokenFor.set(key, [pool])
    add(key)
  }
  return {
    wake(happening: Happening): void {
      for (const key of waiters.wake(happening)) {
        if (happening.kind === 'released') wokenFor.set(key, happening.pools)
        add(key)
      }
    },
    worked(key: string): void {
      const pools = wokenFor.get(key) ?? []
      wokenFor.delete(key)
      for (const pool of pools) callNext(pool)
    },
  }
}

/**
 * Services that have or show addresses come first, then those that ask for a certain one, then all others: so no free choice takes what
 * belongs to somebody. Each group is done before the next begins.
 */
async function firstPass({ knowledge, clock, logger, signal }: SessionOptions, { work, remembered, later }: FirstPass): Promise<void> {
  const startedMs = clock.monotonicMs()
  const phases = startPhases(knowledge, remembered)
  const tries = { work, later, clock, logger, signal }
  for (const keys of phases) await inParallel(keys, (key) => tryHard(key, tries))
  const services = phases.reduce((sum, keys) => sum + keys.length, 0)
  logger.info('first pass done', { services, claims: knowledge.ledger.size, tookMs: Math.round(clock.monotonicMs() - startedMs) })
}

interface FirstPass {
  readonly work: (key: string) => Promise<void>
  readonly remembered: ReadonlyMap<string, readonly Ip[]>
  /** Takes the keys that did not come to an end. */
  readonly later: (key: string) => void
}

/** Tries a key a few times. After that it goes on in the loop: one Service that cannot be written must not stop all the others. */
async function tryHard(
  key: string,
  { work, later, clock, logger, signal }: Omit<FirstPass, 'remembered'> & Pick<SessionOptions, 'clock' | 'logger' | 'signal'>,
): Promise<void> {
  for (let attempt = 1; attempt <= FIRST_PASS_TRIES; attempt++) {
    signal.throwIfAborted()
    try {
      return await work(key)
    } catch (error) {
      signal.throwIfAborted()
      logger.warn(`first pass: ${describeError(error)}`, { service: key, attempt })
      await clock.sleep(backoffDelayMs({ attempt, baseMs: 100, maxMs: 2000, random: Math.random }), signal)
    }
  }
  later(key)
}

async function inParallel(keys: readonly string[], work: (key: string) => Promise<void>): Promise<void> {
  const queue = keys.values()
  const worker = async (): Promise<void> => {
    for (const key of queue) await work(key)
  }
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, keys.length) }, worker))
}

/** Asks about claims that only our own writes know of: one that was deleted while the watch was down would be held for ever. */
function startAudit({ knowledge, store, clock, logger }: SessionOptions, services: ReconcileLoop) {
  let stopped = false
  let timer = clock.setTimer(AUDIT_PERIOD_MS, run)
  let suspects = new Set<string>()
  function run(): void {
    const unconfirmed = knowledge.unconfirmed()
    const twice = unconfirmed.filter(({ claim }) => suspects.has(claim.metadata.uid))
    suspects = new Set(unconfirmed.map(({ claim }) => claim.metadata.uid))
    const check = async (): Promise<void> => {
      for (const holding of twice) {
        const found = await store.findClaim(holding.claim.metadata.name)
        if (found?.metadata.uid === holding.claim.metadata.uid) continue
        knowledge.noteClaimGone(holding)
        for (const { namespace, name } of holding.claim.spec.holders) services.add(`${namespace}/${name}`)
      }
    }
    check()
      .catch((error: unknown) => logger.warn(`audit of the ledger: ${describeError(error)}`))
      .finally(() => {
        if (!stopped) timer = clock.setTimer(AUDIT_PERIOD_MS, run)
      })
  }
  return {
    stop() {
      stopped = true
      timer.cancel()
    },
  }
}
