/** What is to be done about one Service: facts in, decision out. Total, and without any effect. */
import { rangeContains } from '../addr/range.ts'
import { type AddressClaimSpec, claimName } from '../api/address-claim.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import { LOAD_BALANCER_CLASS, OPT_IN, OPT_IN_VALUE, OPT_OUT_VALUE } from '../api/service-annotations.ts'
import type { Pool } from '../policy/pool.ts'
import type { Refusal } from '../policy/refusal.ts'
import type { Settings } from '../policy/settings.ts'
import { type NotOurs, type Ownership, whoseService } from '../policy/whose-service.ts'
import { type ChoiceFacts, chooseAddress } from './choose.ts'
import { amendedSpec, claimSpec } from './claim-spec.ts'
import { desiredWithAddress, desiredWithout } from './desired.ts'
import type { Holding } from './ledger.ts'
import type { PoolBook } from './pools.ts'
import { readWish, shownAddresses, type Wish } from './request.ts'
import { allocatedCondition, type DesiredService, isMarked, strayFinalizers } from './service-status.ts'

export interface Facts extends ChoiceFacts {
  readonly settings: Settings
  readonly ownNamespace: string
}

/**
 * One step. After `claim` and `amend` the caller asks again, with the new claim in the ledger: so a process that died between two writes
 * goes on where it stopped, by the same code.
 */
export type Decision =
  /** Not ours, and nothing of ours is on it. */
  | { readonly kind: 'leave'; readonly reason: NotOurs }
  /** Not ours any more. First the Service is patched, then the claims are deleted. */
  | { readonly kind: 'release'; readonly desired: DesiredService; readonly drop: readonly Holding[] }
  /** Create this claim, then ask again. */
  | { readonly kind: 'claim'; readonly spec: AddressClaimSpec; readonly name: string; readonly from: 'status' | 'request' | 'free' }
  /** Bring this claim up to date with its Eip and its Service, then ask again. */
  | { readonly kind: 'amend'; readonly holding: Holding; readonly spec: AddressClaimSpec }
  /** Patch the Service if it differs, then delete the claims of `drop`. With a refusal, the Service waits for what the refusal names. */
  | {
      readonly kind: 'settle'
      readonly keep?: Holding
      readonly desired: DesiredService
      readonly drop: readonly Holding[]
      readonly refusal?: Refusal
    }
  /** The watch has not shown the Namespace of the Service yet. */
  | { readonly kind: 'await-namespace' }

/** Decides about a Service that exists. `facts.ledger` holds its claims; they count by uid, never by name. */
export function decide(facts: Facts): Decision {
  const { service, ledger } = facts
  const held = ledger.heldBy(service.metadata.uid)
  const ownership = ownershipOf(facts, held)
  if (ownership.kind === 'not-ours') return letGo(service, held, ownership.reason)
  const wish = readWish(service)
  if (!wish.ok) return settle(facts, ownership, { refusal: wish.error, keep: prefer(held, service), held })
  const fitting = prefer(
    held.filter((holding) => satisfies(wish.value, holding, facts.pools)),
    service,
  )
  return fitting === undefined ? obtain(facts, ownership, wish.value, held) : maintain(facts, ownership, fitting, held)
}

/** Whose Service it is, for one that may hold a claim already. */
function ownershipOf({ service, settings, pools, ownNamespace }: Facts, held: readonly Holding[]): Ownership {
  if (service.metadata.deletionTimestamp !== undefined) return { kind: 'not-ours', reason: 'not-load-balancer' }
  if (isAbandoned(service, held)) return { kind: 'not-ours', reason: 'not-opted-in' }
  const ownership = whoseService(service, settings, pools.active, ownNamespace)
  // The setting says what is adopted from now on; it takes no address from a Service that opts in and holds one.
  const optsIn = service.metadata.annotations?.[OPT_IN] === OPT_IN_VALUE
  const outgrown = ownership.kind === 'not-ours' && ownership.reason === 'not-opted-in' && optsIn && held.length > 0
  return outgrown ? { kind: 'ours', by: 'annotation' } : ownership
}

/**
 * Whether it had an address of ours on show and then lost its annotations. Our condition and the address are written in the same PATCH as
 * the opt-in annotation, so their presence without it means that somebody removed it: a Service that is being adopted does not look so.
 */
function isAbandoned(service: ServiceObject, held: readonly Holding[]): boolean {
  if (service.spec.loadBalancerClass === LOAD_BALANCER_CLASS) return false
  if (service.metadata.annotations?.[OPT_IN] !== undefined || allocatedCondition(service) === undefined) return false
  return held.some((holding) => isShown(holding, service))
}

const isShown = (holding: Holding, service: ServiceObject): boolean =>
  shownAddresses(service).some((ip) => ip.family === holding.ip.family && ip.value === holding.ip.value)

