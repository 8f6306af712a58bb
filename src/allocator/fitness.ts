/** What a Service has, looked at with what it asks for. */
import type { Family, Ip } from '../addr/ip.ts'
import type { Holder } from '../api/address-claim.ts'
import { conflictOf } from '../api/condition.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import { homeName, homeOf, isDraining } from './home.ts'
import { type Holding, holderOf } from './ledger.ts'
import type { PoolBook } from './pools.ts'
import { shownAddresses, type Wish, wishedAddress } from './request.ts'
import { hasOthers, sharingRefusal } from './sharing.ts'

export type Fitness =
  /** It is what the Service asks for. */
  | 'fits'
  /** It is not, and stays until the Service has another one. */
  | 'unwanted'
  /** It cannot stay, whether or not there is another one. */
  | 'untenable'

const isSame = (a: Ip, b: Ip): boolean => a.family === b.family && a.value === b.value

/** Whether the status of the Service shows the address. */
export const shows = (service: ServiceObject, ip: Ip): boolean => shownAddresses(service).some((other) => isSame(other, ip))

/** Whether the status of the Service shows an address of the family. */
export const showsFamily = (service: ServiceObject, family: Family): boolean => shownAddresses(service).some((ip) => ip.family === family)

/** Whether the status of the Service shows what it holds. */
export const isShown = (holding: Holding, service: ServiceObject): boolean => shows(service, holding.ip)

/** What of the facts decides whether a holding fits. */
export interface FitnessFacts {
  readonly service: ServiceObject
  readonly pools: PoolBook
}

/** `own` is the Service as a holder, as it is now. */
export function fitnessOf(holding: Holding, wish: Wish, own: Holder, { service, pools }: FitnessFacts): Fitness {
  const home = homeOf(holding, pools)
  const isEvicted = 'pool' in home && home.pool.onShrink === 'evict' && isDraining(home, holding)
  if (isEvicted || (isContested(holding) && !isShown(holding, service)) || clashes(holding, own)) return 'untenable'
  const asked = wishedAddress(wish, holding.ip.family)
  if (asked !== undefined && !isSame(asked, holding.ip)) return 'unwanted'
  return wish.eips.length === 0 || wish.eips.includes(homeName(home)) ? 'fits' : 'unwanted'
}

/** Somebody else on the network uses the address: a speaker says so on the claim. */
export const isContested = ({ claim }: Pick<Holding, 'claim'>): boolean => conflictOf(claim) !== undefined

/**
 * Whether a speaker still has to ask the network if somebody else uses the address (spec.probe of its Eip). An address that had an owner
 * was found free once, or was taken over from a time without probes.
 */
export const isProbing = ({ claim: { spec, status } }: Pick<Holding, 'claim'>): boolean =>
  spec.probe === true && spec.protocol === 'layer2' && status?.phase !== 'Active' && status?.owner === undefined

/**
 * Whether the Service changed so that it may not hold the address beside the others. What OpenELB let share, against the rules of today,
 * stays as long as nothing changes about it.
 */
function clashes(holding: Holding, own: Holder): boolean {
  if (!hasOthers(holding, own.uid)) return false
  const recorded = holderOf(holding, own.uid)
  const isUnchanged = recorded !== undefined && sameTerms(recorded, own)
  return !isUnchanged && sharingRefusal(own, holding) !== undefined
}

const portsOf = ({ ports }: Holder): string => ports.map(({ protocol, port }) => `${protocol}/${port}`).join()
const sameTerms = (a: Holder, b: Holder): boolean => a.sharing === b.sharing && a.backend === b.backend && portsOf(a) === portsOf(b)

/** Of several holdings, which only a crash in the middle of a move leaves: the one on show, else the lowest. */
export const prefer = (held: readonly Holding[], service: ServiceObject): Holding | undefined =>
  held.find((holding) => isShown(holding, service)) ?? held[0]

/** The holdings of a family, or all of them for a Service that takes any. */
export const ofFamily = (held: readonly Holding[], family: Family | undefined): readonly Holding[] =>
  family === undefined ? held : held.filter(({ ip }) => ip.family === family)
