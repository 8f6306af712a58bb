import type { BgpFacts, ResolvedBgp } from './resolve-facts.ts'

/** What this node does in BGP. Pure, total: whatever the objects hold, it never throws. */
export function resolveBgp(facts: BgpFacts): ResolvedBgp {
  return { settings: undefined, problems: [], goodPolicyText: facts.policyText }
}
