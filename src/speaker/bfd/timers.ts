/** Times of BFD are microseconds, as on the wire, unless their name says Ms. */

/** A session that is not Up sends at most once a second. RFC 5880 section 6.8.3. */
export const SLOW_TX_US = 1_000_000

/**
 * How often this side sends while asynchronous: the slower of what it wants and of what the other side takes. 0 when the other side takes
 * none. Source: RFC 5880 sections 6.8.2 and 6.8.7.
 */
export const txIntervalUs = (desiredMinTxUs: number, remoteMinRxUs: number): number =>
  remoteMinRxUs === 0 ? 0 : Math.max(desiredMinTxUs, remoteMinRxUs)

/**
 * When the next packet goes out after the last one: 75 to 100 % of the interval, with a multiplier of 1 at most 90 %, so that a packet
 * comes before the other side gives up. `chance` is 0 to 1, from outside. Source: RFC 5880 section 6.8.7.
 */
export function jitteredTxUs(intervalUs: number, detectMultiplier: number, chance: number): number {
  if (!(chance >= 0 && chance <= 1)) throw new RangeError(`chance ${chance}`)
  const span = detectMultiplier === 1 ? 0.15 : 0.25
  return Math.floor(intervalUs * (0.75 + span * chance))
}

/**
 * After how long without a packet the session is down: the other side's multiplier, times the slower of what we take and of what it
 * wants to send. Source: RFC 5880 section 6.8.4, asynchronous mode.
 */
export const detectionTimeUs = (remoteDetectMultiplier: number, requiredMinRxUs: number, remoteDesiredMinTxUs: number): number =>
  remoteDetectMultiplier * Math.max(requiredMinRxUs, remoteDesiredMinTxUs)
