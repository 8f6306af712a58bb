import { parseIp } from '../../addr/ip.ts'
import { type AddressClaimObject, claimName } from '../../api/address-claim.ts'
import type { Clock } from '../../runtime/clock.ts'
import { describeError, type Logger } from '../../runtime/logger.ts'
import type { BgpEngine } from '../bgp/engine.ts'
import type { BgpTrouble } from '../bgp-report.ts'
import type { ClusterFacts } from '../facts.ts'
import type { BgpWatch } from '../io/cluster-bgp.ts'
import type { RouteClaims } from '../io/route-claims.ts'
import { createLookTimer } from '../look-timer.ts'
import { createRoutes, type RoutePlan } from './lines.ts'
import { type Resolution, type Resolver, rackOf } from './resolver.ts'
import type { RouteFacts } from './route-facts.ts'
import { silenceText } from './silence-text.ts'

/** What this node does in BGP: settings and routes for the engine, from what the API server says. */
export interface BgpRoutes {
  /** Something may have changed: looks soon. */
  wake(): void
  /** The cluster is read: from now on sessions are opened and routes told. */
  start(): void
  /** Undefined before the first BgpConf. */
  engine(): BgpEngine | undefined
  configured(): boolean
  /** Whether everything was read, and the routes told where there is somebody to tell. */
  ready(): boolean
  resolution(): Resolution | undefined
  plan(): RoutePlan
  /** For people: what is set and cannot be followed. */
  problems(): readonly BgpTrouble[]
  /** Why this node announces nothing for an address that somebody holds; undefined: it does, or nobody holds it. */
  silent(address: string): string | undefined
  facts(): RouteFacts
  /** Why a node is no next hop of the claim. */
  obstacles(claim: AddressClaimObject): string
  /** No new look. The engine is closed by whoever asks it to. Idempotent. */
  close(): void
}

interface Options {
  readonly watch: Pick<BgpWatch, 'conf' | 'synced'>
  readonly facts: () => RouteFacts
  readonly resolver: Resolver
  /** Loads what speaks BGP, once a BgpConf asks for it: a cluster without pays nothing. */
  readonly openEngine: () => Promise<BgpEngine>
  readonly claims: () => Pick<RouteClaims, 'add'>
  /** After each look. */
  readonly onLook: () => void
  readonly clock: Clock
  readonly logger: Logger
}

/** How long a restarted speaker waits for endpoints and Services that it cannot judge a route without, before it tells what it has. */
const COMPLETE_WITHIN_MS = 10_000

const NOTHING: RoutePlan = { lines: [], lineOf: new Map(), silent: new Map(), complaints: new Map(), incomplete: 0 }

interface State {
  engine: BgpEngine | 'none' | 'opening'
  resolution: Resolution | undefined
  plan: RoutePlan
  /** Since when routes could be told and are not all known; undefined: they were told. */
  waitingSinceMs: number | undefined
  /** What the engine was told last; undefined: nothing yet. */
  told: RoutePlan['lines'] | undefined
  scanned: WeakSet<AddressClaimObject>
}

/** Creates it. Nothing happens before start(). */
export function createBgpRoutes(options: Options): BgpRoutes {
  const { watch, clock } = options
  const routes = createRoutes()
  const state: State = {
    engine: 'none',
    resolution: undefined,
    plan: NOTHING,
    waitingSinceMs: undefined,
    told: undefined,
    scanned: new WeakSet(),
  }
  const timer = createLookTimer(clock, () => look(options, state, routes, timer.run))
  const engineNow = () => (typeof state.engine === 'string' ? undefined : state.engine)
  return {
    wake: timer.soon,
    start: timer.start,
    engine: engineNow,
    configured: () => watch.conf() !== undefined,
    ready: () => watch.synced && (watch.conf() === undefined || state.told !== undefined),
    resolution: () => state.resolution,
    plan: () => state.plan,
    problems: () => (state.resolution?.problems ?? []).map(({ peer, code, message, cure }) => ({ peer, code, message, cure })),
    facts: options.facts,
    silent: (address) => silentText(address, options, state, routes),
    obstacles: (claim) => silenceText('no-next-hop', claim, options.facts(), routes.hops),
    close: timer.close,
  }
}

