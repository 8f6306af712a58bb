import { hash } from 'node:crypto'

/**
 * The number by which a node stands in the queue for an address: SHA-256 of `node#address` as hex text. OpenELB and MetalLB use the same,
 * so a cluster that changes over to us keeps its owners. `address` is the canonical text.
 */
export function electionScore(node: string, address: string): string {
  return hash('sha256', `${node}#${address}`, 'hex')
}

/**
 * The nodes in the order in which they own the address: the highest weight first, then the lowest score. It depends on nothing but the
 * names and the weights, so every node computes the same, and a node that leaves moves only the addresses where it stood first
 * (rendezvous hashing). `weightOf`: the preference of an Eip for a node, 0 where it has none.
 */
export function electionOrder(nodes: readonly string[], address: string, weightOf: (node: string) => number = () => 0): readonly string[] {
  return nodes
    .map((node) => ({ node, weight: weightOf(node), score: electionScore(node, address) }))
    .sort((a, b) => b.weight - a.weight || (a.score < b.score ? -1 : a.score > b.score ? 1 : 0))
    .map(({ node }) => node)
}

/**
 * What each place further back in the queue waits longer for an address that nobody takes: less where speakers hear each other, since a
 * take-over is then known in milliseconds and not by a write and its watch.
 */
export const PATIENCE_STEP_MS = { membership: 500, readiness: 2000 } as const

/**
 * How long the node at `rank` (0 is the first) leaves a vacant address to the ones before it, in milliseconds. A node that is eligible by
 * the API and cannot serve (its interface is missing, say) never takes an address, and nobody is told: its place is skipped by this wait.
 * The jitter, up to a quarter of a step, comes from the score, so that no randomness is needed and two nodes that see different queues do
 * not collide for ever. `stepMs` is one of PATIENCE_STEP_MS.
 */
export function patienceMs(rank: number, score: string, stepMs: number): number {
  if (rank <= 0) return 0
  return rank * stepMs + (Number.parseInt(score.slice(0, 4), 16) / 0x10000) * (stepMs / 4)
}
