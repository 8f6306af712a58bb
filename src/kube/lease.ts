import type { LeaseObject } from '../api/core-objects.ts'
import { jitteredMs } from '../runtime/backoff.ts'
import type { Clock, Timer } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { type ApiClient, ApiError, isConflict } from './client.ts'
import { leadershipGauge } from './kube-metrics.ts'
import { chanceOf, heldSpec, type LeaseSpec, type Observation, observe, releasedSpec } from './lease-record.ts'
import { createObject, findObject, replaceObject } from './objects.ts'
import { LEASES } from './resources.ts'

/** One candidate for a Lease. Losing it is a state and no error: the candidate goes on trying. */
export interface LeaderElection {
  /** Begins to try. Idempotent. */
  start(): void
  readonly leading: boolean
  /** Who holds the Lease as far as this candidate has seen; empty when nobody does. */
  readonly holder: string
  /** Stops leading (as a loss does), waits for onLost, gives the Lease back so that another can take it at once. Idempotent. */
  close(): Promise<void>
}

export interface LeaderElectionOptions {
  readonly client: ApiClient
  readonly namespace: string
  readonly name: string
  /** Unique per candidate: the Pod's name. */
  readonly identity: string
  /** How long others leave a silent holder alone. */
  readonly leaseDurationMs?: number
  /** How long a holder that cannot renew goes on leading. Must be below leaseDurationMs: the difference is the margin of safety. */
  readonly renewDeadlineMs?: number
  /** The time between two tries, give or take a fifth. */
  readonly retryPeriodMs?: number
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics?: Metrics
  /** Called each time this candidate begins to lead. `signal` aborts when that ends, before any other candidate can begin. */
  readonly onGained: (signal: AbortSignal) => void
  /** Called right after that signal aborted. close() waits for its promise (at most RELEASE_WAIT_MS) before it gives the Lease back. */
  readonly onLost: () => void | Promise<void>
  readonly random?: () => number
}

const RELEASE_WAIT_MS = 3000
const RELEASE_TIMEOUT_MS = 2000

export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2000 } = options
  if (!(retryPeriodMs < renewDeadlineMs && renewDeadlineMs < leaseDurationMs)) {
    throw new RangeError(
      `lease times must grow: retry ${retryPeriodMs} < renew deadline ${renewDeadlineMs} < duration ${leaseDurationMs} ms`,
    )
  }
  const candidate = createCandidate({ ...options, leaseDurationMs, renewDeadlineMs, retryPeriodMs })
  const closing = new AbortController()
  let running: Promise<void> | undefined
  let closed: Promise<void> | undefined
  return {
    start() {
      if (!closing.signal.aborted) running ??= candidate.run(closing.signal)
    },
    get leading() {
      return candidate.leading()
    },
    get holder() {
      return candidate.holder()
    },
    close() {
      closing.abort()
      closed ??= (async () => {
        await running
        await candidate.resign()
      })()
      return closed
    },
  }
}

type Settings = LeaderElectionOptions & {
  readonly leaseDurationMs: number
  readonly renewDeadlineMs: number
  readonly retryPeriodMs: number
}

function createCandidate(settings: Settings) {
  const { clock, retryPeriodMs, random = Math.random } = settings
  const logger = settings.logger.child({ lease: settings.name, identity: settings.identity })
  const term = createTerm(settings, logger)
  let observation: Observation | undefined
  let trouble = ''
  const attempt = async (signal: AbortSignal): Promise<void> => {
    const sentMs = clock.monotonicMs()
    const outcome = await tryLease(settings, observation, signal)
    trouble = ''
    observation = outcome.observation
    if (outcome.kind === 'held') term.end(`${outcome.by} holds the Lease`)
    else term.renew(sentMs)
  }
  const report = (error: unknown) => {
    const text = describeError(error)
    if (text !== trouble) logger.warn(`the Lease cannot be ${term.active ? 'renewed' : 'taken'}: ${text}; trying again`)
    trouble = text
  }
  return {
    leading: () => term.active,
    holder: () => observation?.spec.holderIdentity ?? '',
    async run(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        // Losing a race to another candidate is how a Lease works, and no trouble.
        await attempt(signal).catch((error: unknown) => (signal.aborted || isConflict(error) ? undefined : report(error)))
        await clock.sleep(jitteredMs(retryPeriodMs, 0.2, random), signal).catch(() => undefined)
      }
    },
    async resign(): Promise<void> {
      const wasLeading = term.active
      await Promise.race([term.end('closing'), clock.sleep(RELEASE_WAIT_MS)])
      if (wasLeading) await release(settings, logger)
    },
  }
}

