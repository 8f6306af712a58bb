/** What is remembered of addresses that nobody holds: those that are set aside, and since when others are free. */
import type { Ip } from '../../addr/ip.ts'
import type { EipObject } from '../../api/eip.ts'
import type { Holding, Ledger } from '../ledger.ts'
import type { PoolBook } from '../pools.ts'
import { createReleasedLists, type ReleasedLists } from './released.ts'
import { createSetAside, type SetAside } from './set-aside.ts'

export interface Freed {
  readonly setAside: SetAside
  readonly released: ReleasedLists
  onHeld(holding: Holding): void
  onFreed(holding: Holding): void
  /** Takes in what an earlier leader wrote in the statuses of Eips. */
  recall(eips: Iterable<EipObject>): void
  /** Ends what was set aside until now: these addresses are free. */
  expire(): readonly Ip[]
}

/** Creates it empty; `nowMs` is the time in ms since 1970. */
export function createFreed(ledger: Pick<Ledger, 'isTaken'>, book: () => PoolBook, nowMs: () => number): Freed {
  const setAside = createSetAside()
  const released = createReleasedLists((pool) => book().get(pool) !== undefined)
  return {
    setAside,
    released,
    onHeld({ ip }) {
      const pool = book().containing(ip)
      if (pool !== undefined) released.forget(ip, pool)
    },
    onFreed({ ip, claim }) {
      setAside.note(ip, claim, nowMs())
      const pool = book().containing(ip)
      if (pool !== undefined) released.note(ip, pool, nowMs())
    },
    recall(eips) {
      const all = [...eips]
      setAside.recall(all, nowMs())
      released.recall(all, book(), ledger.isTaken)
    },
    expire: () => setAside.expire(nowMs()),
  }
}
