import { electionOrder } from './election.ts'

/** What this node remembers about claims that nobody owns; what it knows of the others is all in the facts. */
export interface ClaimMemory {
  /**
   * Milliseconds since this vacancy of the claim was first asked about; another `vacancy` text starts anew. Times are of one monotonic
   * clock that the caller reads.
   */
  vacantForMs(claim: string, vacancy: string, nowMs: number): number
  /** electionOrder, computed once per claim while the list of nodes is the same array: it hashes every name. */
  order(claim: string, nodes: readonly string[], address: string): readonly string[]
  /** The claim is owned or gone. */
  forget(claim: string): void
}

/** Creates an empty memory. */
export function createClaimMemory(): ClaimMemory {
  const since = new Map<string, { readonly vacancy: string; readonly atMs: number }>()
  const orders = new Map<string, { readonly nodes: readonly string[]; readonly order: readonly string[] }>()
  return {
    vacantForMs(claim, vacancy, nowMs) {
      const known = since.get(claim)
      if (known?.vacancy === vacancy) return nowMs - known.atMs
      since.set(claim, { vacancy, atMs: nowMs })
      return 0
    },
    order(claim, nodes, address) {
      const known = orders.get(claim)
      if (known?.nodes === nodes) return known.order
      const order = electionOrder(nodes, address)
      orders.set(claim, { nodes, order })
      return order
    },
    forget(claim) {
      since.delete(claim)
      orders.delete(claim)
    },
  }
}
