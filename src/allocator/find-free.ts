/** The search for a free address of a pool, in the order that the pool asks for. The cost does not grow with the pool or its holdings. */
import { createHash } from 'node:crypto'
import type { Family, Ip } from '../addr/ip.ts'
import { type AddressRange, rangeSize } from '../addr/range.ts'
import type { Pool } from '../policy/pool.ts'
import { poolGives } from '../policy/pool-ranges.ts'
import type { LedgerView } from './ledger.ts'

export interface FreeSearch {
  readonly ledger: Pick<LedgerView, 'firstFree' | 'lastFree' | 'isTaken'>
  /** Undefined for any family: then the pool's first range decides. */
  readonly family: Family | undefined
  /** What the order `hash` starts from: `namespace/name` of the Service. */
  readonly key: string
  /** Addresses of the pool that became free, oldest first, for the order least-recently-released. */
  readonly released: readonly Ip[]
  /** Whether nothing else stands against the address: few addresses are closed, and each costs one more step. */
  readonly isOpen: (ip: Ip) => boolean
}

/** The free address that the pool gives next, or undefined when it has none. Same facts, same address. */
export function findFree(pool: Pool, search: FreeSearch): Ip | undefined {
  const ranges = pool.unreserved.filter(({ family }) => search.family === undefined || family === search.family)
  switch (pool.order) {
    case 'first':
      return upwards(pool, ranges, search)
    case 'last':
      return downwards(pool, ranges.toReversed(), search)
    case 'hash':
      return upwards(pool, fromHash(ranges, search.key), search)
    case 'least-recently-released':
      return leastRecentlyReleased(pool, ranges, search)
  }
}

/** Whether anybody who waits for room would find some: what `findFree` finds for no one in particular. */
export function hasRoom(pool: Pool, { ledger, family, isOpen }: Pick<FreeSearch, 'ledger' | 'family' | 'isOpen'>): boolean {
  const ranges = pool.unreserved.filter((range) => family === undefined || range.family === family)
  return upwards(pool, ranges, { ledger, isOpen }) !== undefined
}

type Walk = Pick<FreeSearch, 'ledger' | 'isOpen'>

function upwards(pool: Pool, ranges: readonly AddressRange[], { ledger, isOpen }: Walk): Ip | undefined {
  for (const range of ranges) {
    for (let first = range.first; first <= range.last; ) {
      const ip = ledger.firstFree({ ...range, first }, pool.avoidBuggyIPs && range.family === 'IPv4')
      if (ip === undefined) break
      if (isOpen(ip)) return ip
      first = ip.value + 1n
    }
  }
  return undefined
}

function downwards(pool: Pool, ranges: readonly AddressRange[], { ledger, isOpen }: Walk): Ip | undefined {
  for (const range of ranges) {
    for (let last = range.last; last >= range.first; ) {
      const ip = ledger.lastFree({ ...range, last }, pool.avoidBuggyIPs && range.family === 'IPv4')
      if (ip === undefined) break
      if (isOpen(ip)) return ip
      last = ip.value - 1n
    }
  }
  return undefined
}

/** The ranges cut at an address that follows from the key, the rest of them after the beginning: a walk around the pool. */
function fromHash(ranges: readonly AddressRange[], key: string): readonly AddressRange[] {
  const total = ranges.reduce((sum, range) => sum + rangeSize(range), 0n)
  if (total === 0n) return ranges
  let offset = BigInt(`0x${createHash('sha256').update(key).digest('hex').slice(0, 32)}`) % total
  for (const [at, range] of ranges.entries()) {
    if (offset < rangeSize(range)) {
      const cut = range.first + offset
      const before = cut > range.first ? [{ ...range, last: cut - 1n }] : []
      return [{ ...range, first: cut }, ...ranges.slice(at + 1), ...ranges.slice(0, at), ...before]
    }
    offset -= rangeSize(range)
  }
  return ranges
}

/** Addresses that nobody had of late come first, the lowest of them; then those that have been free for the longest time. */
function leastRecentlyReleased(pool: Pool, ranges: readonly AddressRange[], search: FreeSearch): Ip | undefined {
  const recent = new Set(search.released.map(({ family, value }) => `${family}/${value}`))
  const isOpen = (ip: Ip): boolean => !recent.has(`${ip.family}/${ip.value}`) && search.isOpen(ip)
  const fits = (ip: Ip): boolean => (search.family === undefined || ip.family === search.family) && poolGives(pool, ip)
  return (
    upwards(pool, ranges, { ...search, isOpen }) ??
    search.released.find((ip) => fits(ip) && !search.ledger.isTaken(ip) && search.isOpen(ip))
  )
}
