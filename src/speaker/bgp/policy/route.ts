/** A path on its way through the policies. */
import type { Ip } from '../../../addr/ip.ts'
import type { PolicySubject } from '../export-policy.ts'
import type { RouteAttributes } from '../route.ts'

/** For whom a policy is evaluated. */
export interface PolicyPeer {
  /** Undefined: an unnumbered peer, which no neighbor-set names; or no peer at all, as in import policies. */
  readonly address: Ip | undefined
  readonly localAs: number
  /** How often our own AS stands in AS_PATH before any policy: once to an external peer. */
  readonly ownAsCount: number
  /** What `set-next-hop = "self"` means, by the family of the prefix. */
  readonly self: Readonly<Record<Ip['family'], Ip | undefined>>
}

/** The subject as it is now, and as it came in. */
export interface PolicyRoute {
  readonly now: PolicySubject
  /** The next hop before any policy, which next-hop-in-list asks for. */
  readonly firstNextHop: Ip
  readonly peer: PolicyPeer
}

export const asPathLength = ({ now, peer }: PolicyRoute): number => peer.ownAsCount + now.prepend

/** Our own AS is the only one there is. */
export const asPathText = (route: PolicyRoute): string => Array.from({ length: asPathLength(route) }, () => route.peer.localAs).join(' ')

/** What a statement changes. */
export type Action = (route: PolicyRoute) => PolicySubject

/** A change of attributes alone: one object in gives one object out, so that routes which shared their attributes still do. */
export function onAttributes(change: (before: RouteAttributes) => RouteAttributes): Action {
  const made = new WeakMap<RouteAttributes, RouteAttributes>()
  return ({ now }) => {
    const attributes = made.get(now.attributes) ?? change(now.attributes)
    made.set(now.attributes, attributes)
    return attributes === now.attributes ? now : { ...now, attributes }
  }
}
