/** BGP: what is missing, what cannot be followed, and which sessions are down. */
import type { AddressClaimObject } from '../../api/address-claim.ts'
import { bfdTroubles } from '../bgp/bfd-trouble.ts'
import { type BgpObjects, type NodeBgp, nodesWithBgp, type Session, sessionsOf, sharedTroubles, unselected } from '../bgp/facts.ts'
import type { Speakers } from '../speakers/speakers.ts'
import { shortTrouble } from '../trouble.ts'
import { counted, type Finding, fail, fine, someOf, warn } from './finding.ts'

const CHECK = 'bgp'

/** Whether anybody wants BGP: where nobody does, nothing is said of it. */
export const wantsBgp = ({ conf, peers }: BgpObjects, claims: readonly AddressClaimObject[]): boolean =>
  (conf.ok && conf.value !== undefined) || (peers.ok && peers.value.length > 0) || claims.some(({ spec }) => spec.protocol === 'bgp')

/** What the objects alone show. */
export function checkBgpObjects(objects: BgpObjects, claims: readonly AddressClaimObject[]): readonly Finding[] {
  const { conf, peers } = objects
  const unread = conf.ok ? (peers.ok ? undefined : peers.error) : conf.error
  if (unread !== undefined)
    return [warn(CHECK, `BgpConf and BgpPeers cannot be read: ${shortTrouble(unread)}`, 'docs/cli.md has the rights')]
  if (!wantsBgp(objects, claims)) return []
  const waiting = claims.filter(({ spec }) => spec.protocol === 'bgp').length
  const addresses = `${waiting} ${waiting === 1 ? 'address of protocol bgp is' : 'addresses of protocol bgp are'} announced by nobody`
  const [say, what] = waiting === 0 ? ([warn, 'no node speaks BGP'] as const) : ([fail, addresses] as const)
  if (conf.ok && conf.value === undefined)
    return [say(CHECK, `there is no BgpConf default, so ${what}`, `create one with spec.as, ${SHOWN}`)]
  if (peers.ok && peers.value.length === 0) return [say(CHECK, `there is no BgpPeer, so ${what}`, `create one for each router, ${SHOWN}`)]
  return []
}

const SHOWN = 'as docs/bgp.md shows'

/**
 * Sessions that are down, settings that are not followed, peers that no node speaks with. Each sentence stays the same while the trouble does:
 * the caller looks twice, because a session that comes up looks like one that is down.
 */
export function auditSessions(objects: BgpObjects, speakers: Speakers): readonly Finding[] {
  const nodes = nodesWithBgp(speakers)
  const configured = objects.conf.ok && objects.conf.value !== undefined
  return [
    ...(configured ? downSessions(sessionsOf(nodes)) : []),
    ...settingFindings(nodes),
    ...(configured ? unselected(objects, speakers, nodes) : []).map((name) =>
      warn(CHECK, `${name}: no node speaks with it`, 'its spec.nodeSelector selects none: compare it with the labels of the nodes'),
    ),
  ]
}

/** The rest is followed without what they are about, unless that leaves a peer out. */
const SOFT: ReadonlySet<string> = new Set(['ignored', 'bad-setting', 'policy-not-honoured', 'policy-unreadable', 'policy-missing'])
/** Meant so, or of no consequence; `openelb bgp peers` tells them. */
const QUIET: ReadonlySet<string> = new Set(['foreign-cni', 'no-router-id', 'policy-no-meaning'])

function settingFindings(nodes: readonly NodeBgp[]): readonly Finding[] {
  const served = new Set(sessionsOf(nodes).map(({ peer }) => peer.name))
  return sharedTroubles(nodes).flatMap(({ peer, nodes: at, code, message, cure }) => {
    if (QUIET.has(code)) return []
    const say = SOFT.has(code) && (peer === undefined || served.has(peer)) ? warn : fail
    return [say(CHECK, `${peer ?? 'BgpConf'} on ${someOf(at)}: ${message}`, cure)]
  })
}

function downSessions(sessions: readonly Session[]): readonly Finding[] {
  const down = sessions.flatMap(({ node, peer: { name, state, adminDown, lastError } }) => {
    if (state === 'Established' || adminDown) return []
    const says = lastError?.message ?? 'there is no session yet'
    return [{ node, name, says, cure: lastError?.cure ?? `openelb bgp peers ${node}` }]
  })
  return [...Map.groupBy(down, ({ name, says }) => `${name} ${says}`).values()].flatMap(([first, ...more]) =>
    first === undefined
      ? []
      : [fail(CHECK, `${first.name} on ${someOf([first, ...more].map(({ node }) => node))}: ${first.says}`, first.cure)],
  )
}

/** BFD that is down beside a session that is up: the session would not end as fast as it should. */
export const checkBfd = (speakers: Speakers): readonly Finding[] =>
  bfdTroubles(sessionsOf(nodesWithBgp(speakers))).map(({ says, cure }) => warn(CHECK, says, cure))

/** A session that comes up writes the claims within this time. */
const FRESH_MS = 10_000

/**
 * Addresses that nobody announces although the sessions are up: an address family that the router does not take, a policy, a choice of peers
 * that leaves all out. One sentence for each cause. That no node may take the traffic is no fault of BGP, and `openelb status` has it.
 */
export function checkUnannounced(claims: readonly AddressClaimObject[], nowMs: number): readonly Finding[] {
  const silent = claims.flatMap(({ spec: { protocol, address }, status }) => {
    const one = status?.conditions?.find(({ type }) => type === 'Announced')
    const isOld = one !== undefined && nowMs - Date.parse(one.lastTransitionTime) > FRESH_MS
    return protocol === 'bgp' && isOld && one.status === 'False' && one.reason !== 'NoNextHop' ? [{ address, why: one.message }] : []
  })
  return [...Map.groupBy(silent, ({ why }) => why)].flatMap(([why, [first, ...more]]) =>
    first === undefined
      ? []
      : [
          warn(
            CHECK,
            `announced by nobody: ${someOf([first, ...more].map(({ address }) => address))}: ${why}`,
            `openelb bgp why ${first.address}`,
          ),
        ],
  )
}

/** That all is well, where it is. */
export function bgpIsFine(objects: BgpObjects, speakers: Speakers): readonly Finding[] {
  if (!objects.conf.ok || objects.conf.value === undefined) return []
  const nodes = nodesWithBgp(speakers)
  const up = sessionsOf(nodes).filter(({ peer }) => peer.state === 'Established')
  const prefixes = up.reduce((sum, { peer }) => sum + peer.prefixes.announced, 0)
  return nodes.length === 0 ? [] : [fine(CHECK, `${counted(up.length, 'session')} up, ${prefixes} prefixes told in all`)]
}
