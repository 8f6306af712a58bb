import { electionScore } from './election.ts'

/** A node's word about one address: "mine since this epoch", or "given up at this epoch". */
export interface Assertion {
  readonly node: string
  readonly epoch: number
  readonly state: 'held' | 'released'
}

/** Who has the address, and whether the claim says so already. */
export interface Present extends Assertion {
  readonly recorded: boolean
}

/**
 * Whether `a` is right and `b` is not. The higher epoch is; of equal epochs the one that the claim records; of two that are not recorded
 * the one that is held before the one that is given up, and then the node that stands first in the address's order. A total order, so
 * every node that has heard the same agrees, in whatever order it heard it. `address` is the canonical text.
 */
export function prevails(a: Present, b: Present, address: string): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch
  if (a.recorded !== b.recorded) return a.recorded
  if (a.node !== b.node) {
    if (a.state !== b.state) return a.state === 'held'
    return electionScore(a.node, address) < electionScore(b.node, address)
  }
  // One node's own word: what it gave up it has given up.
  return a.state === 'released' && b.state === 'held'
}

/** The one of two that is right; the present one when they say the same. */
export function merge(present: Present | undefined, other: Present | undefined, address: string): Present | undefined {
  if (present === undefined || other === undefined) return present ?? other
  return prevails(other, present, address) ? other : present
}
