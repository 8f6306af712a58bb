#!/usr/bin/env node
import process from 'node:process'
import { type Family, parseIp } from '../addr/ip.ts'
import type { AddressClaimObject } from '../api/address-claim.ts'
import { EVENT_COMPONENT } from '../api/names.ts'
import { type ApiClient, createApiClient } from '../kube/client.ts'
import { createEventRecorder } from '../kube/events.ts'
import { isStaying } from '../policy/eligibility.ts'
import { systemClock } from '../runtime/clock.ts'
import { type HealthServer, startHealthServer } from '../runtime/health.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import { createMetrics, type Metrics } from '../runtime/metrics.ts'
import { createProcessLogger, productVersion, runMain, UsageError } from '../runtime/process.ts'
import { onShutdown, type ShutdownStep } from '../runtime/shutdown.ts'
import type { BgpEngine } from './bgp/engine.ts'
import { type Config, readConfig } from './config.ts'
import type { ClusterFacts } from './facts.ts'
import type { BgpOptions } from './io/bgp-engine.ts'
import { registerBgpMetrics } from './io/bgp-metrics.ts'
import { createBgpPages } from './io/bgp-pages.ts'
import { createBgpPart } from './io/bgp-part.ts'
import { watchCluster } from './io/cluster.ts'
import { openFrameSocket } from './io/frame-socket.ts'
import { watchHost } from './io/interfaces.ts'
import { followKeySecret } from './io/key-secret.ts'
import { registerLayer2Metrics } from './io/layer2-metrics.ts'
import { type Libc, openLibc } from './io/libc.ts'
import { createMembershipSession, type MembershipSession } from './io/membership-session.ts'
import type { PreflightSubject } from './io/preflight-facts.ts'
import { watchPreflight } from './io/preflight-watch.ts'
import { createReportPage } from './io/report-server.ts'
import { createLayer2Announcer, type Layer2Announcer } from './layer2/announcer.ts'
import type { MembershipFacts } from './membership/facts.ts'
import { createSpeaker } from './reconcile.ts'
import type { ReportedLine } from './report-of.ts'
import type { Speaker } from './speaker.ts'
import { REPORT_PATH } from './speaker-report.ts'

/** All of the shutdown; the kubelet's own limit is longer (terminationGracePeriodSeconds). */
const GRACE_MS = 10_000
const HAND_OVER_MS = 8000
/** Routes are told once more as about to go, withdrawn after a second, and the sessions end with a word. */
const LEAVE_BGP_MS = 4000
const RESTART_BGP_MS = 3000
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
      : await startHealthServer({
          ...config.metrics,
          registry: metrics.registry,
          ready: speaker.checks,
          pages: reportPages(nodeName, parts),
        })
  logger.info('speaker started', { version: productVersion(), layer2: parts.layer2 !== undefined, metricsPort: health?.port })
  const starting = new AbortController()
  onShutdown(['SIGTERM', 'SIGINT'], shutdownSteps(parts, starting, health), { graceMs: GRACE_MS, logger })
  await parts.membership?.start()
  cluster.start()
  parts.bgp.watch()
  try {
    await speaker.start(starting.signal)
    parts.bgp.start()
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
  const membership = openMembership(config, { client, logger, metrics, speaker: () => speaker })
  const layer2 = flags['enable-layer2'] ? openLayer2(libc, config, logger, membership?.fence, () => speaker) : undefined
  if (layer2 !== undefined) registerLayer2Metrics(metrics, layer2)
  else logger.warn('layer 2 is off: this node answers for no address of protocol layer2 (--enable-layer2)')
  const host = watchHost({ libc, clock, logger, onChange: () => speaker.look() })
  const onChange = (deleted?: AddressClaimObject): void => {
    if (deleted !== undefined) speaker.removed(deleted)
    if (deleted !== undefined) bgp.removed(deleted)
    speaker.wake()
    bgp.wake()
  }
  const cluster = watchCluster({ client, namespace, logger, clock, metrics, onChange })
  const speaker: Speaker = createSpeaker({
    self: nodeName,
    client,
    cluster,
    host,
    layer2,
    membership,
    recorder,
    logger,
    clock,
    metrics,
    subnetCheck: flags['layer2-subnet-check'],
    avoidCordoned: flags['avoid-cordoned'],
    rebalance: flags.rebalance === 'slow',
  })
  const preflight = watchPreflight({ clock, logger, metrics, subject: () => preflightSubject(speaker.lines(), cluster.claims.values()) })
  const bgp = createBgpPart({
    ...{ self: nodeName, namespace, client, cluster, recorder, clock, logger, metrics, random: Math.random },
    facts: () => bgpFacts(cluster.facts(), speaker.membership(), flags['avoid-cordoned']),
    openEngine: (onChange) => openBgp({ node: nodeName, libc, clock, logger, random: Math.random, onChange }),
  })
  registerBgpMetrics(metrics, { node: nodeName, ...bgp.routes })
  return { self: nodeName, speaker, cluster, host, layer2, bgp, membership, preflight, recorder, client, metrics }
}

