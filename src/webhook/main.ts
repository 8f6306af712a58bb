/** The webhook's process: builds the graph, starts it, ends it. */
import { hostname } from 'node:os'
import process from 'node:process'
import type { BgpPeerObject } from '../api/bgp-peer.ts'
import type { ConfigMapObject, NamespaceObject, NodeObject, SecretObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { CERTIFICATE_SECRET, SETTINGS_CONFIG_MAP, WEBHOOK, WEBHOOK_PATH } from '../api/names.ts'
import { type ApiClient, createApiClient } from '../kube/client.ts'
import { createInformer, type Informer, type RawObject } from '../kube/informer.ts'
import { BGP_PEERS, CONFIG_MAPS, EIPS, NAMESPACES, NODES, type Resource, SECRETS } from '../kube/resources.ts'
import { systemClock } from '../runtime/clock.ts'
import { type Check, startHealthServer } from '../runtime/health.ts'
import type { Logger } from '../runtime/logger.ts'
import { createMetrics, type Metrics } from '../runtime/metrics.ts'
import { createProcessLogger, productVersion, runMain, UsageError } from '../runtime/process.ts'
import { onShutdown, type ShutdownStep } from '../runtime/shutdown.ts'
import { reviewBgpConf } from './admit/bgp-conf.ts'
import { reviewBgpPeer } from './admit/bgp-peer.ts'
import { reviewEip } from './admit/eip.ts'
import { mutateService, reviewService } from './admit/service.ts'
import { createCertificateHolder } from './certificate-holder.ts'
import { type Config, readConfig, USAGE } from './config.ts'
import { createFacts, type Facts } from './facts.ts'
import { createReviewMetrics, type ReviewMetrics } from './metrics.ts'
import { startRenewal } from './renewal/reconcile.ts'
import { createApp, type Route, startServer } from './server.ts'
import { createEipAdmissionStore, createSerialAdmission, type SerialAdmission } from './store.ts'

type Run = Extract<Config, { kind: 'run' }>

/** What every part is made with. */
interface Base {
  readonly config: Run
  readonly client: ApiClient
  readonly logger: Logger
  readonly metrics: Metrics
}

async function run(config: Run): Promise<void> {
  const { flags } = config
  const logger = createProcessLogger('webhook', flags['log-format'], flags['log-level'])
  for (const warning of config.warnings) logger.warn(warning)
  const metrics = createMetrics()
  const userAgent = `openelb-webhook/${productVersion()}`
  const client = createApiClient({ kubeconfigPath: flags.kubeconfig || undefined, userAgent, logger, metrics })
  const base: Base = { config, client, logger, metrics }
  const informers = createInformers(base)
  const facts = createFacts({ ...informers, unset: config.unset, ownNamespace: config.namespace, clock: systemClock, logger })
  const reviewMetrics = createReviewMetrics(metrics)
  const routes = createRoutes(base, informers.bgpPeers, facts, reviewMetrics)
  const leaving = { yes: false }
  const isLeaving = () => leaving.yes
  const app = createApp({ routes, logger, clock: systemClock, onReview: reviewMetrics.review, isLeaving })
  const server = await startServer(app, { host: flags['webhook-host'], port: flags['webhook-port'] })
  const holder = createCertificateHolder({ secretName: CERTIFICATE_SECRET, serve: server.setCertificate, clock: systemClock, logger })
  informers.secret.subscribe(({ after }) => holder.offer(after))
  const ready = (): readonly Check[] => readyChecks(informers, holder.problem(), leaving.yes)
  const health = config.metricsAddress && (await startHealthServer({ ...config.metricsAddress, registry: metrics.registry, ready }))
  for (const informer of Object.values(informers)) informer.start()
  const renewal = startRenewal({ ...renewalOptions(base), client, logger, metrics, clock: systemClock })
  logger.info('webhook started', { port: server.port, metricsPort: health?.port, namespace: config.namespace, version: productVersion() })
  const drain = async (): Promise<void> => {
    leaving.yes = true
    await systemClock.sleep(flags['drain-time'])
  }
  const steps: readonly ShutdownStep[] = [
    { name: 'renewal', close: () => renewal.close(), timeoutMs: 2000 },
    // Requests keep coming until the API server has learned that this Pod goes.
    { name: 'drain', close: drain },
    { name: 'server', close: () => server.close(), timeoutMs: 3000 },
    { name: 'informers', close: () => closeAll(Object.values(informers)), timeoutMs: 1000 },
    { name: 'certificate', close: () => holder.close() },
    { name: 'client', close: () => client.close() },
    { name: 'health', close: () => health?.close() },
  ]
  onShutdown(['SIGTERM', 'SIGINT'], steps, { logger })
}

const closeAll = async (informers: readonly Pick<Informer<unknown>, 'close'>[]): Promise<void> => {
  await Promise.all(informers.map((informer) => informer.close()))
}

function renewalOptions({ config }: Base) {
  const { flags, namespace, podName } = config
  return {
    namespace,
    identity: podName || `${hostname()}-${process.pid}`,
    lifetimeMs: flags['certificate-lifetime'],
    renewBeforeMs: flags['renew-before'],
    settleMs: flags['settle-time'],
  }
}

/** The settings and the Secret are one object each: only that one is asked for, so the right to read it is enough. */
function createInformers({ config, client, logger, metrics }: Base) {
  const base = { client, logger, metrics }
  const one = <T>(resource: Resource, name: string) =>
    createInformer<T>({ ...base, resource, namespace: config.namespace, fieldSelector: `metadata.name=${name}` })
  return {
    eips: createInformer<EipObject>({ ...base, resource: EIPS, project: withoutStatus }),
    bgpPeers: createInformer<BgpPeerObject>({ ...base, resource: BGP_PEERS, project: withoutStatus }),
    namespaces: createInformer<Pick<NamespaceObject, 'metadata'>>({ ...base, resource: NAMESPACES, project: onlyLabels }),
    nodes: createInformer<NodeObject>({ ...base, resource: NODES, project: onlyNetwork }),
    settings: one<ConfigMapObject>(CONFIG_MAPS, SETTINGS_CONFIG_MAP),
    secret: one<SecretObject>(SECRETS, CERTIFICATE_SECRET),
  }
}

/** A status can be large, and no rule reads it. */
function withoutStatus<T extends { readonly status?: unknown }>(raw: RawObject): T {
  const { status: _status, ...rest } = raw as unknown as T
  return rest as T
}

function onlyLabels({ metadata }: RawObject): Pick<NamespaceObject, 'metadata'> {
  const { name, uid, resourceVersion, creationTimestamp, labels } = metadata as NamespaceObject['metadata']
  return { metadata: { name, uid, resourceVersion, creationTimestamp, ...(labels && { labels }) } }
}

/** A node writes its status every few minutes, and its images and capacities are most of it. */
function onlyNetwork(raw: RawObject): NodeObject {
  const { apiVersion, kind, metadata, spec, status } = raw as unknown as NodeObject
  const { name, uid, resourceVersion, creationTimestamp } = metadata
  return {
    apiVersion,
    kind,
    metadata: { name, uid, resourceVersion, creationTimestamp },
    spec: { ...(spec?.podCIDRs && { podCIDRs: spec.podCIDRs }) },
    status: { ...(status?.addresses && { addresses: status.addresses }) },
  }
}

function readyChecks(informers: ReturnType<typeof createInformers>, problem: string | undefined, leaving: boolean): readonly Check[] {
  const synced = Object.values(informers).map(({ name, synced }) =>
    synced ? { name, ok: true } : { name, ok: false, detail: 'not read from the API server yet' },
  )
  const certificate = problem === undefined ? { name: 'certificate', ok: true } : { name: 'certificate', ok: false, detail: problem }
  return [certificate, ...synced, ...(leaving ? [{ name: 'running', ok: false, detail: 'shutting down' }] : [])]
}

function createRoutes(
  base: Base,
  bgpPeers: Pick<Informer<BgpPeerObject>, 'values'>,
  facts: Facts,
  reviewMetrics: ReviewMetrics,
): readonly Route[] {
  const admitEip = createEipAdmission(base, facts, reviewMetrics)
  return [
    route('mutatingService', (request) => mutateService(request, facts.serviceFacts())),
    route('validatingService', (request) => reviewService(request, facts.serviceFacts())),
    route('validatingBgpConf', reviewBgpConf),
    route('validatingBgpPeer', (request) => reviewBgpPeer(request, [...bgpPeers.values()])),
    route('validatingEip', async (request, deadline) => {
      const review = reviewEip(request, facts.nodes())
      if (review.kind === 'answered') return review.answer
      const { eip, before, warnings } = review
      const answer = await admitEip({ uid: request.uid, eip, before, dryRun: request.dryRun ?? false }, deadline)
      return answer.allowed ? { ...answer, warnings } : answer
    }),
  ]
}

const route = (webhook: keyof typeof WEBHOOK, admit: Route['admit']): Route => ({
  name: WEBHOOK[webhook],
  path: WEBHOOK_PATH[webhook],
  admit,
})

function createEipAdmission({ config, client, logger }: Base, facts: Facts, reviewMetrics: ReviewMetrics): SerialAdmission {
  const store = createEipAdmissionStore(client, config.namespace, logger)
  const onRetry = reviewMetrics.eipRetry
  return createSerialAdmission({ store, clock: systemClock, random: Math.random, logger, deleted: facts.deletedEips, onRetry })
}

// Last, so that everything above is defined: this runs at once.
runMain('openelb-webhook', async () => {
  const config = readConfig(process.argv.slice(2), process.env)
  if (!config.ok) throw new UsageError(config.error)
  if (config.value.kind === 'print') {
    process.stdout.write(config.value.text === 'help' ? USAGE : `${productVersion()}\n`)
    return 0
  }
  return run(config.value)
})
