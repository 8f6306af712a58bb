/** All Eips as the allocator sees them at one moment: which may give addresses, which may not and why, and which holds an address. */
import { type Ip, parseIp } from '../addr/ip.ts'
import { type AddressRange, withoutRanges } from '../addr/range.ts'
import { createRangeIndex } from '../addr/range-index.ts'
import type { EipObject } from '../api/eip.ts'
import { activePools, distinctRanges } from '../policy/overlap.ts'
import { type Pool, type PoolError, toPool } from '../policy/pool.ts'
import { poolSize } from '../policy/pool-ranges.ts'
import { serviceKey } from './service-key.ts'

/** What an Eip is good for. `active` includes disabled pools and pools that are being deleted: the pool itself says so. */
export type PoolState =
  | { readonly kind: 'active'; readonly pool: Pool }
  | { readonly kind: 'overlap'; readonly pool: Pool; readonly with: string }
  | { readonly kind: 'invalid'; readonly error: PoolError }

export interface PoolBook {
  get(name: string): PoolState | undefined
  /** The active pool of whose ranges one holds the address. There is at most one, since active pools do not overlap. O(log pools). */
  containing(ip: Ip): Pool | undefined
  /** The active pools: all that may be candidates. */
  readonly active: readonly Pool[]
  /** The addresses of active pools that are reserved for a Service, by its `namespace/name`. */
  reservedFor(service: string): readonly Reserved[]
}

/** An address that is kept for somebody. */
export interface Reserved {
  readonly pool: Pool
  readonly ip: Ip
}

/**
 * Reads all Eips. Cost O(n log n) for n Eips, so it is done once per change of a spec, not once per Service.
 * An Eip that cannot be read takes part in nothing; it overlaps nobody, because it has no range. `excluded` is given by no pool.
 */
export function createPoolBook(eips: Iterable<EipObject>, excluded: readonly AddressRange[] = []): PoolBook {
  const states = new Map<string, PoolState>()
  const valid: Pool[] = []
  for (const eip of eips) {
    const pool = toPool(eip)
    if (pool.ok) valid.push(withoutExcluded(pool.value, excluded))
    else states.set(eip.metadata.name, { kind: 'invalid', error: pool.error })
  }
  const standings = activePools(valid)
  const active: Pool[] = []
  for (const pool of valid) {
    const standing = standings.get(pool.name)
    if (standing?.kind === 'overlap') states.set(pool.name, { kind: 'overlap', pool, with: standing.with })
    else {
      active.push(pool)
      states.set(pool.name, { kind: 'active', pool })
    }
  }
  const index = createRangeIndex<Pool>()
  for (const pool of active) for (const range of distinctRanges(pool)) index.add(range, pool)
  const reserved = Map.groupBy(active.flatMap(reservationsOf), ({ service }) => service)
  return { get: (name) => states.get(name), containing: index.at, active, reservedFor: (service) => reserved.get(service) ?? [] }
}

function withoutExcluded(pool: Pool, excluded: readonly AddressRange[]): Pool {
  if (excluded.length === 0) return pool
  const left = (ranges: readonly AddressRange[]): readonly AddressRange[] => ranges.flatMap((range) => withoutRanges(range, excluded))
  return { ...pool, usable: left(pool.usable), unreserved: left(pool.unreserved) }
}

const reservationsOf = (pool: Pool): readonly (Reserved & { readonly service: string })[] =>
  [...pool.reservations].flatMap(([address, service]) => {
    const ip = parseIp(address)
    return ip.ok ? [{ pool, ip: ip.value, service: serviceKey(service) }] : []
  })

/** What of an Eip can change a decision; two Eips with the same fingerprint differ in status only. */
export function poolFingerprint(eip: EipObject): string {
  const { uid, annotations, deletionTimestamp } = eip.metadata
  return JSON.stringify([uid, eip.spec, annotations, deletionTimestamp])
}

/** How many addresses an Eip may give; none when it cannot be read. */
export const poolCapacity = (state: PoolState): bigint => (state.kind === 'invalid' ? 0n : poolSize(state.pool))
