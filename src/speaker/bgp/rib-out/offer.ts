import { compareIp, type Family } from '../../../addr/ip.ts'
import { LONGEST_ENTRY } from '../../../wire/bgp/nlri.ts'
import { packRoutes } from '../../../wire/bgp/update-pack.ts'
import type { SessionTerms } from '../outbound.ts'
import type { BgpLine, NextHopNode, RouteAttributes } from '../route.ts'
import type { PeerSettings } from '../settings.ts'
import { type Hop, type HopChoice, hopsOf, isSelfOnly } from './next-hops.ts'
import { type AttributeTerms, pathAttributesOf } from './path-attributes.ts'
import { NOTHING, type Offer, type Route, type RoutePool } from './route-pool.ts'

/** `shutdown-community`: told once more as the last choice (RFC 8326). `withdraw`: nothing is told any more. */
export type DrainPhase = 'shutdown-community' | 'withdraw'

/** What a line is for a peer, and why it is less than all its ways. */
export interface Judgement {
  readonly offer: Offer
  /** Undefined: at least one way is offered, and none was left out for its length. */
  readonly reason: 'peer-not-selected' | 'other-nodes' | 'no-next-hop' | 'policy-rejected' | 'attributes-too-long' | 'leaving' | undefined
  /** The statement of the policy that decided, where one did. */
  readonly statement: string | undefined
}

/** Judges the lines of one family for one session, until the settings of the peer change. */
export interface Judge {
  judge(line: BgpLine): Judgement
}

/** What stays the same for all lines, and what was found out on the way. */
interface Basis {
  readonly family: Family
  readonly peer: PeerSettings
  readonly terms: SessionTerms
  readonly attributeTerms: AttributeTerms
  readonly choice: HopChoice
  readonly pool: RoutePool
  readonly hops: WeakMap<readonly NextHopNode[], readonly Hop[]>
  /** The route of a hop with attributes of a line or of a policy: nearly all lines share theirs. */
  readonly plain: WeakMap<Hop, WeakMap<RouteAttributes, Route>>
  readonly fits: WeakMap<Route, boolean>
}

const NOT_SELECTED: Judgement = { offer: NOTHING, reason: 'peer-not-selected', statement: undefined }
const OTHER_NODES: Judgement = { offer: NOTHING, reason: 'other-nodes', statement: undefined }
const NO_NEXT_HOP: Judgement = { offer: NOTHING, reason: 'no-next-hop', statement: undefined }
const LEAVING: Judgement = { offer: NOTHING, reason: 'leaving', statement: undefined }

/** `drain`: how far the node is in leaving; undefined: it stays. */
export function createJudge(
  family: Family,
  peer: PeerSettings,
  terms: SessionTerms,
  drain: DrainPhase | undefined,
  pool: RoutePool,
): Judge {
  if (drain === 'withdraw') return { judge: () => LEAVING }
  const { peering } = terms.agreement.send
  const basis: Basis = {
    family,
    peer,
    terms,
    attributeTerms: { peering, localAs: terms.asNumbers.local, role: peer.role, shutdown: drain !== undefined },
    choice: { family, mode: peer.nextHop, most: peer.families.find((one) => one.family === family)?.addPathSend ?? 0, terms },
    pool,
    hops: new WeakMap(),
    plain: new WeakMap(),
    fits: new WeakMap(),
  }
  return { judge: (line) => judge(basis, line) }
}

function judge(basis: Basis, line: BgpLine): Judgement {
  const { peer, pool } = basis
  if (line.peers?.includes(peer.name) === false) return NOT_SELECTED
  const hops = hopsFor(basis, line.nextHops)
  if (hops.length === 0) return isSelfOnly(basis.choice) && !line.nextHops.some(({ self }) => self) ? OTHER_NODES : NO_NEXT_HOP
  const routes: Route[] = []
  let reason: Judgement['reason'] = 'policy-rejected'
  let decided: string | undefined
  for (const hop of hops) {
    const verdict = peer.policy.judge({ prefix: line.prefix, nextHop: hop.nextHop.address, attributes: line.attributes, prepend: 0 })
    decided ??= verdict.statement
    if (verdict.kind === 'reject') continue
    const route = routeOf(basis, hop, verdict.subject)
    if (route === undefined) reason = 'no-next-hop'
    else if (fits(basis, route)) routes.push(route)
    else reason = 'attributes-too-long'
  }
  const isWhole = routes.length > 0 && reason !== 'attributes-too-long'
  return { offer: pool.offer(routes), reason: isWhole ? undefined : reason, statement: decided }
}

function hopsFor({ hops, choice }: Basis, nodes: readonly NextHopNode[]): readonly Hop[] {
  const known = hops.get(nodes)
  if (known !== undefined) return known
  const found = hopsOf(nodes, choice)
  hops.set(nodes, found)
  return found
}

/** Undefined: the next hop that the policy sets is none that the session can carry. */
function routeOf(basis: Basis, hop: Hop, subject: Subject): Route | undefined {
  const { attributes } = subject
  const isPlain = subject.prepend === 0 && subject.nextHop === hop.nextHop.address
  if (!isPlain) return makeRoute(basis, hop, subject)
  const byAttributes = basis.plain.get(hop) ?? new WeakMap<RouteAttributes, Route>()
  basis.plain.set(hop, byAttributes)
  const known = byAttributes.get(attributes)
  if (known !== undefined) return known
  const route = makeRoute(basis, hop, subject)
  if (route !== undefined) byAttributes.set(attributes, route)
  return route
}

type Subject = Parameters<PeerSettings['policy']['judge']>[0]

function makeRoute({ family, terms, attributeTerms, pool }: Basis, hop: Hop, subject: Subject): Route | undefined {
  const isKept = subject.nextHop === hop.nextHop.address
  const nextHop = isKept ? hop.nextHop : { address: subject.nextHop, linkLocal: undefined }
  const foreign = nextHop.address.family !== family
  if (foreign && (family === 'IPv6' || terms.agreement.send.families.IPv4?.extendedNextHop !== true)) return undefined
  if (compareIp(nextHop.address, terms.remoteAddress) === 0) return undefined
  return pool.route({ family, pathId: hop.pathId, nextHop, attributes: pathAttributesOf(subject, attributeTerms) })
}

/** Whether a message with one prefix holds the attributes; otherwise the route must not be told. RFC 4271 section 9.2. */
function fits({ fits: known, terms }: Basis, route: Route): boolean {
  const before = known.get(route)
  if (before !== undefined) return before
  const { send, longestSent } = terms.agreement
  const fitting = roughLength(route) + LONGEST_ENTRY <= longestSent || packRoutes({ ...route, entries: [] }, send, longestSent).ok
  known.set(route, fitting)
  return fitting
}

/** Never less than the bytes of an UPDATE with these attributes and no prefix; AS numbers may stand in it twice. RFC 4271 section 4.3. */
function roughLength({ attributes }: Route): number {
  const { asPath = [], communities = [], extendedCommunities = [], largeCommunities = [] } = attributes
  const ases = asPath.reduce((sum, segment) => sum + segment.ases.length, 0)
  return 200 + 2 * (4 * ases + ases / 32) + 4 * communities.length + 8 * extendedCommunities.length + 12 * largeCommunities.length
}
