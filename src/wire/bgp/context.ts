import type { Family } from '../../addr/ip.ts'

/** What both sides of a session agreed on, as far as the bytes of an UPDATE depend on it. */
export interface UpdateContext {
  /** `external`: the neighbour is in another AS. */
  readonly peering: 'external' | 'internal'
  /** Both sides have the capability Four-Octet AS: AS_PATH and AGGREGATOR have numbers of four bytes. RFC 6793. */
  readonly fourOctetAs: boolean
  /** The unicast families of the session; one that is absent was not agreed on. */
  readonly families: { readonly [F in Family]?: FamilyContext }
}

export interface FamilyContext {
  /** A path identifier stands before each prefix, in the direction that is read or written. RFC 7911 section 3. */
  readonly pathIds: boolean
  /** IPv4 only: the next hop may be of IPv6. RFC 8950 section 4. */
  readonly extendedNextHop: boolean
}
