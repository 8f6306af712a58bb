import type { BfdPacket } from '../../wire/bfd.ts'

/** What a session is known by before its peer knows our discriminator. RFC 5881 section 3; RFC 5883 section 4. */
export interface BfdPath {
  readonly hops: 'single' | 'multi'
  /** The peer's address, and ours: equal texts are the same address. */
  readonly remote: string
  readonly local: string
  /** The interface's name. Of a session undefined means any; of a packet, that it came on one that no session names. */
  readonly interface: string | undefined
}

/** A session as far as the choice needs it. */
export interface BfdCandidate {
  readonly discriminator: number
  readonly path: BfdPath
  /** The least TTL or hop limit that a packet may come with, 1 to 255. */
  readonly minimumTtl: number
}

/** How a packet came. `ttl` is undefined where the socket's filter has checked it. */
export interface BfdArrival extends BfdPath {
  readonly ttl: number | undefined
}

export type BfdChoice<C> = { readonly session: C } | { readonly refused: 'no-session' | 'ttl' | 'path' }

/** Single hop: nothing but 255, as a router would have made it less. RFC 5881 section 5. Multihop: as configured, RFC 5883 names no number. */
export const SINGLE_HOP_TTL = 255

const isOn = (path: BfdPath, arrival: BfdArrival): boolean =>
  path.hops === arrival.hops &&
  path.remote === arrival.remote &&
  path.local === arrival.local &&
  (path.interface === undefined || path.interface === arrival.interface)

/**
 * Which session a packet is for: the one with the packet's Your Discriminator, or, when that is 0, the one of the path that it came on.
 * A discriminator alone is no proof: the packet must come on the session's kind of path and from its peer, so that nobody else on the
 * network who guesses one is heard. Source: RFC 5880 sections 6.3 and 6.8.6; RFC 5881 sections 3 and 5.
 */
export function demultiplex<C extends BfdCandidate>(
  packet: Pick<BfdPacket, 'yourDiscriminator'>,
  arrival: BfdArrival,
  sessions: Iterable<C>,
): BfdChoice<C> {
  const { yourDiscriminator } = packet
  for (const session of sessions) {
    const isHere = isOn(session.path, arrival)
    if (yourDiscriminator === 0 ? !isHere : session.discriminator !== yourDiscriminator) continue
    if (!isHere) return { refused: 'path' }
    const least = session.path.hops === 'single' ? SINGLE_HOP_TTL : session.minimumTtl
    return arrival.ttl === undefined || arrival.ttl >= least ? { session } : { refused: 'ttl' }
  }
  return { refused: 'no-session' }
}
