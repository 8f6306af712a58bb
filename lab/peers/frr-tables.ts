import { z } from 'zod'
import { canonicalIp } from './canonical.ts'
import type { PeerPath, PeerRoute, PeerSession } from './router.ts'

const Path = z.looseObject({
  aspath: z.object({ segments: z.array(z.object({ list: z.array(z.number()) })) }),
  origin: z.string(),
  metric: z.number().optional(),
  locPrf: z.number().optional(),
  stale: z.boolean().optional(),
  multipath: z.boolean().optional(),
  bestpath: z.object({ overall: z.boolean().optional() }).optional(),
  community: z.object({ list: z.array(z.string()) }).optional(),
  largeCommunity: z.object({ list: z.array(z.string()) }).optional(),
  extendedCommunity: z.object({ string: z.string() }).optional(),
  nexthops: z.array(z.object({ ip: z.string(), scope: z.string().optional() })).default([]),
  peer: z.object({ peerId: z.string(), interface: z.string().optional() }),
  local: z.boolean().optional(),
})
const Table = z.object({ routes: z.record(z.string(), z.array(z.unknown())) })
const ORIGINS: Readonly<Record<string, PeerPath['origin']>> = { IGP: 'igp', EGP: 'egp' }
/** FRR's names for what RFC 1997 and its followers gave a name. */
const WELL_KNOWN: Readonly<Record<string, string>> = { gracefulShutdown: '65535:0', noExport: '65535:65281', noAdvertise: '65535:65282' }

/** Reads `show [ip] bgp detail json` of FRR 8. Throws when it has another form. */
export function parseFrrRoutes(text: string): readonly PeerRoute[] {
  if (/^\s*(\{\s*\})?\s*$/.test(text)) return []
  const { routes } = Table.parse(JSON.parse(text))
  // The first of each list is the prefix itself.
  return Object.entries(routes).map(([prefix, [, ...paths]]) => ({ prefix, paths: paths.map((path) => peerPath(Path.parse(path))) }))
}

function peerPath(path: z.output<typeof Path>): PeerPath {
  return {
    // A link-local address beside a global one is how to reach that, not another next hop.
    nextHops: path.nexthops.filter(({ scope }) => scope !== 'link-local' || path.nexthops.length === 1).map(({ ip }) => canonicalIp(ip)),
    from: path.local === true ? undefined : path.peer.peerId,
    asPath: path.aspath.segments.flatMap(({ list }) => list),
    origin: ORIGINS[path.origin] ?? 'incomplete',
    med: path.metric,
    localPref: path.locPrf,
    communities: (path.community?.list ?? []).map((word) => WELL_KNOWN[word] ?? word),
    largeCommunities: path.largeCommunity?.list ?? [],
    extendedCommunities: (path.extendedCommunity?.string ?? '')
      .toLowerCase()
      .split(' ')
      .filter((word) => word !== ''),
    stale: path.stale ?? false,
    best: path.bestpath?.overall === true || path.multipath === true,
  }
}

const Neighbour = z.looseObject({
  bgpState: z.string(),
  bgpTimerHoldTimeMsecs: z.number().optional(),
  neighborCapabilities: z.record(z.string(), z.unknown()).optional(),
  messageStats: z.object({ opensRecv: z.number(), notificationsRecv: z.number() }),
  connectionsEstablished: z.number().optional(),
  lastResetDueTo: z.string().optional(),
  lastNotificationReason: z.string().optional(),
  lastShutdownDescription: z.string().optional(),
  peerBfdInfo: z.object({ status: z.string().optional() }).optional(),
})

/** Reads one neighbour of `show bgp neighbors json`; undefined: there is none of that name. */
export function parseFrrSession(text: string, key: string): PeerSession | undefined {
  const found = (JSON.parse(text) as Record<string, unknown>)[key]
  if (found === undefined) return undefined
  const neighbour = Neighbour.parse(found)
  const reasons = [neighbour.lastResetDueTo, neighbour.lastNotificationReason, neighbour.lastShutdownDescription]
  return {
    established: neighbour.bgpState === 'Established',
    state: neighbour.bgpState,
    opensReceived: neighbour.messageStats.opensRecv,
    notificationsReceived: neighbour.messageStats.notificationsRecv,
    ups: neighbour.connectionsEstablished,
    holdSec: neighbour.bgpTimerHoldTimeMsecs === undefined ? undefined : neighbour.bgpTimerHoldTimeMsecs / 1000,
    capabilities: Object.entries(neighbour.neighborCapabilities ?? {}).map(([name, value]) => `${name} ${JSON.stringify(value)}`),
    lastError: reasons.filter((reason) => reason !== undefined).join('; ') || undefined,
    bfd: neighbour.peerBfdInfo?.status,
  }
}
