/** The allocator's process: builds the graph, starts it, ends it. */
import process from 'node:process'
import type { AddressClaimObject } from '../api/address-claim.ts'
import type { ConfigMapObject, NamespaceObject, NodeObject, ServiceObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { EVENT_COMPONENT, SETTINGS_CONFIG_MAP } from '../api/names.ts'
import { type ApiClient, createApiClient } from '../kube/client.ts'
import { createEventRecorder } from '../kube/events.ts'
import { createInformer, type Informer } from '../kube/informer.ts'
import { ADDRESS_CLAIMS, CONFIG_MAPS, EIPS, NAMESPACES, NODES, SERVICES } from '../kube/resources.ts'
import { systemClock } from '../runtime/clock.ts'
import { type Check, startHealthServer } from '../runtime/health.ts'
import type { Logger } from '../runtime/logger.ts'
import { keepYoungSpaceSmall } from '../runtime/memory.ts'
import { createMetrics, type Metrics } from '../runtime/metrics.ts'
import { createProcessLogger, productVersion, runMain, UsageError } from '../runtime/process.ts'
import { onShutdown } from '../runtime/shutdown.ts'
import { createFinalizerRemoval } from './bgp/reconcile.ts'
import { type AllocatorConfig, readConfig } from './config.ts'
import { projectClaim, projectEip, projectNamespace, projectNode, projectService, projectSettings } from './projection.ts'
import { createAllocator } from './server.ts'

runMain('openelb-controller', async () => {
  const command = readConfig(process.argv.slice(2), process.env)
  if (!command.ok) throw new UsageError(command.error)
  if (command.value.verb === 'run') return run(command.value.config)
  process.stdout.write(command.value.verb === 'help' ? command.value.text : `${productVersion()}\n`)
  return 0
})

async function run(config: AllocatorConfig): Promise<void> {
  keepYoungSpaceSmall()
  const logger = createProcessLogger('allocator', config.logFormat, config.logLevel)
  for (const warning of config.warnings) logger.warn(warning)
  const metrics = createMetrics()
  const { kubeconfigPath, identity } = config
  const client = createApiClient({ kubeconfigPath, userAgent: `openelb-controller/${productVersion()}`, logger, metrics })
  const informers = createInformers({ config, client, logger, metrics })
  const recorder = { client, logger, metrics, clock: systemClock, instance: identity }
  const events = createEventRecorder({ ...recorder, component: EVENT_COMPONENT.controller })
  const allocator = createAllocator({ config, client, informers, events, logger, metrics, clock: systemClock })
  const finalizers = createFinalizerRemoval({ client, logger, metrics, clock: systemClock })
  const ready = (): readonly Check[] => readyChecks(informers)
  const health = config.metricsAddress && (await startHealthServer({ ...config.metricsAddress, registry: metrics.registry, ready }))
  for (const informer of Object.values(informers)) informer.start()
  allocator.start()
  finalizers.start()
  logger.info('allocator started', { identity, namespace: config.namespace, metricsPort: health?.port, version: productVersion() })
  onShutdown(
    ['SIGTERM', 'SIGINT'],
    [
      { name: 'allocator', close: () => allocator.close(), timeoutMs: 6000 },
      { name: 'finalizers', close: () => finalizers.close(), timeoutMs: 500 },
      { name: 'events', close: () => events.close(), timeoutMs: 1500 },
      { name: 'informers', close: () => closeAll(Object.values(informers)), timeoutMs: 1000 },
      { name: 'client', close: () => client.close() },
      { name: 'health', close: () => health?.close() },
    ],
    { logger },
  )
}

interface Base {
  readonly config: AllocatorConfig
  readonly client: ApiClient
  readonly logger: Logger
  readonly metrics: Metrics
}

/** The settings are one object: only that one is asked for, so the right to read it is enough. */
function createInformers({ config, client, logger, metrics }: Base) {
  const base = { client, logger, metrics }
  const settings = { namespace: config.namespace, fieldSelector: `metadata.name=${SETTINGS_CONFIG_MAP}`, project: projectSettings }
  return {
    services: createInformer<ServiceObject>({ ...base, resource: SERVICES, project: projectService }),
    namespaces: createInformer<NamespaceObject>({ ...base, resource: NAMESPACES, project: projectNamespace }),
    nodes: createInformer<NodeObject>({ ...base, resource: NODES, project: projectNode }),
    eips: createInformer<EipObject>({ ...base, resource: EIPS, project: projectEip }),
    claims: createInformer<AddressClaimObject>({ ...base, resource: ADDRESS_CLAIMS, project: projectClaim }),
    settings: createInformer<ConfigMapObject>({ ...base, resource: CONFIG_MAPS, ...settings }),
  }
}

/** A follower is ready as well: it takes over without reading anything first. */
function readyChecks(informers: ReturnType<typeof createInformers>): readonly Check[] {
  return Object.values(informers).map(({ name, synced }) =>
    synced ? { name, ok: true } : { name, ok: false, detail: 'not read from the API server yet' },
  )
}

const closeAll = async (informers: readonly Pick<Informer<unknown>, 'close'>[]): Promise<void> => {
  await Promise.all(informers.map((informer) => informer.close()))
}
