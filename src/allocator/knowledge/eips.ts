/** The Eips: what they say, and which pools they make. */
import type { EipObject } from '../../api/eip.ts'
import { toPool } from '../../policy/pool.ts'
import { poolContains } from '../../policy/pool-ranges.ts'
import type { Settings } from '../../policy/settings.ts'
import { createFreshObjects } from '../freshness.ts'
import type { Ledger } from '../ledger.ts'
import { createPoolBook, type PoolBook, poolFingerprint } from '../pools.ts'
import { serviceKey } from '../service-key.ts'
import type { Teller, Watched } from './sources.ts'

/** The pools of the moment, read once per change. */
export interface PoolCache {
  book(): PoolBook
  forget(): void
}

/** Reads the pools from the watch alone: of an Eip we write nothing but its status, which decides nothing. */
export function createPoolCache(eips: Pick<Watched<EipObject>, 'values'>, settings: () => Pick<Settings, 'exclude'>): PoolCache {
  let book: PoolBook | undefined
  return {
    book: () => {
      book ??= createPoolBook(eips.values(), settings().exclude)
      return book
    },
    forget: () => {
      book = undefined
    },
  }
}

/** Follows the Eips; `onPools` is called when the pools change, before anybody is told. */
export function followEips(watched: Watched<EipObject>, ledger: Pick<Ledger, 'all'>, tell: Teller, onPools: () => void) {
  const fresh = createFreshObjects<EipObject>()
  const close = watched.subscribe(({ key, before, after }) => {
    const echo = fresh.isEcho(key, after)
    fresh.watched(key, after)
    const same = before !== undefined && after !== undefined && poolFingerprint(before) === poolFingerprint(after)
    if (same) {
      if (!echo) tell.eip(key)
      return
    }
    onPools()
    // The standing of others may change with it: an overlap begins or ends.
    for (const eip of watched.values()) tell.eip(eip.metadata.name)
    if (after === undefined) tell.eip(key)
    for (const holder of holdersAround(ledger, key, [before, after])) tell.service(holder)
    tell.happened({ kind: 'pool-changed', pool: key })
  })
  return {
    get: (name: string) => fresh.latest(name, watched.get(name)),
    note: (eip: EipObject) => fresh.put(eip.metadata.name, eip),
    noteGone: (name: string) => fresh.watched(name, undefined),
    close,
  }
}

/** Services that hold an address in the name of this Eip, or in one of its ranges. */
function holdersAround(ledger: Pick<Ledger, 'all'>, name: string, eips: readonly (EipObject | undefined)[]): ReadonlySet<string> {
  const pools = eips.flatMap((eip) => {
    const pool = eip === undefined ? undefined : toPool(eip)
    return pool?.ok ? [pool.value] : []
  })
  const keys = new Set<string>()
  for (const { claim, ip } of ledger.all()) {
    if (claim.spec.eip !== name && !pools.some((pool) => poolContains(pool, ip))) continue
    for (const holder of claim.spec.holders) keys.add(serviceKey(holder))
  }
  return keys
}