type Parts = ReturnType<typeof createParts>

/** What the speakers hear of one another goes with the facts of the API server. */
function bgpFacts(cluster: ClusterFacts, membership: MembershipFacts | undefined, avoidCordoned: boolean): ClusterFacts {
  return { ...cluster, avoidCordoned, ...(membership !== undefined && { membership }) }
}

/** Loaded with the first BgpConf: a cluster without BGP holds none of it in memory. */
async function openBgp(options: BgpOptions): Promise<BgpEngine> {
  const { openBgpEngine } = await import('./io/bgp-engine.ts')
  return openBgpEngine(options)
}

function reportPages(
  self: string,
  { speaker, layer2, preflight, bgp }: Parts,
): Readonly<Record<string, (query: URLSearchParams) => string>> {
  const version = productVersion()
  const membership = { facts: speaker.membership }
  const { engine, configured, problems, silent } = bgp.routes
  const told = createBgpPages({ node: self, engine, configured, problems, silent })
  const report = createReportPage({ self, version, membership, announcer: layer2, latest: speaker.lines, preflight, bgp: told.report })
  return { [REPORT_PATH]: report, ...told.pages }
}

function preflightSubject(lines: readonly ReportedLine[], claims: Iterable<AddressClaimObject>): PreflightSubject {
  const families = new Set<Family>()
  for (const { spec } of claims) {
    const ip = spec.protocol === 'layer2' ? parseIp(spec.address) : undefined
    if (ip?.ok === true) families.add(ip.value.family)
  }
  return { uplinks: lines.map((line) => line.interface.name), families }
}

/** Other nodes take over first, then this one falls silent and says that it has ended; everything else is only tidied up. */
function shutdownSteps(parts: Parts, starting: AbortController, health: HealthServer | undefined): ShutdownStep[] {
  const { self, speaker, layer2, bgp, membership, recorder, cluster, client, host, preflight } = parts
  // A node that stays goes on forwarding, and its speaker comes back: peers that can keep the routes meanwhile.
  const stays = () => isStaying(cluster.facts().nodes.get(self))
  return [
    { name: 'start', close: () => starting.abort() },
    {
      name: 'hand over',
      async close() {
        await Promise.all([speaker.handOver(HAND_OVER_MS), stays() ? undefined : bgp.endSessions('leave', LEAVE_BGP_MS)])
      },
    },
    { name: 'BGP', close: () => bgp.endSessions('restart', RESTART_BGP_MS), timeoutMs: RESTART_BGP_MS + 500 },
    { name: 'layer 2', close: () => layer2?.close() },
    { name: 'membership', close: () => membership?.close(), timeoutMs: 500 },
    { name: 'events', close: recorder.close, timeoutMs: 1200 },
    // Ends what is still on its way, so that nothing below waits for an API server that is away.
    { name: 'client', close: client.close },
    { name: 'writes', close: async () => void (await Promise.all([speaker.close(), bgp.close()])), timeoutMs: 500 },
    { name: 'watches', close: cluster.close, timeoutMs: 500 },
    { name: 'health', close: () => health?.close(), timeoutMs: 500 },
    { name: 'preflight', close: preflight.close },
    { name: 'host', close: host.close },
  ]
}

interface MembershipParts {
  readonly client: ApiClient
  readonly logger: Logger
  readonly metrics: Metrics
  readonly speaker: () => Speaker
}

/** Undefined where nothing says where a key is: then the readiness of the Pods decides who is alive. */
function openMembership({ membership, nodeName, namespace }: Config, parts: MembershipParts): MembershipSession | undefined {
  const { key: place, bind, timing } = membership
  const clock = systemClock
  if (place !== undefined) {
    const key = 'secretName' in place ? { secret: followKeySecret({ ...parts, namespace, name: place.secretName, clock }) } : place
    return createMembershipSession({ self: nodeName, timing, bind, key, clock, ...parts })
  }
  parts.logger.warn(
    'membership is off: nothing says where its key is (--membership-secret), so a dead speaker is noticed by Kubernetes alone',
  )
  return undefined
}

/** Shows at start, and not at the first address, whether this process may open raw sockets. */
function openLayer2(
  libc: Libc,
  { announcementTimes }: Config,
  logger: Logger,
  fence: SharedArrayBuffer | undefined,
  speaker: () => Speaker,
): Layer2Announcer {
  try {
    openFrameSocket(libc, LOOPBACK_INDEX, 'IPv4').close()
  } catch (error) {
    throw new UsageError(`--enable-layer2 needs the capability NET_RAW: ${describeError(error)}`)
  }
  const { delaysMs, repeatMs } = announcementTimes
  return createLayer2Announcer({
    libc,
    clock: systemClock,
    logger,
    random: Math.random,
    onForeignClaim: (claim) => speaker().challenged(claim),
    announcementDelaysMs: delaysMs,
    ...(repeatMs !== undefined && { announcementRepeatMs: repeatMs }),
    ...(fence !== undefined && { fence }),
  })
}
