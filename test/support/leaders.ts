/** Two or more allocators that share one Lease, and which of them leads. */
import type { AllocatorProcess } from './allocator-process.ts'
import { until } from './until.ts'

/** Times of a Lease that a test can wait for. */
export const SHORT_LEASE = ['--retry-period=200ms', '--renew-deadline=1500ms', '--lease-duration=2s'] as const

/** Whether its own log says that it leads now. */
export function isLeading({ lines }: AllocatorProcess): boolean {
  const turns = lines.filter(({ msg }) => msg === 'leading' || msg.startsWith('no longer leading'))
  return turns.at(-1)?.msg === 'leading'
}

/** Resolves with the one that leads. A stopped process still says what it said last: leave it out. */
export const leaderOf = (candidates: readonly AllocatorProcess[], timeoutMs?: number): Promise<AllocatorProcess> =>
  until('one of them leads', () => candidates.find(isLeading), timeoutMs)

/** Resolves once it follows another; it may also have ended. */
export const standsBy = (candidate: AllocatorProcess, timeoutMs?: number): Promise<true> =>
  until('it leads no longer', () => !isLeading(candidate) || undefined, timeoutMs)
