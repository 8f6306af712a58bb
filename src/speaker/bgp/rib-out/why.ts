import { formatIp } from '../../../addr/ip.ts'
import { type Community, formatCommunity } from '../../../api/bgp-community.ts'
import type { RouteVerdict } from '../peer-report.ts'
import type { BgpLine } from '../route.ts'
import type { PeerSettings } from '../settings.ts'
import type { FamilyOut } from './family-out.ts'
import type { Judgement } from './offer.ts'
import { type Offer, type Route, sameOffer } from './route-pool.ts'

/** `session`: of an established one, the line's family if it was agreed on. */
export function verdictOf(
  line: BgpLine,
  peer: PeerSettings,
  session: { readonly family: FamilyOut | undefined } | undefined,
): RouteVerdict {
  const verdict = (told: boolean, reason: string, message: string, routes: Offer = []): RouteVerdict => ({
    peer: peer.name,
    prefix: line.text,
    told,
    reason,
    message,
    paths: routes.map(describeRoute),
  })
  if (line.peers?.includes(peer.name) === false) {
    return verdict(false, 'peer-not-selected', `only ${line.peers.join(', ') || 'nobody'} is told of it, as its Eip or Service says`)
  }
  const { family } = line.prefix
  if (session === undefined) {
    const speaks = peer.families.some((one) => one.family === family)
    return speaks
      ? verdict(false, 'session-down', 'there is no session with the peer; it will be told when there is one')
      : verdict(false, 'family-not-negotiated', `the BgpPeer does not name ${family} unicast`)
  }
  if (session.family === undefined) {
    return verdict(false, 'family-not-negotiated', `${family} unicast was not agreed on with the peer`)
  }
  const judgement = session.family.judge(line)
  const told = session.family.entry(line.text)?.told ?? []
  if (judgement.reason !== undefined) return verdict(told.length > 0, judgement.reason, explain(judgement, told, line), judgement.offer)
  const isTold = sameOffer(told, judgement.offer) && !session.family.isPending(line.text)
  return isTold
    ? verdict(true, 'told', accepted(judgement, 'the peer has been told'), told)
    : verdict(told.length > 0, 'pending', accepted(judgement, 'it waits to be told, as it is now'), judgement.offer)
}

const accepted = ({ statement }: Judgement, text: string): string =>
  statement === undefined ? text : `${text}; accepted by the policy statement ${statement}`

function explain({ reason, statement, offer }: Judgement, told: Offer, { nextHops }: BgpLine): string {
  const still = told.length > 0 && offer.length === 0 ? '; the peer is about to be told that it is gone' : ''
  switch (reason) {
    case 'peer-not-selected':
      return `the peer is not selected${still}`
    case 'other-nodes':
      return `its traffic goes to ${nextHops.map(({ node }) => node).join(', ')}, and this peer is told of this node alone${still}`
    case 'no-next-hop':
      return `no node that takes its traffic has an address that this session can carry as next hop${still}`
    case 'policy-rejected':
      return `the export policy rejects it, ${statement === undefined ? 'by default' : `by its statement ${statement}`}${still}`
    case 'attributes-too-long': {
      const left = offer.length > 0 ? 'one of its paths is not told' : 'it is not told'
      return `${left}: its attributes leave no room for a prefix in a message; use fewer communities${still}`
    }
    case 'leaving':
      return `the speaker of this node leaves${still}`
    case undefined:
      return ''
  }
}

/** A path in words, such as `via 192.0.2.1, AS path 65001, MED 5, communities graceful-shutdown`. */
function describeRoute({ nextHop, pathId, attributes }: Route): string {
  const { asPath = [], med, localPref, communities = [], largeCommunities = [], extendedCommunities = [], onlyToCustomer } = attributes
  const said: readonly Community[] = [
    ...communities.map((value) => ({ kind: 'standard', value }) as const),
    ...largeCommunities.map((value) => ({ kind: 'large', value }) as const),
    ...extendedCommunities.map((value) => ({ kind: 'extended', value }) as const),
  ]
  const path = asPath.flatMap(({ ases }) => ases).join(' ')
  const parts = [
    `via ${formatIp(nextHop.address)}${nextHop.linkLocal ? ` and ${formatIp(nextHop.linkLocal)}` : ''}`,
    pathId !== undefined && `path ${pathId}`,
    path === '' ? 'an empty AS path' : `AS path ${path}`,
    localPref !== undefined && `local preference ${localPref}`,
    med !== undefined && `MED ${med}`,
    said.length > 0 && `communities ${said.map(formatCommunity).join(' ')}`,
    onlyToCustomer !== undefined && `OTC ${onlyToCustomer}`,
  ]
  return parts.filter((part) => part !== false && part !== undefined).join(', ')
}
