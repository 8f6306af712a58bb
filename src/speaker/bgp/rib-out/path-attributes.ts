import type { AsPath } from '../../../wire/bgp/attributes/as-path.ts'
import type { PathAttributes } from '../../../wire/bgp/attributes/table.ts'
import { COMMUNITY } from '../../../wire/bgp/iana.ts'
import type { PolicySubject } from '../export-policy.ts'
import type { BgpRole } from '../settings.ts'

/** What the attributes of all routes of a session have in common. */
export interface AttributeTerms {
  readonly peering: 'external' | 'internal'
  readonly localAs: number
  readonly role: BgpRole | undefined
  /** The node leaves: peers are to look for other ways before these go. RFC 8326. */
  readonly shutdown: boolean
}

/** LOCAL_PREF of routes of which nobody says more. */
const LOCAL_PREF = 100
/** Seen from them a route goes down, and must not come up again. */
const DOWNWARDS: ReadonlySet<BgpRole | undefined> = new Set<BgpRole>(['provider', 'peer', 'route-server'])

/**
 * The path attributes of a route of our own, but its next hop: RFC 4271 section 5.1.
 * - AS_PATH (5.1.2): to an external peer our AS, once and as often again as the policy says; to an internal one empty, whatever the policy
 *   says: our AS in it would be a loop to all of its routers.
 * - LOCAL_PREF (5.1.5): to internal peers only. 0 while the node leaves, with GRACEFUL_SHUTDOWN to all peers (RFC 8326 sections 4.1, 4.2).
 * - OTC (RFC 9234 section 5, rule 1 of egress): our AS, to external peers that are our customers, peers or clients of our route server.
 */
export function pathAttributesOf(
  { attributes, prepend }: Pick<PolicySubject, 'attributes' | 'prepend'>,
  terms: AttributeTerms,
): PathAttributes {
  const { peering, localAs, role, shutdown } = terms
  const internal = peering === 'internal'
  const { med, largeCommunities, extendedCommunities } = attributes
  const communities = shutdown ? withShutdown(attributes.communities) : attributes.communities
  return {
    origin: 'igp',
    asPath: internal ? [] : asPathOf(localAs, prepend + 1),
    ...(med !== undefined && { med }),
    ...(internal && { localPref: shutdown ? 0 : (attributes.localPref ?? LOCAL_PREF) }),
    ...(communities.length > 0 && { communities }),
    ...(extendedCommunities.length > 0 && { extendedCommunities }),
    ...(largeCommunities.length > 0 && { largeCommunities }),
    ...(!internal && DOWNWARDS.has(role) && { onlyToCustomer: localAs }),
  }
}

const asPathOf = (as: number, times: number): AsPath => [{ kind: 'sequence', ases: Array<number>(times).fill(as) }]

const withShutdown = (communities: readonly number[]): readonly number[] =>
  communities.includes(COMMUNITY.gracefulShutdown) ? communities : [...communities, COMMUNITY.gracefulShutdown].toSorted((a, b) => a - b)
