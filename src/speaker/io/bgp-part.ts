import type { AddressClaimObject } from '../../api/address-claim.ts'
import type { ApiClient } from '../../kube/client.ts'
import type { EventRecorder } from '../../kube/events.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { BgpEngine } from '../bgp/engine.ts'
import { confStatus, type NodePeerStatus, peerStatus } from '../bgp-status.ts'
import { createClaimEvents } from '../claim-events.ts'
import type { Report } from '../claim-status.ts'
import type { ClusterFacts } from '../facts.ts'
import { reporters } from '../facts.ts'
import { isReporter } from '../report.ts'
import { announcedReport, announcersOf, type BgpMeans } from '../routes/announcement.ts'
import { createDepartures } from '../routes/departures.ts'
import { type BgpRoutes, createBgpRoutes, routeFactsOf } from '../routes/reconcile.ts'
import { createMeans, createResolver } from '../routes/resolver.ts'
import { type BgpStatusWriter, createBgpStatusWriter, type StatusObject } from './bgp-status-writer.ts'
import type { ClusterWatch } from './cluster.ts'
import { type BgpWatch, watchBgp } from './cluster-bgp.ts'
import { type ClaimWish, createRouteClaims, type RouteClaims } from './route-claims.ts'

/** All of BGP beside the sessions themselves: what is watched, what is announced, and what is said of it. */
export interface BgpPart {
  readonly routes: BgpRoutes
  /** Nodes, claims, Services or endpoints may have changed. */
  wake(): void
  /** A claim is gone. */
  removed(claim: AddressClaimObject): void
  /** The cluster is read. */
  start(): void
  /** Begins to watch. */
  watch(): void
  /** Ends the sessions as BgpEngine.close says; nothing is announced from then on. Idempotent. */
  endSessions(how: 'restart' | 'leave', limitMs: number): Promise<void>
  /** Ends looks and writes. Idempotent. */
  close(): Promise<void>
}

export interface BgpPartOptions {
  readonly self: string
  readonly namespace: string
  readonly client: ApiClient
  readonly cluster: ClusterWatch
  /** The cluster's facts with what the speakers hear of one another. */
  readonly facts: () => ClusterFacts
  readonly openEngine: (onChange: () => void) => Promise<BgpEngine>
  readonly recorder: EventRecorder
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly random: () => number
}

interface Silence {
  readonly reason: string
  readonly sinceMs: number
}

interface Part extends BgpPartOptions {
  readonly bgp: BgpWatch
  readonly routes: BgpRoutes
  readonly claims: RouteClaims
  readonly statuses: BgpStatusWriter
  readonly events: ReturnType<typeof createClaimEvents>
  readonly departures: ReturnType<typeof createDepartures>
  readonly means: () => BgpMeans
  /** By claim, since when nobody announces it for one reason. */
  readonly silences: Map<string, Silence>
  /** The means that all claims were last looked at for, as text. */
  judgedBy: string
  /** By Service, what was said of its annotations. */
  readonly complained: Map<string, string>
}

/** Creates it; nothing is asked before watch(), nothing said before start(). */
export function createBgpPart(options: BgpPartOptions): BgpPart {
  const part = createPart(options)
  const { routes, claims, statuses, bgp } = part
  return {
    routes,
    wake: routes.wake,
    watch: bgp.start,
    removed: (claim) => removed(part, claim),
    start() {
      claims.start()
      statuses.start()
      routes.start()
    },
    async endSessions(how, limitMs) {
      routes.close()
      await routes.engine()?.close(how, limitMs)
    },
    async close() {
      routes.close()
      await Promise.all([claims.close(), statuses.close(), bgp.close()])
    },
  }
}

function createPart(options: BgpPartOptions): Part {
  const { self, cluster, recorder } = options
  const bgp = watchBgp({ ...options, onChange: () => part.routes.wake() })
  const part: Part = {
    ...options,
    bgp,
    events: createClaimEvents({ self, recorder, eipUid: cluster.eipUid }),
    departures: createDepartures(),
    means: createMeans(bgp, () => cluster.facts().nodes),
    silences: new Map(),
    judgedBy: '',
    complained: new Map(),
    routes: routesOf(options, bgp, () => part),
    claims: createRouteClaims({
      ...options,
      claimOf: cluster.claims.get,
      wish: (claim) => wishOf(part, claim),
      reported: (claim, report) => tellEvents(part, claim, report),
    }),
    statuses: createBgpStatusWriter({ ...options, ...statusSources(() => part) }),
  }
  return part
}

