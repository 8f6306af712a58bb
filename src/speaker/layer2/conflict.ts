import type { AddressKey } from './address-key.ts'
import { createDueQueue } from './due-queue.ts'
import type { ForeignClaim } from './observation.ts'

/** An address is defended this seldom, so that two hosts that both insist send a frame each and no war. RFC 5227 section 1.1: 10 s. */
export const DEFEND_INTERVAL_MS = 10_000
/**
 * A first claim is defended so late. On a planned move the next owner announces the address while its word is still on its way to the former
 * one, whose defence would send the neighbours back to it; by then the address is ours no more.
 */
export const DEFEND_DELAY_MS = 50
/** An address is told of this seldom. */
const TELL_INTERVAL_MS = 1000
/** How long after a failed send the defence is tried again. */
const RETRY_DELAY_MS = 100

/**
 * Claims of other hosts to addresses of ours. The first is answered after DEFEND_DELAY_MS by one announcement; what is claimed again within
 * DEFEND_INTERVAL_MS is announced once more at the end of it, so that the last word is ours as long as the address is.
 * Times are milliseconds of one clock of the caller. Source: RFC 5227 section 2.4 (c); for IPv6 the same, which RFC 4861 leaves open.
 */
export interface Conflicts {
  /** A frame of another host claims `address`; its MAC (6 bytes) is copied. O(log n). */
  heard(address: AddressKey, mac: Uint8Array, nowMs: number): void
  /** The address is ours no more. */
  forget(address: AddressKey): void
  /** What is to be told, once. */
  news(): readonly ForeignClaim[]
  /** Up to `most` addresses to defend now; each is followed by `defended` or `failed`. */
  due(nowMs: number, most: number): readonly AddressKey[]
  defended(address: AddressKey, nowMs: number): void
  failed(address: AddressKey, nowMs: number): void
  /** Milliseconds until an address is to be defended; undefined when none is. */
  waitMs(nowMs: number): number | undefined
}

interface Conflict {
  count: number
  toldMs: number
  defendedMs: number
  /** A defence is planned. */
  planned: boolean
}

const NOTHING: readonly ForeignClaim[] = []

/** Creates an empty register. */
export function createConflicts(): Conflicts {
  const conflicts = new Map<AddressKey, Conflict>()
  const defences = createDueQueue<AddressKey>()
  let news: ForeignClaim[] = []
  return {
    heard(address, mac, nowMs) {
      const conflict = conflicts.get(address) ?? { count: 0, toldMs: -Infinity, defendedMs: -Infinity, planned: false }
      conflicts.set(address, conflict)
      conflict.count++
      if (!conflict.planned) defences.set(address, Math.max(nowMs + DEFEND_DELAY_MS, conflict.defendedMs + DEFEND_INTERVAL_MS))
      conflict.planned = true
      if (nowMs - conflict.toldMs < TELL_INTERVAL_MS) return
      conflict.toldMs = nowMs
      news.push({ address, mac: mac.slice(), atMs: nowMs, count: conflict.count })
    },
    forget(address) {
      conflicts.delete(address)
      defences.delete(address)
    },
    news() {
      if (news.length === 0) return NOTHING
      const told = news
      news = []
      return told
    },
    due: (nowMs, most) => defences.take(nowMs, most),
    defended(address, nowMs) {
      const conflict = conflicts.get(address)
      if (conflict === undefined) return
      conflict.defendedMs = nowMs
      conflict.planned = false
    },
    failed(address, nowMs) {
      if (conflicts.has(address)) defences.set(address, nowMs + RETRY_DELAY_MS)
    },
    waitMs: (nowMs) => defences.waitMs(nowMs),
  }
}
