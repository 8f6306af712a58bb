import { formatIp, type Ip, parseIp } from '../../addr/ip.ts'
import type { NodeObject } from '../../api/core-objects.ts'
import { RACK } from '../../api/service-annotations.ts'
import { explainIneligibility, type Ineligibility, nextHopEligibility } from '../../policy/eligibility.ts'
import { type NodeChoice, nodeStanding } from '../../policy/node-choice.ts'
import type { NextHopNode } from '../bgp/route.ts'
import type { NodeSources } from './route-facts.ts'

/** Nodes that are next hops together. One array for one set of nodes, so that very many routes share it. */
export type NextHops = readonly NextHopNode[]

/** Why a node is no next hop. */
export type NoNextHop = Ineligibility | 'node-without-address'

/** The sentence for it, without a full stop, to be put after the node's name. */
export const explainNoNextHop = (reason: NoNextHop): string =>
  reason === 'node-without-address' ? 'the node has no InternalIP, so no router can send to it' : explainIneligibility(reason)

/** Which nodes may take the traffic of a route. */
export interface NextHopChoice {
  /** Goes by these from now on. */
  follow(sources: NodeSources): void
  /** `required`: the nodes with endpoints, of each Service of policy Local. This node first, the others by name; empty: none may. */
  of(choice: NodeChoice, required: readonly ReadonlySet<string>[]): NextHops
  /** Why a node is none; undefined: it is one. */
  obstacle(node: string, choice: NodeChoice, required: readonly ReadonlySet<string>[]): NoNextHop | undefined
}

/** More sets of nodes than this are not remembered at a time: endpoints that move for ever must not fill the memory. */
const SETS_KEPT = 10_000

/** Creates it; it knows no node before follow(). */
export function createNextHopChoice(): NextHopChoice {
  const pool = createHopPool()
  let sources: NodeSources = { self: '', nodes: new Map(), rack: undefined, avoidCordoned: false, isLeaving: () => false }
  let context = ''
  let byChoice = new WeakMap<NodeChoice, NextHops>()
  const chosenBy = (choice: NodeChoice): NextHops => {
    const known = byChoice.get(choice)
    if (known !== undefined) return known
    const hopsWhere = (obstacle: NoNextHop | undefined) =>
      [...sources.nodes.values()].flatMap((node) => {
        const hop = obstacleOf(node, choice, sources) === obstacle ? nextHopOf(node, sources.self) : undefined
        return hop === undefined ? [] : [pool.hop(hop)]
      })
    const well = hopsWhere(undefined)
    // A word of the API server that leaves nobody is rather its own trouble: whoever forwards all the same is better than no route.
    const hops = well.length > 0 ? well : hopsWhere('node-not-ready')
    const chosen = pool.set(hops.sort(selfFirst))
    byChoice.set(choice, chosen)
    return chosen
  }
  return {
    follow(next) {
      pool.trim()
      const text = contextOf(next)
      if (next.nodes !== sources.nodes || text !== context) byChoice = new WeakMap()
      sources = next
      context = text
    },
    of(choice, required) {
      const all = chosenBy(choice)
      if (required.length === 0) return all
      const here = all.filter(({ node }) => required.every((nodes) => nodes.has(node)))
      return here.length === all.length ? all : pool.set(here)
    },
    obstacle(name, choice, required) {
      const node = sources.nodes.get(name)
      const reason = obstacleOf(node, choice, sources)
      if (reason !== undefined || node === undefined) return reason
      if (!required.every((nodes) => nodes.has(name))) return 'no-ready-endpoint'
      return nextHopOf(node, sources.self) === undefined ? 'node-without-address' : undefined
    },
  }
}

/** The one object for a node, and for a set of nodes, however often it is made. */
function createHopPool() {
  const nodes = new Map<string, NextHopNode>()
  const sets = new Map<string, NextHops>()
  const known = <T>(pool: Map<string, T>, key: string, value: T): T => {
    const same = pool.get(key)
    if (same === undefined) pool.set(key, value)
    return same ?? value
  }
  return {
    hop: (hop: NextHopNode): NextHopNode => known(nodes, keyOf(hop), hop),
    set: (hops: NextHops): NextHops => known(sets, hops.map(keyOf).join(' '), hops),
    trim(): void {
      if (sets.size > SETS_KEPT) sets.clear()
      if (nodes.size > SETS_KEPT) nodes.clear()
    },
  }
}

/** Everything but the nodes themselves that the choice depends on. */
const contextOf = ({ self, nodes, rack, avoidCordoned, isLeaving }: NodeSources): string =>
  JSON.stringify([self, rack, avoidCordoned, [...nodes.keys()].filter(isLeaving)])

function obstacleOf(node: NodeObject | undefined, choice: NodeChoice, sources: NodeSources): Ineligibility | undefined {
  const { rack, avoidCordoned, isLeaving } = sources
  const labels = node?.metadata.labels ?? {}
  const selected = (rack === undefined || labels[RACK] === rack) && nodeStanding(choice, labels).selected
  const leaving = node !== undefined && isLeaving(node.metadata.name)
  const standing = nextHopEligibility({ node, selected, avoidCordoned, endpoints: 'any', leaving })
  return standing.eligible ? undefined : standing.reason
}

/** The addresses by which routers reach the node; undefined where it has none. */
function nextHopOf({ metadata: { name }, status }: NodeObject, self: string): NextHopNode | undefined {
  const own: { IPv4?: Ip; IPv6?: Ip } = {}
  for (const { type, address } of status?.addresses ?? []) {
    const ip = type === 'InternalIP' ? parseIp(address) : undefined
    if (ip?.ok === true) own[ip.value.family] ??= ip.value
  }
  const { IPv4, IPv6 } = own
  return IPv4 === undefined && IPv6 === undefined ? undefined : { node: name, self: name === self, IPv4, IPv6 }
}

const keyOf = ({ node, self, IPv4, IPv6 }: NextHopNode): string =>
  [node, self ? 'self' : '', IPv4 === undefined ? '' : formatIp(IPv4), IPv6 === undefined ? '' : formatIp(IPv6)].join('/')

/** This node first, then by name. */
export const selfFirst = (a: NextHopNode, b: NextHopNode): number =>
  a.self !== b.self ? (a.self ? -1 : 1) : a.node < b.node ? -1 : a.node > b.node ? 1 : 0
