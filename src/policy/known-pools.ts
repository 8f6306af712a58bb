/** The Eips as admission sees them. They are those of the allocator: an Eip that overlaps an older one gives nothing, and keeps nobody out. */
import { activePools } from './overlap.ts'
import type { Pool } from './pool.ts'

export interface KnownPools {
  /** Every Eip that can be read: all that a Service may name. */
  readonly all: readonly Pool[]
  /** Those that may give addresses. No two have an address in common. */
  readonly active: readonly Pool[]
  /** The Eip that keeps this one from giving addresses; undefined for an active one. */
  rivalOf(name: string): string | undefined
}

/** Sorts out which pools are active: O(n log n) for n pools, so once per change of an Eip, not once per review. */
export function knownPools(all: readonly Pool[]): KnownPools {
  const standings = activePools(all)
  const rivalOf = (name: string): string | undefined => {
    const standing = standings.get(name)
    return standing?.kind === 'overlap' ? standing.with : undefined
  }
  return { all, active: all.filter(({ name }) => rivalOf(name) === undefined), rivalOf }
}
