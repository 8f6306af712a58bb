import type { Family } from '../../addr/ip.ts'
import type { AfiSafi, Capability } from './capabilities.ts'
import type { FamilyContext, UpdateContext } from './context.ts'
import { EXTENDED_MESSAGE_MAX, MESSAGE_MAX } from './header.ts'
import { AFI, familyOf, SAFI_UNICAST } from './iana.ts'
import type { Open } from './open.ts'

/** What two OPENs come to. */
export interface Agreement {
  /** The smaller of both; 0: no KEEPALIVEs are sent, and silence is no fault. RFC 4271 section 4.2. */
  readonly holdSeconds: number
  /** How UPDATEs are read, and how they are written: path identifiers may go one way only. */
  readonly receive: UpdateContext
  readonly send: UpdateContext
  /** Bytes of the longest message in each direction: each side says what it takes. RFC 8654 section 4. */
  readonly longestReceived: number
  readonly longestSent: number
  /** The neighbour may be asked for its routes again, and says where they begin and end. RFC 2918, RFC 7313. */
  readonly routeRefresh: boolean
  readonly enhancedRouteRefresh: boolean
}

/** The agreement of our OPEN and the neighbour's. */
export function negotiate(local: Open, remote: Open): Agreement {
  const base = {
    peering: local.as === remote.as ? 'internal' : 'external',
    fourOctetAs: has(local, 'four-octet-as') && has(remote, 'four-octet-as'),
  } as const
  const families = (['IPv4', 'IPv6'] as const).filter((family) => takes(local, family) && takes(remote, family))
  const contextOf = (sender: Open, receiver: Open): UpdateContext => ({
    ...base,
    families: Object.fromEntries(families.map((family) => [family, familyContext(family, sender, receiver)])),
  })
  return {
    holdSeconds: Math.min(local.holdSeconds, remote.holdSeconds),
    receive: contextOf(remote, local),
    send: contextOf(local, remote),
    longestReceived: has(local, 'extended-message') ? EXTENDED_MESSAGE_MAX : MESSAGE_MAX,
    longestSent: has(remote, 'extended-message') ? EXTENDED_MESSAGE_MAX : MESSAGE_MAX,
    routeRefresh: has(remote, 'route-refresh'),
    enhancedRouteRefresh: has(local, 'enhanced-route-refresh') && has(remote, 'enhanced-route-refresh'),
  }
}

const has = ({ capabilities }: Open, kind: Capability['kind']): boolean => capabilities.some((capability) => capability.kind === kind)

const isFamily = ({ afi, safi }: AfiSafi, family: Family): boolean => familyOf(afi, safi) === family

/** A side that says nothing of families speaks IPv4 unicast, as all did before RFC 4760. */
function takes({ capabilities }: Open, family: Family): boolean {
  const said = capabilities.filter((capability) => capability.kind === 'multiprotocol')
  return said.length === 0 ? family === 'IPv4' : said.some((one) => isFamily(one, family))
}

function familyContext(family: Family, sender: Open, receiver: Open): FamilyContext {
  return {
    pathIds: addPath(sender, family, 'send') && addPath(receiver, family, 'receive'),
    extendedNextHop: family === 'IPv4' && [sender, receiver].every(takesIpv6NextHops),
  }
}

/** RFC 7911 section 4. Of two modes for a family the last counts. */
function addPath({ capabilities }: Open, family: Family, direction: 'send' | 'receive'): boolean {
  const modes = capabilities.flatMap((capability) => (capability.kind === 'add-path' ? capability.families : []))
  const mode = modes.findLast((one) => isFamily(one, family))?.mode
  return mode === direction || mode === 'both'
}

const takesIpv6NextHops = ({ capabilities }: Open): boolean =>
  capabilities.some(
    (capability) =>
      capability.kind === 'extended-next-hop' &&
      capability.families.some(({ afi, safi, nextHopAfi }) => afi === AFI.IPv4 && safi === SAFI_UNICAST && nextHopAfi === AFI.IPv6),
  )
