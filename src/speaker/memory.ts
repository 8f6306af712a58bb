import { electionOrder } from './election.ts'
import type { Departure } from './silence.ts'

/** This node's own time with an address, as far as this process began or ended it. */
export interface Stay {
  readonly epoch: number
  /** When it began, of the clock that the caller reads. */
  readonly sinceMs: number
  /** Why the one before it ended; undefined when there was none. */
  readonly departure: Departure | undefined
  /** Why this one ended; undefined while it goes on. */
  readonly ended: Departure | undefined
}

/**
 * What this node remembers about claims beside the facts. Times are milliseconds of one monotonic clock that the caller reads; claims are
 * named by their names.
 */
export interface ClaimMemory {
  /** Milliseconds since this vacancy of the claim was first asked about; each `vacancy` text has its own time. */
  vacantForMs(claim: string, vacancy: string, nowMs: number): number
  /** electionOrder, computed once per claim while the list of nodes is the same array with the same weights: it hashes every name. */
  order(claim: string, nodes: readonly string[], address: string, weightOf: (node: string) => number): readonly string[]
  /** Since when this node knows that `node` owns the claim at `epoch`: `nowMs` when it is new, for ever when ownerHeard said so. */
  ownedSinceMs(claim: string, node: string, epoch: number, nowMs: number): number
  /** That owner was heard. */
  ownerHeard(claim: string, node: string, epoch: number): void
  stay(claim: string): Stay | undefined
  setStay(claim: string, stay: Stay): void
  /** The claim is owned: its vacancies are over. */
  settled(claim: string): void
  /** The claim is gone. */
  forget(claim: string): void
}

/** Creates an empty memory. */
export function createClaimMemory(): ClaimMemory {
  const vacancies = new Map<string, Map<string, number>>()
  const owners = new Map<string, { readonly node: string; readonly epoch: number; readonly atMs: number }>()
  const stays = new Map<string, Stay>()
  const orders = createOrders()
  const settled = (claim: string): void => {
    vacancies.delete(claim)
    orders.forget(claim)
  }
  return {
    order: orders.of,
    settled,
    vacantForMs(claim, vacancy, nowMs) {
      const since = vacancies.get(claim) ?? new Map<string, number>()
      vacancies.set(claim, since)
      const atMs = since.get(vacancy) ?? nowMs
      since.set(vacancy, atMs)
      return nowMs - atMs
    },
    ownedSinceMs(claim, node, epoch, nowMs) {
      const known = owners.get(claim)
      if (known?.node === node && known.epoch === epoch) return known.atMs
      owners.set(claim, { node, epoch, atMs: nowMs })
      return nowMs
    },
    ownerHeard(claim, node, epoch) {
      const known = owners.get(claim)
      if (known?.node !== node || known.epoch !== epoch || known.atMs > -Infinity) owners.set(claim, { node, epoch, atMs: -Infinity })
    },
    stay: (claim) => stays.get(claim),
    setStay: (claim, stay) => void stays.set(claim, stay),
    forget(claim) {
      settled(claim)
      owners.delete(claim)
      stays.delete(claim)
    },
  }
}

function createOrders() {
  const known = new Map<string, { readonly nodes: readonly string[]; readonly weights: string; readonly order: readonly string[] }>()
  return {
    of(claim: string, nodes: readonly string[], address: string, weightOf: (node: string) => number): readonly string[] {
      const weights = nodes.map(weightOf).join()
      const before = known.get(claim)
      if (before?.nodes === nodes && before.weights === weights) return before.order
      const order = electionOrder(nodes, address, weightOf)
      known.set(claim, { nodes, weights, order })
      return order
    },
    forget: (claim: string) => void known.delete(claim),
  }
}
