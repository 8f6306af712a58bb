#!/usr/bin/env node
import process from 'node:process'
import type { AddressClaimObject } from '../api/address-claim.ts'
import { EVENT_COMPONENT } from '../api/names.ts'
import { createApiClient } from '../kube/client.ts'
import { createEventRecorder } from '../kube/events.ts'
import { systemClock } from '../runtime/clock.ts'
import { type HealthServer, startHealthServer } from '../runtime/health.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { createProcessLogger, productVersion, runMain, UsageError } from '../runtime/process.ts'
import { onShutdown, type ShutdownStep } from '../runtime/shutdown.ts'
import { type Config, readConfig } from './config.ts'
import { watchCluster } from './io/cluster.ts'
import { openFrameSocket } from './io/frame-socket.ts'
import { watchHost } from './io/interfaces.ts'
import { registerLayer2Metrics } from './io/layer2-metrics.ts'
import { type Libc, openLibc } from './io/libc.ts'
import { createLayer2Announcer, type Layer2Announcer } from './layer2/announcer.ts'
import { createSpeaker, type Speaker } from './reconcile.ts'

/** All of the shutdown; the kubelet's own limit is longer (terminationGracePeriodSeconds). */
const GRACE_MS = 10_000
const HAND_OVER_MS = 8000
const LOOPBACK_INDEX = 1

runMain('openelb-speaker', async () => {
  const asked = readConfig(process.argv.slice(2), process.env, productVersion())
  if (!asked.ok) throw new UsageError(asked.error)
  if (asked.value.kind === 'print') return void process.stdout.write(asked.value.text)
  await run(asked.value.config)
})

async function run(config: Config): Promise<void> {
  const { flags, nodeName } = config
  const logger = createProcessLogger('speaker', flags['log-format'], flags['log-level']).child({ node: nodeName })
  for (const warning of config.warnings) logger.warn(warning)
  const parts = createParts(config, logger)
  const { speaker, cluster, metrics } = parts
  const health =
    config.metrics === undefined
      ? undefined
      : await startHealthServer({ ...config.metrics, registry: metrics.registry, ready: speaker.checks })
  logger.info('speaker started', { version: productVersion(), layer2: parts.layer2 !== undefined, metricsPort: health?.port })
  const starting = new AbortController()
  onShutdown(['SIGTERM', 'SIGINT'], shutdownSteps(parts, starting, health), { graceMs: GRACE_MS, logger })
  cluster.start()
  try {
    await speaker.start(starting.signal)
    logger.info('the cluster is read')
  } catch (error) {
    if (!starting.signal.aborted) throw error
  }
}

/** The graph of the process. Watches call the speaker, and the speaker reads the watches; neither does so before cluster.start(). */
function createParts(config: Config, logger: Logger) {
  const { flags, nodeName, namespace } = config
  const clock = systemClock
  const metrics = createMetrics()
  const kubeconfigPath = flags.kubeconfig === '' ? undefined : flags.kubeconfig
  const client = createApiClient({ kubeconfigPath, userAgent: `openelb-speaker/${productVersion()}`, logger, metrics })
  const instance = config.podName || nodeName
  const recorder = createEventRecorder({ client, component: EVENT_COMPONENT.speaker, logger, clock, metrics, instance })
  const libc = openLibc()
  const layer2 = flags['enable-layer2'] ? openLayer2(libc, logger) : undefined
  if (layer2 !== undefined) registerLayer2Metrics(metrics, layer2)
  else logger.warn('layer 2 is off: this node answers for no address of protocol layer2 (--enable-layer2)')
  const host = watchHost({ libc, clock, logger, onChange: () => speaker.wake() })
  const onChange = (deleted?: AddressClaimObject): void => {
    if (deleted !== undefined) speaker.removed(deleted)
    speaker.wake()
  }
  const cluster = watchCluster({ client, namespace, logger, clock, metrics, onChange })
  const announcers = { layer2 }
  const speaker: Speaker = createSpeaker({ self: nodeName, client, cluster, host, announcers, recorder, logger, clock, metrics })
  return { speaker, cluster, host, layer2, recorder, client, metrics }
}

/** Other nodes take over first, then this one falls silent; everything else is only tidied up. */
function shutdownSteps(parts: ReturnType<typeof createParts>, starting: AbortController, health: HealthServer | undefined): ShutdownStep[] {
  const { speaker, layer2, recorder, cluster, client, host } = parts
  return [
    { name: 'start', close: () => starting.abort() },
    { name: 'hand over', close: () => speaker.handOver(HAND_OVER_MS) },
    { name: 'layer 2', close: () => layer2?.close() },
    { name: 'events', close: recorder.close, timeoutMs: 1200 },
    // Ends what is still on its way, so that nothing below waits for an API server that is away.
    { name: 'client', close: client.close },
    { name: 'writes', close: speaker.close, timeoutMs: 500 },
    { name: 'watches', close: cluster.close, timeoutMs: 500 },
    { name: 'health', close: () => health?.close(), timeoutMs: 500 },
    { name: 'host', close: host.close },
  ]
}

/** Shows at start, and not at the first address, whether this process may open raw sockets. */
function openLayer2(libc: Libc, logger: Logger): Layer2Announcer {
  try {
    openFrameSocket(libc, LOOPBACK_INDEX, 'IPv4').close()
  } catch (error) {
    throw new UsageError(`--enable-layer2 needs the capability NET_RAW: ${describeError(error)}`)
  }
  return createLayer2Announcer({ libc, clock: systemClock, logger, random: Math.random })
}
