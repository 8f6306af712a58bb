/** The compare-and-swap through which Eips are admitted one at a time, across all replicas of the webhook. */
import type { ConfigMapObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { EIP_ADMISSION_CONFIG_MAP } from '../api/names.ts'
import { type ApiClient, isAlreadyExists, isConflict, isUnanswered } from '../kube/client.ts'
import { createObject, findObject, listObjects, replaceObject } from '../kube/objects.ts'
import { CONFIG_MAPS, EIPS } from '../kube/resources.ts'
import { refuse } from '../policy/verdict.ts'
import { backoffDelayMs } from '../runtime/backoff.ts'
import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import type { Answer, Deadline } from './admission.ts'
import { decideEip, type SerialDecision } from './admit/eip.ts'
import { createSightings, formatReservations, parseReservations, type Reservations, type Sightings } from './reservations.ts'

/** The reservations as they were read; `version` is what a write must replace, undefined when there is no ConfigMap yet. */
export interface ReadReservations {
  readonly entries: Reservations
  readonly version: string | undefined
}

/** The outside world of serial admission. Tests pass one made of Maps. */
export interface EipAdmissionStore {
  read(timeoutMs: number): Promise<ReadReservations>
  /** Every stored Eip, from the API server and not from a cache. */
  listEips(timeoutMs: number): Promise<readonly EipObject[]>
  /** Writes over exactly the version that was read. */
  write(entries: Reservations, version: string | undefined, timeoutMs: number): Promise<'written' | 'conflict'>
}

/** The store in ConfigMap `openelb-eip-admission` of `namespace`. */
export function createEipAdmissionStore(client: ApiClient, namespace: string, logger: Logger): EipAdmissionStore {
  const ref = { namespace, name: EIP_ADMISSION_CONFIG_MAP }
  return {
    async read(timeoutMs) {
      const map = await findObject<ConfigMapObject>(client, CONFIG_MAPS, ref, { timeoutMs })
      const { entries, bad } = parseReservations(map?.data)
      if (bad.length > 0) logger.warn(`ConfigMap ${ref.name} has entries that cannot be read; they are dropped`, { entries: bad })
      return { entries, version: map?.metadata.resourceVersion }
    },
    listEips: (timeoutMs) => listObjects<EipObject>(client, EIPS, { timeoutMs }),
    async write(entries, version, timeoutMs) {
      const data = formatReservations(entries)
      try {
        if (version === undefined) await createObject(client, CONFIG_MAPS, { metadata: ref, data }, { timeoutMs })
        else await replaceObject(client, CONFIG_MAPS, { metadata: { ...ref, resourceVersion: version }, data }, { timeoutMs })
        return 'written'
      } catch (error) {
        if (isConflict(error) || isAlreadyExists(error)) return 'conflict'
        throw error
      }
    },
  }
}

export interface SerialAdmissionOptions {
  readonly store: EipAdmissionStore
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  /** uids of Eips that were seen to be deleted. */
  readonly deleted: () => ReadonlySet<string>
  /** Counts each look that ended in a conflict or in waiting for another request. */
  readonly onRetry: (why: 'conflict' | 'wait' | 'error') => void
}

/** One request to be admitted serially. */
export interface SerialRequest {
  readonly uid: string
  readonly eip: EipObject
  readonly before: EipObject | undefined
  readonly dryRun: boolean
}

/** Answers within the deadline, always. */
export type SerialAdmission = (request: SerialRequest, deadline: Deadline) => Promise<Answer>

/** An admitted Eip is stored within milliseconds; what is not there after this long was refused by somebody else. */
const LONGEST_WAIT_MS = 2000
const BACKOFF = { baseMs: 20, maxMs: 400 } as const
const TRY_AGAIN = 'try again in a few seconds'

type Look = SerialDecision | { readonly kind: 'conflict' } | { readonly kind: 'error'; readonly error: unknown }

/**
 * Admits one Eip after the other. Within this process requests queue, since they would only lose to one another; between processes the
 * version of the ConfigMap decides. A dry run looks and writes nothing.
 */
export function createSerialAdmission(options: SerialAdmissionOptions): SerialAdmission {
  const { clock, logger } = options
  const queue = createQueue()
  const sightings = createSightings(clock.monotonicMs)
  return async (request, { budgetMs }) => {
    const startMs = clock.monotonicMs()
    const leftMs = () => Math.max(1, startMs + budgetMs - clock.monotonicMs())
    for (let attempt = 1; ; attempt++) {
      const look = await queue(() => lookOnce(options, sightings, request, leftMs))
      if (look.kind === 'refuse' || look.kind === 'admit') return look.verdict
      options.onRetry(look.kind)
      const delayMs = backoffDelayMs({ attempt, ...BACKOFF, random: options.random })
      const elapsedMs = clock.monotonicMs() - startMs
      const patienceMs = look.kind === 'wait' ? Math.min(LONGEST_WAIT_MS, budgetMs) : budgetMs
      if (elapsedMs + delayMs >= patienceMs || isHopeless(look)) return giveUp(look, logger)
      await clock.sleep(delayMs)
    }
  }
}

/** Errors that another try a moment later does not cure: we may not read, or our namespace is going away. */
const isHopeless = (look: Look): boolean => look.kind === 'error' && !isUnanswered(look.error) && !isTransient(look.error)

const isTransient = (error: unknown): boolean => {
  const status = (error as { readonly status?: unknown }).status
  return typeof status === 'number' && (status === 429 || status >= 500)
}

function giveUp(look: Exclude<Look, { kind: 'refuse' | 'admit' }>, logger: Logger): Answer {
  if (look.kind === 'wait') return look.verdict
  const why = look.kind === 'conflict' ? 'too many Eips are created at this moment' : describeError(look.error)
  logger.error('an Eip was refused because it could not be compared with the others', { why })
  return refuse(`the Eip cannot be compared with the other Eips, ${why}`, TRY_AGAIN)
}

/** Each of its requests may take what is left of the deadline then: three that are slow must not take three times as long. */
async function lookOnce(
  options: SerialAdmissionOptions,
  sightings: Sightings,
  request: SerialRequest,
  leftMs: () => number,
): Promise<Look> {
  const { store, clock } = options
  try {
    // In this order: an Eip that was admitted before the reservations were read is either among them or already stored.
    const { entries, version } = await store.read(leftMs())
    sightings.look(entries)
    const stored = await store.listEips(leftMs())
    const decision = decideEip(request, entries, { stored, deleted: options.deleted(), nowMs: clock.nowMs(), ageMs: sightings.ageMs })
    if (decision.kind !== 'admit' || request.dryRun) return decision
    sightings.look(decision.entries)
    return (await store.write(decision.entries, version, leftMs())) === 'written' ? decision : { kind: 'conflict' }
  } catch (error) {
    return { kind: 'error', error }
  }
}

/** Runs one task after the other, in the order of the calls. A task that rejects stops nobody. */
function createQueue(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (task) => {
    const result = last.then(task, task)
    last = result.catch(() => undefined)
    return result
  }
}
