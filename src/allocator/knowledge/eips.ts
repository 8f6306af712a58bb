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

export interface EipsOptions {
  readonly ledger: Pick<Ledger, 'all'>
  readonly tell: Teller
  /** The pools as they were read last. */
  readonly book: () => PoolBook
  /** Called when the pools change, before anybody is told: they are to be read anew. */
  readonly onPools: () => void
}

/** Follows the Eips. */
export function followEips(watched: Watched<EipObject>, { ledger, tell, book, onPools }: EipsOptions) {
  const fresh = createFreshObjects<EipObject>()
  const close = watched.subscribe(({ key, before, after }) => {
    const echo = fresh.isEcho(key, after)
    fresh.watched(key, after)
    const same = before !== undefined && after !== undefined && poolFingerprint(before) === poolFingerprint(after)
    if (same) {
      if (!echo) tell.eip(key)
      return
    }
    const former = tell.isHeard() ? book() : undefined
    onPools()
    // The standing of others may change with it: an overlap begins or ends.
    for (const eip of watched.values()) tell.eip(eip.metadata.name)
    if (after === undefined) tell.eip(key)
    const changed = former === undefined ? [] : otherStandings(watched.values(), former, book())
    for (const holder of holdersAround(ledger, [key, ...changed], [before, after])) tell.service(holder)
    tell.happened({ kind: 'pool-changed', pool: key })
  })
  return {
    get: (name: string) => fresh.latest(name, watched.get(name)),
    note: (eip: EipObject) => fresh.put(eip.metadata.name, eip),
    noteGone: (name: string) => fresh.watched(name, undefined),
    close,
  }
}

/** The Eips that stand otherwise than before: an overlap with the one that changed began or ended. */
const otherStandings = (eips: Iterable<EipObject>, former: PoolBook, now: PoolBook): readonly string[] =>
  [...eips].map(({ metadata }) => metadata.name).filter((name) => former.get(name)?.kind !== now.get(name)?.kind)

/** Services that hold an address in the name of one of these Eips, or in one of its ranges. */
function holdersAround(
  ledger: Pick<Ledger, 'all'>,
  names: readonly string[],
  eips: readonly (EipObject | undefined)[],
): ReadonlySet<string> {
  const pools = eips.flatMap((eip) => {
    const pool = eip === undefined ? undefined : toPool(eip)
    return pool?.ok ? [pool.value] : []
  })
  const keys = new Set<string>()
  for (const { claim, ip } of ledger.all()) {
    if (!names.includes(claim.spec.eip) && !pools.some((pool) => poolContains(pool, ip))) continue
    for (const holder of claim.spec.holders) keys.add(serviceKey(holder))
  }
  return keys
}