/** The time of leading. It ends by itself when it is not renewed, and each time for good: the next one has a signal of its own. */
function createTerm({ clock, renewDeadlineMs, onGained, onLost, metrics, name }: Settings, logger: Logger) {
  const gauge = leadershipGauge(metrics, name)
  let current: { readonly controller: AbortController; deadline: Timer } | undefined
  let lastEnd: Promise<void> = Promise.resolve()
  const end = (why: string): Promise<void> => {
    if (current === undefined) return lastEnd
    const { controller, deadline } = current
    current = undefined
    deadline.cancel()
    gauge(false)
    logger.info(`no longer leading: ${why}`)
    controller.abort(new Error(`no longer leading: ${why}`))
    lastEnd = (async () => onLost())().catch((error: unknown) => logger.error('what follows the end of leading failed', { error }))
    return lastEnd
  }
  return {
    get active() {
      return current !== undefined
    },
    end,
    /** Leads until renewDeadlineMs after the renewal was *sent*: other candidates count from a later moment. */
    renew(sentMs: number) {
      const leftMs = sentMs + renewDeadlineMs - clock.monotonicMs()
      if (leftMs <= 0) return
      const deadline = clock.setTimer(leftMs, () => void end('the Lease could not be renewed in time'))
      current?.deadline.cancel()
      if (current !== undefined) {
        current.deadline = deadline
        return
      }
      current = { controller: new AbortController(), deadline }
      gauge(true)
      logger.info('leading')
      onGained(current.controller.signal)
    },
  }
}

type Outcome =
  | { readonly kind: 'mine'; readonly observation: Observation }
  | { readonly kind: 'held'; readonly by: string; readonly observation: Observation }

/**
 * One try to take or renew the Lease by compare-and-swap. Rejects with reason Conflict when another candidate was faster, and when the
 * API server does not answer in half the renew deadline (so that a holder has more than one try).
 */
async function tryLease(settings: Settings, last: Observation | undefined, signal: AbortSignal): Promise<Outcome> {
  const { client, namespace, name, clock } = settings
  const call = { signal, timeoutMs: Math.max(1000, settings.renewDeadlineMs / 2) }
  const found = await findObject<LeaseObject>(client, LEASES, { namespace, name }, call)
  const nowMs = clock.monotonicMs()
  if (found === undefined) {
    const spec = heldSpec(undefined, settings, clock.nowMs())
    const made = await createObject<NewLease>(client, LEASES, { metadata: { namespace, name }, spec }, call).catch(asConflict)
    return { kind: 'mine', observation: { spec: made.spec ?? spec, sinceMs: nowMs } }
  }
  const observation = observe(last, found.spec ?? {}, nowMs)
  const chance = chanceOf(observation, settings, nowMs)
  if (chance.kind === 'held') return { kind: 'held', by: chance.by, observation }
  // Our own name without leading: this candidate's term ran out, or a process of the same name ended without giving it back.
  const spec = heldSpec(observation.spec, settings, clock.nowMs())
  const written = await replaceObject<LeaseObject>(client, LEASES, { ...found, spec }, call)
  return { kind: 'mine', observation: { spec: written.spec ?? spec, sinceMs: nowMs } }
}

interface NewLease {
  readonly metadata: { readonly namespace: string; readonly name: string }
  readonly spec?: LeaseSpec
}

/** Two candidates that create the Lease at once: the slower one lost a race like any other. */
function asConflict(error: unknown): never {
  if (error instanceof ApiError && error.reason === 'AlreadyExists')
    throw new ApiError(error.message, { status: 409, reason: 'Conflict', cause: error })
  throw error
}

/** Best effort: when it fails the Lease simply expires. */
async function release({ client, namespace, name, identity, clock }: Settings, logger: Logger): Promise<void> {
  try {
    const call = { timeoutMs: RELEASE_TIMEOUT_MS }
    const found = await findObject<LeaseObject>(client, LEASES, { namespace, name }, call)
    if (found?.spec?.holderIdentity !== identity) return
    await replaceObject<LeaseObject>(client, LEASES, { ...found, spec: releasedSpec(found.spec, clock.nowMs()) }, call)
    logger.info('gave the Lease back')
  } catch (error) {
    logger.warn(`the Lease could not be given back and will expire: ${describeError(error)}`)
  }
}
