/** Which Eip a holding belongs to now. */
import type { Pool } from '../policy/pool.ts'
import { poolContains, poolGives } from '../policy/pool-ranges.ts'
import type { Holding } from './ledger.ts'
import type { PoolBook } from './pools.ts'

/** The Eip that the claim names, or, when that has the address no more, the one whose range has it now. */
export type Home =
  | { readonly kind: 'pool'; readonly pool: Pool }
  /** No Eip has the address in its ranges, and the one that the claim names is there: it was made smaller. */
  | { readonly kind: 'outside'; readonly pool: Pool }
  /** The Eip exists and is not to be used now; the claim stays as it is. */
  | { readonly kind: 'unusable'; readonly eip: string }
  /** The Eip is gone or going, and no other has the address. */
  | { readonly kind: 'gone'; readonly eip: string }

export function homeOf(holding: Holding, pools: PoolBook): Home {
  const { eip } = holding.claim.spec
  const state = pools.get(eip)
  if (state?.kind === 'invalid') return { kind: 'unusable', eip }
  const isThere = state !== undefined && !state.pool.deleting
  if (isThere && poolContains(state.pool, holding.ip)) {
    return state.kind === 'active' ? { kind: 'pool', pool: state.pool } : { kind: 'unusable', eip }
  }
  const heir = pools.containing(holding.ip)
  if (heir !== undefined && !heir.deleting) return { kind: 'pool', pool: heir }
  return isThere ? { kind: 'outside', pool: state.pool } : { kind: 'gone', eip }
}

/** The name of the Eip. */
export const homeName = (home: Home): string => ('pool' in home ? home.pool.name : home.eip)

/** Whether the address is one that its Eip does not give any more: it stays with its holder until that one releases it. */
export const isDraining = (home: Home, holding: Holding): boolean =>
  home.kind === 'outside' || (home.kind === 'pool' && !poolGives(home.pool, holding.ip))
