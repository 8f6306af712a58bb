/** The times of membership, in milliseconds. */
export interface MembershipTiming {
  /** Between two heartbeats to the same peer. */
  readonly heartbeatMs: number
  /** Without a sign of life for this long, a peer is asked again and again. */
  readonly suspectMs: number
  /** Between two such questions. */
  readonly askMs: number
  /** Without a sign of life for this long, for this node and for everyone that it hears, a speaker counts as dead. */
  readonly deadMs: number
  /** How long an answer on the wire may be given after the last turn of the membership thread. Shorter than deadMs: silent before replaced. */
  readonly fenceMs: number
  /** A speaker that was never heard since this process started counts as dead after this time. */
  readonly joinMs: number
}

/** `fast` notices a power loss in less than 250 ms at 2.5 times the packets; it wants machines and a network that never pause for 100 ms. */
export const TIMING_PROFILES = {
  default: { heartbeatMs: 100, suspectMs: 180, askMs: 30, deadMs: 350, fenceMs: 280, joinMs: 2000 },
  fast: { heartbeatMs: 40, suspectMs: 70, askMs: 15, deadMs: 150, fenceMs: 120, joinMs: 2000 },
} as const satisfies Readonly<Record<string, MembershipTiming>>

export type TimingProfile = keyof typeof TIMING_PROFILES