type Planner = ReturnType<typeof createRoutes>

function look(options: Options, state: State, routes: Planner, again: () => void): number | undefined {
  const { watch, resolver, facts, onLook } = options
  const now = facts()
  const before = state.plan
  state.plan = routes.plan(now)
  rescan(options, state, now.claims, before)
  if (!watch.synced) return undefined
  const engine = engineFor(options, state, again)
  if (engine !== undefined) {
    const resolution = resolver.resolve()
    if (resolution !== state.resolution) engine.configure(resolution.settings)
    state.resolution = resolution
    tell(engine, options, state)
  }
  onLook()
  return state.told !== undefined || state.waitingSinceMs === undefined ? undefined : COMPLETE_WITHIN_MS / 10
}

/** Every claim that changed, or whose line did, is looked at for what it says. */
function rescan({ claims }: Options, state: State, all: Iterable<AddressClaimObject>, before: RoutePlan): void {
  const { plan, scanned } = state
  for (const claim of all) {
    const { name } = claim.metadata
    const isSame = scanned.has(claim) && plan.lineOf.get(name) === before.lineOf.get(name)
    if (isSame) continue
    scanned.add(claim)
    if (claim.spec.protocol === 'bgp' || claim.status?.announcers !== undefined || plan.lineOf.has(name)) claims().add(name)
  }
}

function engineFor({ watch, openEngine, logger }: Options, state: State, again: () => void): BgpEngine | undefined {
  if (typeof state.engine !== 'string') return state.engine
  if (state.engine === 'opening' || watch.conf() === undefined) return undefined
  state.engine = 'opening'
  openEngine().then(
    (engine) => {
      state.engine = engine
      again()
    },
    (error: unknown) => {
      state.engine = 'none'
      logger.error('BGP does not start', { error: describeError(error) })
    },
  )
  return undefined
}

/** The first set ends the wait of a restart: peers drop what is not in it. So it waits until every claim can be judged, for a while. */
function tell(engine: BgpEngine, { clock, logger }: Options, state: State): void {
  const { plan, told } = state
  if (told === undefined && plan.incomplete > 0) {
    state.waitingSinceMs ??= clock.monotonicMs()
    if (clock.monotonicMs() - state.waitingSinceMs < COMPLETE_WITHIN_MS) return
    logger.warn('routes are told although not all of them are known yet', { unknown: plan.incomplete })
  }
  if (told !== undefined && sameLines(plan.lines, told)) return
  state.told = plan.lines
  engine.announce(plan.lines)
}

const sameLines = (a: RoutePlan['lines'], b: RoutePlan['lines']): boolean => a.length === b.length && a.every((line, at) => line === b[at])

function silentText(address: string, { watch, facts }: Options, state: State, routes: Planner): string | undefined {
  const ip = parseIp(address)
  if (!ip.ok) return undefined
  const name = claimName(ip.value)
  const now = facts()
  const claim = [...now.claims].find(({ metadata }) => metadata.name === name)
  const reason = state.plan.silent.get(name)
  if (claim === undefined || state.plan.lineOf.has(name)) return undefined
  if (claim.spec.protocol !== 'bgp') return `the address is announced by ${claim.spec.protocol}`
  if (watch.conf() === undefined) return 'there is no BgpConf named default'
  return reason === undefined ? 'this node has not looked at it yet' : silenceText(reason, claim, now, routes.hops)
}

/** What a node needs of the cluster's facts to choose next hops. */
export function routeFactsOf(
  self: string,
  cluster: ClusterFacts,
  claims: () => Iterable<AddressClaimObject>,
  { service, eipRoutes }: Pick<RouteFacts, 'service' | 'eipRoutes'>,
  asPerRack: Readonly<Record<string, number>> | undefined,
): RouteFacts {
  const { nodes, nodeChoices, membership, endpointNodes, avoidCordoned = false } = cluster
  return {
    self,
    // Walked more than once.
    claims: { [Symbol.iterator]: () => claims()[Symbol.iterator]() },
    nodes,
    nodeChoices,
    avoidCordoned,
    endpointNodes,
    service,
    eipRoutes,
    rack: rackOf(nodes.get(self), asPerRack),
    isLeaving: (node) => membership?.members.get(node)?.leaving ?? false,
  }
}
