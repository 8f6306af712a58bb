import { memberId } from './member-id.ts'

/**
 * Whom a speaker talks to. With up to MESH_PEERS others it sends every heartbeat to all of them. With more, to its neighbours on a ring and
 * to a few others in turn: what each says of all others spreads in two or three heartbeats, and nobody sends more than seven.
 */
export interface Ring {
  /** Everybody's heartbeats reach everybody. */
  readonly mesh: boolean
  /** The two nodes before and the two after `node` on the ring; all others when there are no more than four. */
  neighboursOf(node: string): readonly string[]
  /** Who gets heartbeat number `turn` of the node that the ring was made for. */
  targets(turn: number): readonly string[]
}

export const MESH_PEERS = 8
const EACH_SIDE = 2
const IN_ROTATION = 3

/** Makes the ring of `self` and its peers; every node that knows the same nodes makes the same one. */
export function createRing(self: string, peers: readonly string[]): Ring {
  const order = [...new Set([self, ...peers])].map((node) => ({ node, id: memberId(node) })).sort((a, b) => (a.id < b.id ? -1 : 1))
  const nodes = order.map(({ node }) => node)
  const places = new Map(nodes.map((node, at) => [node, at]))
  const mesh = nodes.length - 1 <= MESH_PEERS
  const near = new Map(nodes.map((node, at) => [node, neighbours(nodes, at)]))
  const neighboursOf = (node: string): readonly string[] => near.get(node) ?? []
  const own = neighboursOf(self)
  // In the order of the ring, from this node on: at each turn everybody sends to the same distances, so everybody gets as many.
  const rest = fromPlace(nodes, places.get(self) ?? 0).filter((node) => node !== self && !own.includes(node))
  const all = [...own, ...rest]
  return {
    mesh,
    neighboursOf,
    targets(turn) {
      if (mesh) return all
      // Far from one another, so that what they are told spreads far.
      const stride = Math.ceil(rest.length / IN_ROTATION)
      return [...own, ...Array.from({ length: IN_ROTATION }, (_, index) => rest[(turn + index * stride) % rest.length] ?? '')]
    },
  }
}

const fromPlace = (nodes: readonly string[], at: number): readonly string[] => [...nodes.slice(at), ...nodes.slice(0, at)]

function neighbours(nodes: readonly string[], at: number): readonly string[] {
  const found = new Set<string>()
  for (let step = 1; step <= EACH_SIDE; step++) {
    for (const place of [at + step, at - step + nodes.length * EACH_SIDE]) found.add(nodes[place % nodes.length] ?? '')
  }
  found.delete(nodes[at] ?? '')
  return [...found]
}
