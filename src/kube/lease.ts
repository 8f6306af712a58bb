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

/** A term of leading: it ends when its signal aborts, and for good. */
interface Term {
  readonly end: AbortController
  deadline: Timer
}

function createCandidate(settings: Settings) {
  const { clock, retryPeriodMs, random = Math.random } = settings
  const logger = settings.logger.child({ lease: settings.name, identity: settings.identity })
  const gauge = leadershipGauge(settings.metrics, settings.name)
  let observation: Observation | undefined
  let term: Term | undefined
  let lastLost: Promise<void> = Promise.resolve()
  let trouble = ''
  const lose = (why: string) => {
    if (term === undefined) return
    const { end, deadline } = term
    term = undefined
    deadline.cancel()
    gauge(false)
    logger.warn(`no longer leading: ${why}`)
    end.abort(new Error(`no longer leading: ${why}`))
    lastLost = Promise.resolve(settings.onLost()).catch((error: unknown) => logger.error('the end of leading failed', { error }))
  }
  /** A holder leads until renewDeadlineMs after it *sent* its last successful renewal: others count from a later moment. */
  const renewed = (sentMs: number) => {
    const leftMs = sentMs + settings.renewDeadlineMs - clock.monotonicMs()
    const deadline = clock.setTimer(leftMs, () => lose('the Lease could not be renewed in time'))
    term?.deadline.cancel()
    if (term !== undefined) {
      term.deadline = deadline
      return
    }
    term = { end: new AbortController(), deadline }
    gauge(true)
    logger.info('leading')
    settings.onGained(term.end.signal)
  }
  const attempt = async (signal: AbortSignal): Promise<void> => {
    const sentMs = clock.monotonicMs()
    const outcome = await tryLease(settings, observation, term !== undefined, signal)
    observation = outcome.observation
    if (outcome.kind === 'held') lose(`${outcome.by} holds the Lease`)
    else if (clock.monotonicMs() - sentMs < settings.renewDeadlineMs) renewed(sentMs)
  }
  const report = (error: unknown) => {
    const text = describeError(error)
    if (text !== trouble) logger.warn(`the Lease cannot be ${term === undefined ? 'taken' : 'renewed'}: ${text}; trying again`)
    trouble = text
  }
  return {
    leading: () => term !== undefined,
    holder: () => observation?.spec.holderIdentity ?? '',
    async run(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        await attempt(signal).then(
          () => {
            trouble = ''
          },
          (error: unknown) => {
            if (!signal.aborted && !isConflict(error)) report(error)
          },
        )
        await clock.sleep(jitteredMs(retryPeriodMs, 0.2, random), signal).catch(() => undefined)
      }
    },
    async resign(): Promise<void> {
      const wasLeading = term !== undefined
      lose('closing')
      await Promise.race([lastLost, clock.sleep(RELEASE_WAIT_MS)])
      if (wasLeading) await release(settings, logger)
    },
  }
}

type Outcome =
  | { readonly kind: 'mine'; readonly observation: Observation }
  | { readonly kind: 'held'; readonly by: string; readonly observation: Observation }

/**
 * One try to take or renew the Lease by compare-and-swap. Rejects with reason Conflict when another candidate was faster, and when the
 * API server does not answer within the retry period (so that a holder has several tries before its deadline).
 */
async function tryLease(settings: Settings, last: Observation | undefined, leading: boolean, signal: AbortSignal): Promise<Outcome> {
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
  // Our own name, but we do not lead: a process of this name ended without giving it back, or our term ran out. Both may go on.
  const spec = heldSpec(leading || chance.kind === 'renew' ? observation.spec : found.spec, settings, clock.nowMs())
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
