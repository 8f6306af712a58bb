/** How one held address is doing, in a word and a sentence. */

import type { PoolBook } from '../allocator/pools.ts'
import type { AddressClaimObject } from '../api/address-claim.ts'
import { conflictOf } from '../api/condition.ts'
import type { Condition } from '../api/core-objects.ts'
import { poolContains, poolGives } from '../policy/pool-ranges.ts'
import { claimIp } from './ledger-state.ts'
import type { Tone } from './report.ts'

export interface ClaimState {
  readonly word: string
  /** Why, when there is something to be said. */
  readonly message?: string
  readonly tone: Tone
}

const find = (claim: AddressClaimObject, type: string): Condition | undefined =>
  claim.status?.conditions?.find((condition) => condition.type === type)

/** What is wrong comes first; an address that leaves its pool is `Draining` whoever announces it. */
export function claimState(claim: AddressClaimObject, pools: PoolBook): ClaimState {
  const conflict = conflictOf(claim)
  if (conflict !== undefined) return { word: 'AddressConflict', message: conflict.message, tone: 'bad' }
  const unserved = find(claim, 'ProtocolNotServed')
  if (unserved?.status === 'True') return { word: 'ProtocolNotServed', message: unserved.message, tone: 'warn' }
  const homeless = homelessness(claim, pools)
  if (homeless !== undefined) return { word: 'Draining', message: homeless, tone: 'warn' }
  if (claim.status?.phase === 'Probing')
    return { word: 'Probing', message: 'a speaker asks the network whether the address is free', tone: 'dim' }
  const announced = find(claim, 'Announced')
  const { owner, announcers = [] } = claim.status ?? {}
  if (announced?.status === 'True' || (announced === undefined && (owner !== undefined || announcers.length > 0)))
    return { word: 'Announced', tone: 'good' }
  if (announced === undefined) return { word: 'NotAnnounced', message: 'no speaker has spoken of it yet', tone: 'warn' }
  return { word: announced.reason, message: announced.message, tone: 'bad' }
}

/** Why the Eip of the claim would not give the address again; undefined when it would. */
export function homelessness(claim: AddressClaimObject, pools: PoolBook): string | undefined {
  const state = pools.get(claim.spec.eip)
  const ip = claimIp(claim)
  if (state === undefined) return `Eip ${claim.spec.eip} does not exist`
  if (state.kind === 'invalid' || ip === undefined) return undefined
  if (state.pool.deleting) return `Eip ${claim.spec.eip} is being deleted`
  if (!poolContains(state.pool, ip)) return `the address is in no range of Eip ${claim.spec.eip} any more`
  return poolGives(state.pool, ip)
    ? undefined
    : `Eip ${claim.spec.eip} gives the address no more (spec.exclude, spec.avoidBuggyIPs, the setting exclude)`
}

/** The holders as `namespace/name`, several joined by `;`. */
export const holdersOf = ({ spec }: AddressClaimObject): string =>
  spec.holders.map(({ namespace, name }) => `${namespace}/${name}`).join(';')

/** The nodes that announce the address: the layer 2 owner, or all announcers. */
export function announcersOf({ status }: AddressClaimObject): string {
  const nodes = status?.owner === undefined ? (status?.announcers ?? []).map(({ node }) => node).toSorted() : [status.owner.node]
  return nodes.join(',')
}
