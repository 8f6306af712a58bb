import type { Family } from '../../addr/ip.ts'

/** The numbers that IANA keeps for BGP, as far as this codec speaks them. */

/** RFC 4271 section 4.1, RFC 2918 section 3. */
export const MESSAGE_TYPE = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const
export type MessageType = keyof typeof MESSAGE_TYPE

export const AFI = { IPv4: 1, IPv6: 2 } as const
export const SAFI_UNICAST = 1

/** The family of a pair of numbers; undefined for all that is not unicast of IPv4 or IPv6. */
export function familyOf(afi: number, safi: number): Family | undefined {
  if (safi !== SAFI_UNICAST) return undefined
  return afi === AFI.IPv4 ? 'IPv4' : afi === AFI.IPv6 ? 'IPv6' : undefined
}

/** The family as people write it, such as `IPv4 unicast`; numbers where it is none of ours. */
export const familyName = (afi: number, safi: number): string => {
  const family = familyOf(afi, safi)
  return family === undefined ? `AFI ${afi} SAFI ${safi}` : `${family} unicast`
}

/** Stands where a number of four bytes finds room for two. RFC 6793 section 4.2. */
export const AS_TRANS = 23456

/** RFC 4271, 1997, 4456, 4760, 4360, 6793, 5701, 8092 and 9234. */
export const ATTRIBUTE = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  ipv6ExtendedCommunities: 25,
  largeCommunities: 32,
  onlyToCustomer: 35,
} as const

/** RFC 4271 section 4.3. The low four bits have no meaning. */
export const ATTRIBUTE_FLAG = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const

export const CAPABILITY = {
  multiprotocol: 1,
  routeRefresh: 2,
  extendedNextHop: 5,
  extendedMessage: 6,
  role: 9,
  gracefulRestart: 64,
  fourOctetAs: 65,
  addPath: 69,
  enhancedRouteRefresh: 70,
  longLivedGracefulRestart: 71,
  fqdn: 73,
} as const

/** What the sender of the capability is to its neighbour. RFC 9234 section 4.1. */
export const ROLE = { provider: 0, routeServer: 1, routeServerClient: 2, customer: 3, peer: 4 } as const

/** Error codes of a NOTIFICATION. RFC 4271 section 4.5; 7 is of RFC 7313, 8 of RFC 9687. */
export const ERROR = {
  header: 1,
  open: 2,
  update: 3,
  holdTimerExpired: 4,
  fsm: 5,
  cease: 6,
  routeRefresh: 7,
  sendHoldTimerExpired: 8,
} as const

export const HEADER_ERROR = { notSynchronized: 1, badLength: 2, badType: 3 } as const

/** 7 is of RFC 5492, 11 of RFC 9234. */
export const OPEN_ERROR = {
  unspecific: 0,
  unsupportedVersion: 1,
  badPeerAs: 2,
  badIdentifier: 3,
  unsupportedOptionalParameter: 4,
  unacceptableHoldTime: 6,
  unsupportedCapability: 7,
  roleMismatch: 11,
} as const

export const UPDATE_ERROR = {
  malformedAttributeList: 1,
  unrecognizedWellKnown: 2,
  missingWellKnown: 3,
  attributeFlags: 4,
  attributeLength: 5,
  invalidOrigin: 6,
  invalidNextHop: 8,
  optionalAttribute: 9,
  invalidNetwork: 10,
  malformedAsPath: 11,
} as const

/** In which state the message was not expected. RFC 6608. */
export const FSM_ERROR = { unspecific: 0, openSent: 1, openConfirm: 2, established: 3 } as const

/** RFC 4486; 9 is of RFC 8538, 10 of RFC 9384. */
export const CEASE = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  collisionResolution: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const

export const ROUTE_REFRESH_ERROR = { invalidLength: 1 } as const

/** RFC 1997, RFC 8326 (graceful shutdown), RFC 9494 (stale, no LLGR), RFC 7999 (blackhole). */
export const COMMUNITY = {
  gracefulShutdown: 0xffff_0000,
  llgrStale: 0xffff_0006,
  noLlgr: 0xffff_0007,
  blackhole: 0xffff_029a,
  noExport: 0xffff_ff01,
  noAdvertise: 0xffff_ff02,
  noExportSubconfed: 0xffff_ff03,
  noPeer: 0xffff_ff04,
} as const
