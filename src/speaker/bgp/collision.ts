/** Who opened a connection: we (outgoing) or the peer (incoming). RFC 4271 section 8.2.1. */
export type Direction = 'outgoing' | 'incoming'

/** BGP Identifier and AS number of one side, both unsigned 32-bit numbers. */
export interface Side {
  readonly identifier: number
  readonly asNumber: number
}

/**
 * Of two connections to one peer, which stays: the one that the side with the higher identifier has opened; of equal identifiers, the
 * side with the higher AS number. Of two in the same direction the newer one: who opens a second has given up the first.
 * Both sides come to the same answer. Source: RFC 4271 section 6.8; RFC 6286 section 2.3.
 */
export function survivor(us: Side, peer: Side, existing: Direction, newer: Direction): 'existing' | 'newer' {
  if (existing === newer) return 'newer'
  const weAreHigher = us.identifier === peer.identifier ? us.asNumber > peer.asNumber : us.identifier > peer.identifier
  return (newer === 'outgoing') === weAreHigher ? 'newer' : 'existing'
}
