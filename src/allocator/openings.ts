/** Whether there is room where somebody waits for it. */
import { formatIp, type Ip } from '../addr/ip.ts'
import type { Obstacles } from './choose.ts'
import { hasRoom } from './find-free.ts'
import type { LedgerView } from './ledger.ts'
import type { PoolBook } from './pools.ts'
import type { Opening } from './waiters.ts'

export interface OpeningFacts {
  readonly pools: PoolBook
  readonly ledger: LedgerView
  readonly obstacles: Obstacles
}

/** A pool that gives nothing at all, for whatever reason, has no opening. An unreserved address has to be free. */
export function isOpening(opening: Opening, { pools, ledger, obstacles }: OpeningFacts): boolean {
  const state = pools.get(opening.pool)
  if (state?.kind !== 'active') return false
  const { pool } = state
  if (opening.kind === 'quota') {
    return pool.quotaPerNamespace === undefined || ledger.countFor(pool.name, opening.namespace) < pool.quotaPerNamespace
  }
  const isFree = (ip: Ip): boolean =>
    !ledger.isShownByAnother(ip, '') &&
    (pool.reservations.size === 0 || !pool.reservations.has(formatIp(ip))) &&
    obstacles.nodeOf(ip) === undefined &&
    obstacles.setAsideUntil(ip) === undefined
  return hasRoom(pool, { ledger, family: opening.family, isOpen: isFree })
}
