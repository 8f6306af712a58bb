import type { MembershipFacts } from './facts.ts'

/** Whether nothing differs that a decision could depend on: signs of life come all the time. */
export function sameFacts(a: MembershipFacts, b: MembershipFacts): boolean {
  if (a.settled !== b.settled || a.members.size !== b.members.size) return false
  for (const [node, member] of a.members) {
    const other = b.members.get(node)
    if (member.alive !== other?.alive || member.serving !== other.serving) return false
    if (member.leaving !== other.leaving || member.fault !== other.fault || member.incarnation !== other.incarnation) return false
    // The first sign of life makes a witness of it.
    if ((member.lastSignMs === undefined) !== (other.lastSignMs === undefined)) return false
  }
  return true
}
