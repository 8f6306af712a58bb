import type { Ip } from '../../../addr/ip.ts'
import { type Aggregator, aggregator } from './aggregator.ts'
import { type AsPath, asPath } from './as-path.ts'
import { as4Aggregator } from './as4-aggregator.ts'
import { as4Path } from './as4-path.ts'
import { atomicAggregate } from './atomic-aggregate.ts'
import type { AttributeCodec } from './attribute.ts'
import { clusterList } from './cluster-list.ts'
import { communities } from './communities.ts'
import { type ExtendedCommunity, extendedCommunities } from './extended-communities.ts'
import { ipv6ExtendedCommunities } from './ipv6-extended-communities.ts'
import { type LargeCommunity, largeCommunities } from './large-communities.ts'
import { localPref } from './local-pref.ts'
import { med } from './med.ts'
import { type MpReach, mpReach } from './mp-reach.ts'
import { type MpUnreach, mpUnreach } from './mp-unreach.ts'
import { nextHop } from './next-hop.ts'
import { onlyToCustomer } from './only-to-customer.ts'
import { type Origin, origin } from './origin.ts'
import { originatorId } from './originator-id.ts'

/** An optional attribute that this codec does not know. `flags` as received; `value` shares memory with the message. */
export interface UnknownAttribute {
  readonly flags: number
  readonly code: number
  readonly value: Uint8Array
}

/** What is said of a set of routes, whatever family they are of. */
export interface PathAttributes {
  readonly origin?: Origin
  /** With numbers of four bytes, whatever the session has: see four-octet-as.ts. */
  readonly asPath?: AsPath
  readonly med?: number
  readonly localPref?: number
  readonly atomicAggregate?: true
  readonly aggregator?: Aggregator
  readonly communities?: readonly number[]
  readonly originatorId?: number
  readonly clusterList?: readonly number[]
  readonly extendedCommunities?: readonly ExtendedCommunity[]
  readonly ipv6ExtendedCommunities?: readonly Uint8Array[]
  readonly largeCommunities?: readonly LargeCommunity[]
  readonly onlyToCustomer?: number
  readonly unknown?: readonly UnknownAttribute[]
}

/** The attributes of one UPDATE as they stand in it. */
export interface WireAttributes extends PathAttributes {
  readonly nextHop?: Ip
  readonly mpReach?: MpReach
  readonly mpUnreach?: MpUnreach
  readonly as4Path?: AsPath
  readonly as4Aggregator?: Aggregator
}

/** The attributes that have a codec. */
export type KnownAttributes = Required<Omit<WireAttributes, 'unknown'>>
export type AttributeKey = keyof KnownAttributes

/**
 * Every attribute that this codec knows, in the order in which they are sent: those with prefixes first (RFC 7606 section 5.1), the others
 * by code (RFC 4271 section 5).
 */
export const ATTRIBUTES: { readonly [Key in AttributeKey]: AttributeCodec<KnownAttributes[Key]> } = {
  mpReach,
  mpUnreach,
  origin,
  asPath,
  nextHop,
  med,
  localPref,
  atomicAggregate,
  aggregator,
  communities,
  originatorId,
  clusterList,
  extendedCommunities,
  as4Path,
  as4Aggregator,
  ipv6ExtendedCommunities,
  largeCommunities,
  onlyToCustomer,
}

/** The keys of ATTRIBUTES, in its order. */
export const ATTRIBUTE_KEYS = Object.keys(ATTRIBUTES) as readonly AttributeKey[]

/** Which attribute a code is; undefined for one without a codec. */
export const KEY_BY_CODE: ReadonlyMap<number, AttributeKey> = new Map(ATTRIBUTE_KEYS.map((key) => [ATTRIBUTES[key].code, key]))
