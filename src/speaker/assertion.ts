import { electionScore } from './election.ts'

/** A node's word about one address: "mine since this epoch", or "given up at this epoch". */
export interface Assertion {
  readonly node: string
  readonly epoch: number
  readonly state: 'held' | 'released'
}

/** Who has the address, and whether the claim says that this epoch is that node's: as its owner, or as a past one. */
export interface Present extends Assertion {
  readonly recorded: boolean
}

/**
 * Whether `a` is right and `b` is not, or `a` knows more. The higher epoch is right; of equal epochs the one that the claim records; of two
 * that are not recorded the one that is held before the one that is given up, and then the node that stands first in the address's order.
 * Of one node's own words at one epoch: what it gave up it has given up, whether or not the claim says so yet. `address` is the canonical
 * text.
 */
export function prevails(a: Present, b: Present, address: string): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch
  if (a.node === b.node) return a.state === b.state ? a.recorded && !b.recorded : a.state === 'released'
  if (a.recorded !== b.recorded) return a.recorded
  if (a.state !== b.state) return a.state === 'held'
  return electionScore(a.node, address) < electionScore(b.node, address)
}

/**
 * What both together say. Given what the claim says first and then the last word of each node, in any order, every node that knows the same
 * finds the same.
 */
export function merge(present: Present | undefined, other: Present | undefined, address: string): Present | undefined {
  if (present === undefined || other === undefined) return present ?? other
  const right = prevails(other, present, address) ? other : present
  const isSame = present.node === other.node && present.epoch === other.epoch
  return isSame && !right.recorded && (present.recorded || other.recorded) ? { ...right, recorded: true } : right
}