/** Of several fitting holdings, which only a crash in the middle of a move leaves: the one on show, else the lowest. */
const prefer = (held: readonly Holding[], service: ServiceObject): Holding | undefined =>
  held.find((holding) => isShown(holding, service)) ?? held[0]

function letGo(service: ServiceObject, held: readonly Holding[], reason: NotOurs): Decision {
  const foreign = reason === 'foreign-class'
  const marked = foreign ? allocatedCondition(service) !== undefined : isMarked(service)
  if (held.length === 0 && !marked && strayFinalizers(service).length === 0) return { kind: 'leave', reason }
  const showsOurs = (!foreign && isMarked(service)) || held.some((holding) => isShown(holding, service))
  // Only where somebody took its annotations off: one whose adoption was not finished may be adopted by the next default Eip.
  const stillAdoptable =
    isAbandoned(service, held) &&
    service.metadata.deletionTimestamp === undefined &&
    service.spec.type === 'LoadBalancer' &&
    service.spec.loadBalancerClass === undefined
  const desired: DesiredService = {
    ...(showsOurs && { ingress: [] }),
    ...(stillAdoptable && { annotations: { [OPT_IN]: OPT_OUT_VALUE } }),
  }
  return { kind: 'release', desired, drop: held }
}

/** The Eip that a holding belongs to: the one its claim names, or, when that is gone, the one whose range has its address now. */
type Home =
  | { readonly kind: 'pool'; readonly pool: Pool }
  /** The Eip exists and is not to be used now; the claim stays as it is. */
  | { readonly kind: 'unusable'; readonly eip: string }
  /** No Eip has the address any more. `eip` is absent when an Eip of that name exists with another range. */
  | { readonly kind: 'gone'; readonly eip?: string }

export function homeOf(holding: Holding, pools: PoolBook): Home {
  const { eip } = holding.claim.spec
  const state = pools.get(eip)
  if (state?.kind === 'invalid') return { kind: 'unusable', eip }
  const contains = state !== undefined && rangeContains(state.pool.range, holding.ip)
  if (contains && !state.pool.deleting) return state.kind === 'active' ? { kind: 'pool', pool: state.pool } : { kind: 'unusable', eip }
  const heir = pools.containing(holding.ip)
  if (heir !== undefined && !heir.deleting) return { kind: 'pool', pool: heir }
  return state === undefined || contains ? { kind: 'gone', eip } : { kind: 'gone' }
}

function satisfies(wish: Wish, holding: Holding, pools: PoolBook): boolean {
  if (wish.kind === 'any') return true
  const home = homeOf(holding, pools)
  const eip = home.kind === 'pool' ? home.pool.name : home.eip
  const inNamedPool = wish.eip === undefined || wish.eip === eip
  if (wish.kind === 'pool') return inNamedPool
  return inNamedPool && wish.ip.family === holding.ip.family && wish.ip.value === holding.ip.value
}

/** Nothing that it holds fits: choose, and keep what it has until the new address is claimed. */
function obtain(facts: Facts, ownership: Ours, wish: Wish, held: readonly Holding[]): Decision {
  const choice = chooseAddress(wish, facts)
  if (choice.kind === 'unknown-namespace') return { kind: 'await-namespace' }
  if (choice.kind === 'refused') return settle(facts, ownership, { refusal: choice.refusal, keep: prefer(held, facts.service), held })
  const name = claimName(choice.ip)
  return { kind: 'claim', name, spec: claimSpec(facts.service, choice.pool, choice.ip), from: choice.from }
}

type Ours = Extract<Ownership, { kind: 'ours' }>

function maintain(facts: Facts, ownership: Ours, keep: Holding, held: readonly Holding[]): Decision {
  const home = homeOf(keep, facts.pools)
  const spec = amendedSpec(keep, home.kind === 'pool' ? home.pool : undefined, facts.service)
  if (spec !== undefined) return { kind: 'amend', holding: keep, spec }
  const deleted: Refusal | undefined =
    home.kind === 'gone' ? { code: 'PoolDeleted', pool: keep.claim.spec.eip, held: keep.address } : undefined
  return settle(facts, ownership, { refusal: deleted, keep, held })
}

interface Outcome {
  readonly keep: Holding | undefined
  readonly refusal: Refusal | undefined
  readonly held: readonly Holding[]
}

function settle(facts: Facts, ownership: Ours, { keep, refusal, held }: Outcome): Decision {
  const desired = keep === undefined ? desiredWithout(facts.service, refusal) : desiredWithAddress(facts, ownership, keep, refusal)
  const drop = held.filter((holding) => holding !== keep)
  return { kind: 'settle', desired, drop, ...(keep && { keep }), ...(refusal && { refusal }) }
}
