/** The conditions of an Eip: what people look at first when a Service has no address. */
import type { Family } from '../addr/ip.ts'
import { holdersText } from '../api/address-claim.ts'
import { setCondition } from '../api/condition.ts'
import type { Condition } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { poolFamilies } from '../policy/pool-ranges.ts'
import type { Holding } from './ledger.ts'
import type { PoolState } from './pools.ts'

/** What the conditions are made from. */
export interface EipSituation {
  readonly state: PoolState
  /** How many Services wait for an address of it. */
  readonly waiting: number
  /** The families of which nothing is free. */
  readonly full: readonly Family[]
  /** Held addresses that the Eip does not give any more: how many, and the first of them. */
  readonly draining: { readonly count: number; readonly first: readonly Holding[] }
}

type Aspect = Pick<Condition, 'status' | 'reason' | 'message'>

/** The conditions as they should be now; `now` is RFC 3339 and becomes the lastTransitionTime of what changed its status. */
export function eipConditions(eip: EipObject, situation: EipSituation, now: string): readonly Condition[] {
  const aspects: readonly (readonly [string, Aspect])[] = [
    ['Ready', readiness(situation.state)],
    ['Overlap', overlap(situation)],
    ['Exhausted', exhaustion(situation)],
    ['Draining', draining(situation)],
  ]
  const { generation } = eip.metadata
  const about = generation === undefined ? {} : { observedGeneration: generation }
  return aspects.reduce(
    (conditions, [type, aspect]) => setCondition(conditions, { type, ...aspect, ...about }, now),
    eip.status?.conditions ?? [],
  )
}

function readiness(state: PoolState): Aspect {
  if (state.kind === 'invalid') return { status: 'False', reason: 'Invalid', message: `${state.error.message}: ${state.error.cure}` }
  if (state.kind === 'overlap') {
    const cure = 'nothing is given out of this Eip until one of the two is deleted'
    return { status: 'False', reason: 'Overlap', message: `eip address overlap with ${state.with}: ${cure}` }
  }
  if (state.pool.deleting) return { status: 'False', reason: 'Deleting', message: 'the Eip is being deleted; held addresses stay' }
  if (state.pool.disabled) return { status: 'True', reason: 'Disabled', message: 'spec.disable stops new allocations; held addresses stay' }
  return { status: 'True', reason: 'Active', message: 'addresses are given out of this Eip' }
}

const UNREADABLE: Aspect = { status: 'Unknown', reason: 'Invalid', message: 'the Eip cannot be read' }

function overlap({ state }: EipSituation): Aspect {
  if (state.kind === 'invalid') return UNREADABLE
  if (state.kind === 'active') return { status: 'False', reason: 'NoOverlap', message: 'no older Eip has one of the addresses' }
  return { status: 'True', reason: 'OlderEip', message: `the older Eip ${state.with} has one of the addresses, or more` }
}

function exhaustion({ state, full, waiting }: EipSituation): Aspect {
  if (state.kind === 'invalid') return UNREADABLE
  if (state.kind === 'overlap') return { status: 'Unknown', reason: 'Overlap', message: 'nothing is given out of this Eip' }
  const families = poolFamilies(state.pool)
  if (families.length > 0 && full.length === 0) return { status: 'False', reason: 'AddressesFree', message: 'there are free addresses' }
  const services = waiting < 2 ? `${waiting === 0 ? 'no' : 1} Service waits` : `${waiting} Services wait`
  return {
    status: 'True',
    reason: 'NoAddressFree',
    message: `no ${full.length < families.length ? `${full.join()} ` : ''}address is free; ${services}`,
  }
}

function draining({ state, draining: { count, first } }: EipSituation): Aspect {
  if (state.kind === 'invalid') return UNREADABLE
  if (count === 0) return { status: 'False', reason: 'NothingOutside', message: 'all held addresses are among those that the Eip gives' }
  const listed = first.map(({ address, claim }) => `${address} (${holdersText(claim.spec.holders)})`).join(', ')
  const more = count > first.length ? `, and ${count - first.length} more` : ''
  const what = count === 1 ? '1 held address is' : `${count} held addresses are`
  const then = state.pool.onShrink === 'evict' ? 'their Services are being moved' : 'they stay with their Services until those release them'
  return { status: 'True', reason: 'OutsideRanges', message: `${what} not among those that the Eip gives; ${then}: ${listed}${more}` }
}