function routesOf({ self, cluster, facts, openEngine, clock, logger }: BgpPartOptions, bgp: BgpWatch, part: () => Part): BgpRoutes {
  let up = ''
  const sessionsChanged = (): void => {
    const { statuses, claims, routes } = part()
    statuses.wake()
    const now = upPeersOf(routes.engine())
    if (now === up) return
    up = now
    for (const name of routes.plan().lineOf.keys()) claims.add(name)
  }
  return createBgpRoutes({
    watch: bgp,
    facts: () => routeFactsOf(self, facts(), cluster.claims.values, cluster, bgp.conf()?.spec?.asPerRack),
    resolver: createResolver(self, bgp, () => cluster.facts().nodes.get(self)),
    openEngine: () => openEngine(sessionsChanged),
    claims: () => part().claims,
    onLook: () => looked(part()),
    clock,
    logger,
  })
}

const upPeersOf = (engine: BgpEngine | undefined): string =>
  (engine?.peers() ?? []).flatMap(({ name, state }) => (state === 'Established' ? [name] : [])).join(' ')

function looked(part: Part): void {
  const facts = part.facts()
  const { departures, clock, cluster, claims, routes, statuses } = part
  // Nothing else of their claims changes when nodes go, and whoever spoke for the claims may be among them.
  const isNews = departures.follow(reporters(facts), facts.nodeNames, clock.monotonicMs())
  if (isNews) for (const claim of cluster.claims.values()) if (announcersOf(claim).size > 0) claims.add(claim.metadata.name)
  followMeans(part)
  complain(part)
  // Without settings there is nothing to say yet: what an earlier process wrote holds until then.
  if (!routes.configured() || routes.resolution() !== undefined) statuses.wake()
}

/** A BgpConf or a BgpPeer that comes or goes changes no route of a claim that nobody announces, and yet what is to be said of it. */
function followMeans(part: Part): void {
  const { configured, peers, selectedNodes } = part.means()
  const now = `${configured} ${selectedNodes} ${[...peers].sort().join(' ')}`
  if (now === part.judgedBy) return
  part.judgedBy = now
  for (const claim of part.cluster.claims.values()) if (claim.spec.protocol === 'bgp') part.claims.add(claim.metadata.name)
}

/** Once for each text of a Service, by one speaker for all. */
function complain({ self, routes, cluster, complained, events, facts }: Part): void {
  const { complaints } = routes.plan()
  const current = new Set([...complaints.values()].flatMap((complaint) => [...complaint.keys()]))
  for (const service of complained.keys()) if (!current.has(service)) complained.delete(service)
  for (const [name, complaint] of complaints) {
    const claim = cluster.claims.get(name)
    for (const [service, problems] of claim === undefined ? [] : complaint) {
      const message = `ignored: ${problems.join('; ')}`
      if (complained.get(service) === message) continue
      complained.set(service, message)
      if (claim !== undefined && isReporter(self, claim.spec.address, facts())) events.unreadable(claim, service, message)
    }
  }
}

/** A condition that is False is not worth a write for the moment in which a new address finds its sessions. */
const SILENT_FOR_MS = 2000
const SETTLE_MS = 50

/** Nothing is judged before everything is read: what an earlier process wrote holds until then. */
const NOT_YET: ClaimWish = { announced: 'soon', lost: true, gone: [], report: undefined, againMs: undefined }

function wishOf(part: Part, claim: AddressClaimObject): ClaimWish {
  if (!part.routes.ready()) return NOT_YET
  const { self, routes, clock, departures, silences } = part
  const { name } = claim.metadata
  const line = routes.plan().lineOf.get(name)
  const verdicts = line === undefined ? [] : (routes.engine()?.why(line.text) ?? [])
  const told = verdicts.some((verdict) => verdict.told)
  const pending = verdicts.some(({ reason }) => reason === 'pending')
  const announced = told ? 'yes' : pending ? 'soon' : 'no'
  // A session that was lost may be back soon; anything else that ends it was meant.
  const lost = verdicts.some(({ reason }) => reason === 'session-down')
  const cluster = part.facts()
  const stale = [...announcersOf(claim)].filter((node) => node !== self && departures.isGone(node, clock.monotonicMs()))
  const noNextHop = routes.plan().silent.get(name) === 'no-next-hop' ? routes.obstacles(claim) : undefined
  const report = announcedReport(claim, part.means(), { noNextHop, toPeers: line?.peers })
  const isNews = report !== undefined && !says(claim, report)
  if (!isNews && stale.length === 0) {
    if (report?.status !== 'False') silences.delete(name)
    return { announced, lost, gone: [], report: undefined, againMs: undefined }
  }
  const isOurs = isReporter(self, claim.spec.address, cluster)
  const waitMs = report?.status === 'False' ? silentFor(part, name, report.reason) : 0
  const againMs = isNews && waitMs > 0 ? waitMs + SETTLE_MS : undefined
  return { announced, lost, gone: isOurs ? stale : [], report: isNews && isOurs && waitMs <= 0 ? report : undefined, againMs }
}

