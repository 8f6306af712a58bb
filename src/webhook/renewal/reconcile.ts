import { createCertificateCluster } from '../../../certgen/cluster.ts'
import { serviceHosts } from '../../../certgen/hosts.ts'
import { type CertificateTools, createRenewer } from '../../../certgen/reconcile.ts'
import { DEFAULT_KEY_NAMES } from '../../../certgen/secret.ts'
import { ADMISSION_NAME, CERTIFICATE_SECRET, RENEWAL_LEASE } from '../../api/names.ts'
import type { ApiClient } from '../../kube/client.ts'
import { createInformer, type Informer } from '../../kube/informer.ts'
import { createLeaderElection, type LeaderElectionOptions } from '../../kube/lease.ts'
import { createReconcileLoop, type ReconcileLoop } from '../../kube/reconcile-loop.ts'
import { MUTATING_WEBHOOKS, type Resource, SECRETS, VALIDATING_WEBHOOKS } from '../../kube/resources.ts'
import type { Clock } from '../../runtime/clock.ts'
import { describeError, type Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'

export interface RenewalOptions {
  readonly client: ApiClient
  /** Where we are installed. */
  readonly namespace: string
  /** Unique per process: the Pod's name. */
  readonly identity: string
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics?: Metrics
  /** The three of RENEWAL_FLAGS in certgen/config.ts. `renewBeforeMs` 0 is a third of the certificate's life. */
  readonly lifetimeMs: number
  readonly renewBeforeMs: number
  readonly settleMs: number
  /** Names that the certificate must have beside those of our Services. */
  readonly extraHosts?: readonly string[]
  readonly lease?: Partial<Pick<LeaderElectionOptions, 'leaseDurationMs' | 'renewDeadlineMs' | 'retryPeriodMs'>>
}

/** The renewal of one process; of all processes one leads and does the work. */
export interface Renewal {
  readonly leading: boolean
  /** Ends the work, gives the Lease back. Idempotent. */
  close(): Promise<void>
}

const KEY = 'certificates'
/** A look at everything although nothing has told of a change: a clock may jump, and a wait of months may get lost. */
const LONGEST_SLEEP_MS = 3_600_000
const MAX_BACKOFF_MS = 30_000

/**
 * Keeps the serving certificate fresh and its CA published, for as long as this process holds the Lease: renews the certificate when
 * it is due, finishes a renewal that another leader began, and restores a caBundle that somebody took away. Needs, in the own
 * namespace, get, list, watch, update of the Secret and the Lease's rights; of the configurations get, list, watch, patch.
 */
export function startRenewal(options: RenewalOptions): Renewal {
  const { client, namespace, identity, clock, metrics } = options
  const logger = options.logger.child({ component: 'renewal' })
  let term: Term | undefined
  const election = createLeaderElection({
    client,
    namespace,
    name: RENEWAL_LEASE,
    identity,
    clock,
    logger,
    ...(metrics === undefined ? {} : { metrics }),
    ...options.lease,
    onGained: (signal) => {
      term = beginTerm({ ...options, logger }, signal)
    },
    onLost: async () => {
      const ended = term
      term = undefined
      await ended?.close()
    },
  })
  election.start()
  return {
    get leading() {
      return election.leading
    },
    close: () => election.close(),
  }
}

interface Term {
  close(): Promise<void>
}

/** The work of one leader. Informers only wake it: each step reads what it decides on from the API server. */
function beginTerm(options: RenewalOptions, signal: AbortSignal): Term {
  const { client, namespace, logger, clock, metrics } = options
  const cluster = createCertificateCluster({ client, namespace, webhookName: ADMISSION_NAME, validating: true, mutating: true, signal })
  const loop: ReconcileLoop = createReconcileLoop({
    name: KEY,
    reconcile: createStep(options, { cluster, logger, clock }, signal, (ms) => loop.addAfter(KEY, ms)),
    concurrency: 1,
    logger,
    clock,
    maxBackoffMs: MAX_BACKOFF_MS,
    ...(metrics === undefined ? {} : { metrics }),
  })
  const watched: readonly Informer<unknown>[] = [
    watchOne(options, SECRETS, CERTIFICATE_SECRET),
    watchOne(options, VALIDATING_WEBHOOKS, ADMISSION_NAME),
    watchOne(options, MUTATING_WEBHOOKS, ADMISSION_NAME),
  ]
  for (const informer of watched) {
    informer.subscribe(() => loop.add(KEY))
    informer.start()
  }
  loop.add(KEY)
  loop.start()
  return {
    async close() {
      await Promise.all([loop.close(), ...watched.map((informer) => informer.close())])
    },
  }
}

/** One step per call; `again` says when the next is due. */
function createStep(options: RenewalOptions, tools: CertificateTools, signal: AbortSignal, again: (ms: number) => void) {
  const { clock, namespace, lifetimeMs, renewBeforeMs, settleMs, metrics } = options
  const renewer = createRenewer(tools, {
    secret: { name: CERTIFICATE_SECRET, keyNames: DEFAULT_KEY_NAMES },
    hosts: [...serviceHosts(namespace), ...(options.extraHosts ?? [])],
    lifetimeMs,
    settleMs,
    ...(renewBeforeMs === 0 ? {} : { renewBeforeMs }),
  })
  const expiry = metrics?.gauge('certificate_expiry_timestamp_seconds', 'End of the serving certificate, as seconds since 1970.')
  const steps = metrics?.counter('certificate_renewal_steps_total', 'Steps of certificate renewals, by kind.', ['step'])
  return async (): Promise<void> => {
    try {
      const step = await renewer.step()
      if (step.kind === 'nothing') {
        expiry?.set(step.leaf.notAfterMs / 1000)
        again(Math.min(LONGEST_SLEEP_MS, Math.max(0, step.untilMs - clock.nowMs())))
      } else if (step.kind === 'wait-for-bundle-published') again(step.waitMs)
      else {
        steps?.inc({ step: step.kind })
        again(0)
      }
    } catch (error) {
      if (!signal.aborted) throw error
      tools.logger.debug(`a step ended with the term: ${describeError(error)}`)
    }
  }
}

/** Keeps only the name and version of one object: a Secret's content is nobody's business here. */
function watchOne({ client, namespace, logger, clock, metrics }: RenewalOptions, resource: Resource, name: string): Informer<unknown> {
  return createInformer({
    client,
    resource,
    fieldSelector: `metadata.name=${name}`,
    ...(resource.namespaced ? { namespace } : {}),
    project: ({ metadata }) => ({ metadata: { name: metadata.name, resourceVersion: metadata.resourceVersion } }),
    logger,
    clock,
    ...(metrics === undefined ? {} : { metrics }),
  })
}
