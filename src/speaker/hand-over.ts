import type { AddressClaimObject } from '../api/address-claim.ts'
import type { Clock } from '../runtime/clock.ts'
import { type ClusterFacts, electorateOf } from './facts.ts'
import { hasSuccessor } from './ownership.ts'

interface Options {
  readonly self: string
  readonly clock: Clock
  /** Decides everything anew and gives the claims that this node still answers for. */
  readonly look: () => readonly AddressClaimObject[]
  /** What the last look was made from. */
  readonly facts: () => ClusterFacts
}

const POLL_MS = 50
/** Without membership nobody takes over from a signal alone: the kubelet may start the container again. */
const DELETION_SEEN_WITHIN_MS = 1000

/**
 * Goes on answering until other nodes have the addresses, nobody is there to take them, or `limitMs` is over. Resolves with what is left.
 * This node must have said before that it is leaving.
 */
export async function handOver(options: Options, limitMs: number): Promise<readonly AddressClaimObject[]> {
  const { clock, look } = options
  const beganMs = clock.monotonicMs()
  for (;;) {
    const passedMs = clock.monotonicMs() - beganMs
    const left = look()
    if (left.length === 0 || passedMs >= limitMs || !isAnyoneComing(options, left, passedMs)) return left
    await clock.sleep(POLL_MS)
  }
}

/** Whether another node can be expected to take over an address of this one. */
function isAnyoneComing({ self, facts }: Options, claims: readonly AddressClaimObject[], passedMs: number): boolean {
  const cluster = facts()
  return claims.some((claim) => {
    const { eligibility } = electorateOf(claim, cluster)
    if (!hasSuccessor({ self, eligibility, nodes: cluster.nodeNames })) return false
    return cluster.membership !== undefined || passedMs < DELETION_SEEN_WITHIN_MS || !eligibility(self).eligible
  })
}
