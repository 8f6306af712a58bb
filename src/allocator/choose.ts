/** Which address a Service without a fitting holding gets. Same facts, same choice. */
import { type Family, formatIp, type Ip } from '../addr/ip.ts'
import { HOLDERS_MAX, type Holder } from '../api/address-claim.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import type { Pool } from '../policy/pool.ts'
import { isPermitted, type NamespaceFacts } from '../policy/pool-match.ts'
import { isKeptFor, poolGives } from '../policy/pool-ranges.ts'
import type { Refusal } from '../policy/refusal.ts'
import { chooseInPools } from './choose-in-pools.ts'
import { chooseNamedAddress } from './choose-named.ts'
import { type Holding, holderOf, type LedgerView } from './ledger.ts'
import type { PoolBook } from './pools.ts'
import { overQuotaAt } from './quota.ts'
import { shownAddresses, type Wish, wishedAddress } from './request.ts'
import { sharingRefusal } from './sharing.ts'

/** What a choice depends on. */
export interface ChoiceFacts {
  readonly service: ServiceObject
  /** Undefined while the watch has not shown the Namespace yet. */
  readonly namespace: NamespaceFacts | undefined
  readonly pools: PoolBook
  readonly ledger: LedgerView
  /** Addresses that OpenELB's Eip status names for this Service; tried after those of its own status. */
  readonly remembered: readonly Ip[]
  readonly obstacles: Obstacles
  /** The addresses of a pool that became free, oldest first; empty for pools whose order does not ask for it. */
  readonly released: (pool: string) => readonly Ip[]
}

/** What stands against an address beside the Eips and the claims. */
export interface Obstacles {
  /** The node that has this address itself. */
  nodeOf(ip: Ip): string | undefined
  /** Until when (RFC 3339) an address that somebody else uses is set aside; undefined when it is not. */
  setAsideUntil(ip: Ip): string | undefined
  /** Whether the settings keep it from everybody. */
  isExcluded(ip: Ip): boolean
}

/** One address is chosen at a time: that of one family. */
export interface Slot {
  readonly wish: Wish
  readonly own: Holder
  /** Undefined when the Service takes any family. */
  readonly family: Family | undefined
  /** What the chosen address takes the place of; it does not count against the quota. */
  readonly replacing: Holding | undefined
  /** The Eip of one more address that was chosen for the other family and is not claimed yet: it counts against the quota. */
  readonly pending?: string
}

/** Why this address, for the log and for `openelb explain`. */
export type ChoiceReason = 'status' | 'request' | 'reservation' | 'shared' | 'free'

export type Choice =
  /** With `beside`, the address is held already and gets one more holder; without, it is claimed. */
  | { readonly kind: 'chosen'; readonly pool: Pool; readonly ip: Ip; readonly beside?: Holding; readonly from: ChoiceReason }
  /** `others`: what other Eips that the Service may use say. The end of any of these refusals ends the wait. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly others?: readonly Refusal[] }
  /** The labels of the Namespace are needed and not known yet. */
  | { readonly kind: 'unknown-namespace' }

/**
 * Chooses. In this order: the address that the Service's status shows already (it was given before a reinstall, or by OpenELB), as long as
 * the wish allows it; the address asked for; an address reserved for the Service; one that it shares by its key; a free one of the pools
 * asked for, or of the first candidate with room. Pools that are bound to namespaces bind only Services that ask for nothing, as in
 * OpenELB, unless the pool is fenced.
 */
export function chooseAddress(slot: Slot, facts: ChoiceFacts): Choice {
  const known = readopt(slot, facts)
  if (known !== undefined) return known
  const address = wishedAddress(slot.wish, slot.family)
  return address === undefined ? chooseInPools(slot, facts) : chooseNamedAddress(address, slot, facts)
}

/** A held address may stay in a disabled pool, so this one may as well: disabling stops new allocations only. */
function readopt(slot: Slot, facts: ChoiceFacts): Choice | undefined {
  const shown = shownAddresses(facts.service)
  for (const ip of [...shown, ...facts.remembered]) {
    // The status of a Service is written by whoever may, the Eip's by administrators: only the latter is believed in all.
    const isRecorded = facts.remembered.some((other) => other.family === ip.family && other.value === ip.value)
    const chosen = readoptOne(ip, isRecorded, slot, facts)
    if (chosen !== undefined) return chosen
  }
  return undefined
}

function readoptOne(ip: Ip, isRecorded: boolean, slot: Slot, facts: ChoiceFacts): Choice | undefined {
  const { wish, own, family } = slot
  if (family !== undefined && ip.family !== family) return undefined
  const asked = wishedAddress(wish, family)
  if (asked !== undefined && (asked.family !== ip.family || asked.value !== ip.value)) return undefined
  const pool = facts.pools.containing(ip)
  if (pool === undefined || pool.deleting || (wish.eips.length > 0 && !wish.eips.includes(pool.name))) return undefined
  if (isRecorded ? isEvicted(ip, pool) : !mayHave(ip, pool, own, facts)) return undefined
  const holding = facts.ledger.at(ip)
  // What it holds was looked at before, and is to be replaced.
  if (holding !== undefined && holderOf(holding, own.uid) !== undefined) return undefined
  const isJoining = holding?.claim.spec.holders.some(({ namespace }) => namespace === own.namespace) === true
  if (!isRecorded && !isJoining && overQuotaAt(ip, pool, slot, facts.ledger) !== undefined) return undefined
  if (holding === undefined) return facts.ledger.isTaken(ip) ? undefined : { kind: 'chosen', pool, ip, from: 'status' }
  const isFull = holding.claim.spec.holders.length >= HOLDERS_MAX
  // Nobody comes to share an address without having asked for it.
  const isAsked = isRecorded || asked !== undefined || wish.sharing !== undefined
  if (isFull || !isAsked || sharingRefusal(own, holding, isRecorded) !== undefined) return undefined
  return { kind: 'chosen', pool, ip, beside: holding, from: 'status' }
}

const isEvicted = (ip: Ip, pool: Pool): boolean => pool.onShrink === 'evict' && !poolGives(pool, ip)

/** Whether a Service that merely shows the address could have been given it: a patched status must open no doors. */
function mayHave(ip: Ip, pool: Pool, own: Holder, { service, namespace, obstacles }: ChoiceFacts): boolean {
  if (!poolGives(pool, ip) || obstacles.nodeOf(ip) !== undefined) return false
  if (pool.reservations.has(formatIp(ip))) return isKeptFor(own, pool, ip)
  return !pool.enforceNamespaces || (namespace !== undefined && isPermitted(pool, { namespace, labels: service.metadata.labels ?? {} }))
}
