/** The timers of one connection: RFC 4271 section 8, DelayOpenTimer and IdleHoldTimer of 8.1.1, SendHoldTimer of RFC 9687. */
export type FsmTimer = 'connectRetry' | 'hold' | 'keepalive' | 'delayOpen' | 'idleHold' | 'sendHold'

/**
 * HoldTimer between our OPEN and the peer's. RFC 4271 section 8.2.2 wants "a large value" and suggests 4 minutes; but a router that has started
 * anew cannot always tell us (its reset may be thrown away for its TTL or its signature), and is away for as long as we wait.
 */
export const OPEN_HOLD_MS = 30_000
/** What SendHoldTime is at least, by default. RFC 9687 section 6. */
const LEAST_SEND_HOLD_MS = 480_000
/** A HoldTime is 0 (none) or at least 3 seconds. RFC 4271 section 4.2. */
const LEAST_HOLD_MS = 3000
const KEEPALIVES_PER_HOLD = 3

/** Whether `ms` may be offered or accepted as a HoldTime: 0, or 3 to 65,535 seconds. RFC 4271 sections 4.2 and 6.2. */
export const isHoldTime = (ms: number): boolean => ms === 0 || (ms >= LEAST_HOLD_MS && ms <= 65_535_000)

/**
 * A duration as RFC 4271 section 10 wants it: 75 to 100 % of `ms`, so that nodes that started together do not stay together.
 * `chance` is from 0 to 1 and comes from outside. Milliseconds, rounded down; 0 stays 0.
 */
export function jittered(ms: number, chance: number): number {
  if (!(chance >= 0 && chance <= 1)) throw new RangeError(`chance ${chance}`)
  return Math.floor(ms * (0.75 + 0.25 * chance))
}

/** The times that both sides of one session live by, in milliseconds; 0 means that the timer does not run. */
export interface SessionTimes {
  readonly holdMs: number
  readonly keepaliveMs: number
  readonly sendHoldMs: number
}

/** Before any OPEN of the peer was read. */
export const NO_TIMES: SessionTimes = { holdMs: 0, keepaliveMs: 0, sendHoldMs: 0 }

/** What we were configured with, in milliseconds. `sendHoldMs` 0 turns that timer off; undefined takes the RFC's value. */
export interface TimeOffer {
  readonly holdMs: number
  readonly keepaliveMs?: number | undefined
  readonly sendHoldMs?: number | undefined
}

/**
 * The smaller HoldTime of both counts, and without one there are no KEEPALIVEs either. KEEPALIVEs are sent three times per HoldTime, or
 * more often when configured so. SendHoldTime is the greater of 8 minutes and twice the HoldTime.
 * Throws RangeError on a HoldTime that isHoldTime() refuses: the OPEN was checked before, so that is a bug.
 * Source: RFC 4271 sections 4.2, 4.4 and 10; RFC 9687 sections 4.4 and 6.
 */
export function negotiateTimes(offer: TimeOffer, peerHoldMs: number): SessionTimes {
  if (!isHoldTime(offer.holdMs) || !isHoldTime(peerHoldMs)) throw new RangeError(`hold times ${offer.holdMs} and ${peerHoldMs}`)
  const holdMs = Math.min(offer.holdMs, peerHoldMs)
  if (holdMs === 0) return NO_TIMES
  const third = Math.floor(holdMs / KEEPALIVES_PER_HOLD)
  const keepaliveMs = Math.min(offer.keepaliveMs ?? third, third)
  return { holdMs, keepaliveMs, sendHoldMs: offer.sendHoldMs ?? Math.max(LEAST_SEND_HOLD_MS, 2 * holdMs) }
}