/** How much longer the claim has to be silent for that reason before it is said, in milliseconds. */
function silentFor({ silences, clock }: Part, name: string, reason: string): number {
  const known = silences.get(name)
  const silence = known?.reason === reason ? known : { reason, sinceMs: clock.monotonicMs() }
  silences.set(name, silence)
  return silence.sinceMs + SILENT_FOR_MS - clock.monotonicMs()
}

const says = ({ status }: AddressClaimObject, report: Report): boolean =>
  status?.conditions?.some(
    (one) => one.type === report.type && one.status === report.status && one.reason === report.reason && one.message === report.message,
  ) ?? false

/** What OpenELB says, and then what it means here. */
function tellEvents({ routes, events }: Part, claim: AddressClaimObject, report: Report): void {
  const before = claim.status?.conditions?.find(({ type }) => type === report.type)
  if (before?.status === report.status && before.reason === report.reason) return
  if (report.status === 'True') {
    const hops = routes.plan().lineOf.get(claim.metadata.name)?.nextHops ?? []
    events.taken(claim, hops.map(({ node }) => node).sort())
    return
  }
  const { address, holders } = claim.spec
  const [holder] = holders
  const words =
    report.reason === 'NoNextHop'
      ? `no available nodes for service ip ${address}:${holder?.namespace}/${holder?.name}`
      : 'Bgp not ready, please config bgpconf/bgppeer'
  events.unannounced(claim, `${words}: ${report.message}`)
}

function removed(part: Part, claim: AddressClaimObject): void {
  const { self, claims, events, silences } = part
  const { name } = claim.metadata
  claims.forget(name)
  silences.delete(name)
  if (announcersOf(claim).size > 0 && isReporter(self, claim.spec.address, part.facts())) events.withdrawn(claim)
  part.routes.wake()
}

/** What this node says of itself on BgpConf and BgpPeers. */
function statusSources(part: () => Part) {
  const nodesIn = (object: StatusObject): readonly string[] => {
    const { bgp } = part()
    if (object.kind === 'conf') return Object.keys(bgp.conf()?.status?.nodesConfStatus ?? {})
    return Object.keys(bgp.peers().find(({ metadata }) => metadata.name === object.name)?.status?.nodesPeerStatus ?? {})
  }
  return {
    nodesIn,
    nodes: () => part().facts().nodeNames.length,
    peers: () =>
      part()
        .bgp.peers()
        .map(({ metadata }) => metadata.name),
    peerEntry: (name: string): NodePeerStatus | undefined => peerEntryOf(part(), name),
    confEntry: () => {
      const { bgp, routes } = part()
      const resolution = routes.resolution()
      if (bgp.conf() === undefined || resolution === undefined) return undefined
      return confStatus(resolution, routes.engine()?.listening())
    },
    gone(object: StatusObject): readonly string[] {
      const { self, facts } = part()
      const cluster = facts()
      const gone = nodesIn(object).filter((node) => !cluster.nodes.has(node))
      return gone.length > 0 && isReporter(self, object.kind === 'conf' ? '' : object.name, cluster) ? gone : []
    },
  }
}

function peerEntryOf({ routes }: Part, name: string): NodePeerStatus | undefined {
  const resolution = routes.resolution()
  const report = routes
    .engine()
    ?.peers()
    .find((one) => one.name === name)
  const settings = resolution?.settings?.peers.find((one) => one.name === name)
  const problem = resolution?.problems.find(({ peer }) => peer === name)
  return settings === undefined && problem === undefined ? undefined : peerStatus({ report, settings, problem })
}
