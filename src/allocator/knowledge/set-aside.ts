/** Addresses that somebody else on the network uses: for a while nobody gets them. */
import { formatIp, type Ip, parseIp } from '../../addr/ip.ts'
import type { AddressClaimObject } from '../../api/address-claim.ts'
import { conflictOf } from '../../api/condition.ts'
import { type EipObject, type EipStatus, SET_ASIDE_ENTRIES_MAX } from '../../api/eip.ts'
import type { Pool } from '../../policy/pool.ts'
import { poolContains } from '../../policy/pool-ranges.ts'
import { timestamp } from '../timestamp.ts'

/** How long, from the moment in which a speaker saw the conflict: time to find the other host, and no hole in the pool for ever. */
export const SET_ASIDE_MS = 600_000

/** A condition's message may be longer than an entry of the Eip's status. */
const MESSAGE_LENGTH = 256

/** Until when an address is not given because of what a speaker saw on its claim; undefined when it saw nothing. */
export function contestedUntil(claim: Pick<AddressClaimObject, 'status'>): string | undefined {
  const conflict = conflictOf(claim)
  return conflict && textOf(Date.parse(conflict.lastTransitionTime) + SET_ASIDE_MS)
}

const textOf = (ms: number): string => timestamp({ nowMs: () => ms })

export interface SetAside {
  /** Until when (RFC 3339) nobody gets the address; undefined when it is not set aside. */
  until(ip: Ip): string | undefined
  /** The claim on this address has gone: the address is set aside when a speaker saw a conflict on it less than SET_ASIDE_MS ago. */
  note(ip: Ip, claim: AddressClaimObject, nowMs: number): void
  /** Takes in what an earlier leader wrote in the statuses of Eips. */
  recall(eips: Iterable<EipObject>, nowMs: number): void
  /** Forgets the entries whose time is over, and returns their addresses. */
  expire(nowMs: number): readonly Ip[]
  /** When the next entry is over, in ms since 1970; undefined when there is none. */
  nextMs(): number | undefined
  /** The entries of a pool as its status has them: at most SET_ASIDE_ENTRIES_MAX, those that last longest, by time. */
  ofPool(pool: Pick<Pool, 'ranges'>): NonNullable<EipStatus['setAside']>
  readonly size: number
}

interface Entry {
  readonly ip: Ip
  readonly untilMs: number
  readonly message: string
}

/** Creates an empty registry. */
export function createSetAside(): SetAside {
  const entries = new Map<string, Entry>()
  function put(entry: Entry, nowMs: number): void {
    const address = formatIp(entry.ip)
    const known = entries.get(address)?.untilMs ?? 0
    if (entry.untilMs > nowMs && entry.untilMs > known) entries.set(address, entry)
  }
  return {
    until(ip) {
      const entry = entries.size === 0 ? undefined : entries.get(formatIp(ip))
      return entry === undefined ? undefined : textOf(entry.untilMs)
    },
    note(ip, claim, nowMs) {
      const conflict = conflictOf(claim)
      if (conflict === undefined) return
      const seenMs = Date.parse(conflict.lastTransitionTime)
      const untilMs = (Number.isNaN(seenMs) ? nowMs : Math.min(seenMs, nowMs)) + SET_ASIDE_MS
      put({ ip, untilMs, message: conflict.message.slice(0, MESSAGE_LENGTH) }, nowMs)
    },
    recall(eips, nowMs) {
      for (const { address, until, message } of [...eips].flatMap(({ status }) => status?.setAside ?? [])) {
        const ip = parseIp(address)
        // Nobody writes longer times than ours; a wrong one must not take an address away for ever.
        const untilMs = Math.min(Date.parse(until), nowMs + SET_ASIDE_MS)
        if (ip.ok) put({ ip: ip.value, untilMs, message }, nowMs)
      }
    },
    expire(nowMs) {
      const over = [...entries].filter(([, { untilMs }]) => untilMs <= nowMs)
      for (const [address] of over) entries.delete(address)
      return over.map(([, { ip }]) => ip)
    },
    nextMs: () => (entries.size === 0 ? undefined : Math.min(...[...entries.values()].map(({ untilMs }) => untilMs))),
    ofPool: (pool) =>
      [...entries.values()]
        .filter(({ ip }) => poolContains(pool, ip))
        .toSorted((a, b) => a.untilMs - b.untilMs)
        .slice(-SET_ASIDE_ENTRIES_MAX)
        .map(({ ip, untilMs, message }) => ({ address: formatIp(ip), until: textOf(untilMs), message })),
    get size() {
      return entries.size
    },
  }
}
