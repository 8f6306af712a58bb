/** What this node knows of the other speakers by hearing them, as the decisions need it. */

/** How one speaker stands. The node itself is a member like the others. */
export interface Member {
  /** Heard, by this node or by one that it hears, within the bound of the profile. */
  readonly alive: boolean
  /** It says that it can answer on the wire: its cluster is read, its threads turn. A speaker that only starts is alive and not serving. */
  readonly serving: boolean
  /** It says that it is shutting down: it keeps what it has until somebody takes it, and takes nothing. */
  readonly leaving: boolean
  /** The last sign of life, in milliseconds of monotonicMs(); undefined before the first. */
  readonly lastSignMs: number | undefined
  /** Why it does not count as alive; undefined while it does. `ended`: its kernel said that the process is gone. */
  readonly fault: 'never-heard' | 'silent' | 'ended' | undefined
  /** Another one is another process: it is not bound by what the one before it said. Undefined before the first sign of life. */
  readonly incarnation?: bigint | undefined
}

export interface MembershipFacts {
  /**
   * False until every known speaker was heard or had the time to be, and again after this process was paused: what it owned may have been
   * taken over. Nothing is taken over and nothing is answered while it is false.
   */
  readonly settled: boolean
  /** Every known speaker by its node, this one included: the ones whose Pods the API server last listed. */
  readonly members: ReadonlyMap<string, Member>
}

/** How many of the known speakers are on this node's side. */
export type Quorum = 'alone' | 'majority' | 'one-of-two' | 'minority'

/**
 * The row of the take-over table that holds now. A known speaker that is not alive counts against this side, and so does one that was
 * never heard: it may have the time to join, but it is no witness.
 */
export function quorumOf({ members }: Pick<MembershipFacts, 'members'>): Quorum {
  const known = members.size
  if (known <= 1) return 'alone'
  let alive = 0
  for (const member of members.values()) if (member.alive && member.lastSignMs !== undefined) alive++
  if (alive * 2 > known) return 'majority'
  return known === 2 ? 'one-of-two' : 'minority'
}
