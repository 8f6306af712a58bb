import { hash } from 'node:crypto'

/**
 * The number by which a node stands in the queue for an address: SHA-256 of `node#address` as hex text. OpenELB and MetalLB use the same,
 * so a cluster that changes over to us keeps its owners. `address` is the canonical text.
 */
export function electionScore(node: string, address: string): string {
  return hash('sha256', `${node}#${address}`, 'hex')
}

/**
 * The nodes in the order in which they own the address: the lowest score first. It depends on nothing but the names, so every node
 * computes the same, and a node that leaves moves only the addresses where it stood first (rendezvous hashing).
 */
export function electionOrder(nodes: readonly string[], address: string): readonly string[] {
  return nodes
    .map((node) => ({ node, score: electionScore(node, address) }))
    .sort((a, b) => (a.score < b.score ? -1 : a.score > b.score ? 1 : 0))
    .map(({ node }) => node)
}

/** What each place further back in the queue waits longer for an address that nobody takes. */
export const PATIENCE_STEP_MS = 2000
const PATIENCE_JITTER_MS = 500

/**
 * How long the node at `rank` (0 is the first) leaves a vacant address to the ones before it, in milliseconds. A node that is eligible by
 * the API and cannot serve (its interface is missing, say) never takes an address, and nobody is told: its place is skipped by this wait.
 * The jitter comes from the score, so that no randomness is needed and two nodes that see different queues do not collide for ever.
 */
export function patienceMs(rank: number, score: string): number {
  if (rank <= 0) return 0
  return rank * PATIENCE_STEP_MS + (Number.parseInt(score.slice(0, 4), 16) / 0x10000) * PATIENCE_JITTER_MS
}
