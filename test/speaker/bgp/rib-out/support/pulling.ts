import type { Outbound } from '../../../../../src/speaker/bgp/outbound.ts'
import type { Receiver } from './receiver.ts'

/** A clock that the test moves. */
export interface Clock {
  nowMs: number
}

const MOST_TURNS = 1000

/** Gives the receiver all that is due, in as many turns as it takes but without waiting for what time will bring; how many messages. */
export function pull(outbound: Outbound, receiver: Receiver, clock: Clock = { nowMs: 0 }, most = Number.POSITIVE_INFINITY): number {
  let count = 0
  for (let turns = 0; count < most; ) {
    const message = outbound.next(clock.nowMs)
    if (message !== undefined) {
      receiver.take(message)
      count++
    } else if (outbound.waitMs(clock.nowMs) !== 0) return count
    else if (++turns > MOST_TURNS) throw new Error('it has no end')
  }
  return most
}

/** The same, with all the waiting that it takes. */
export function pullAll(outbound: Outbound, receiver: Receiver, clock: Clock): void {
  for (let turns = 0; turns < 1000; turns++) {
    pull(outbound, receiver, clock)
    const waitMs = outbound.waitMs(clock.nowMs)
    if (waitMs === undefined) return
    clock.nowMs += waitMs
  }
  throw new Error('it never ends')
}
