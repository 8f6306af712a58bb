/** What is to be done about one Service: facts in, decision out. Total, and without any effect. */
import type { Family } from '../addr/ip.ts'
import { type AddressClaimSpec, claimName, type Holder } from '../api/address-claim.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import { LOAD_BALANCER_CLASS, OPT_IN, OPT_IN_VALUE, OPT_OUT_VALUE } from '../api/service-annotations.ts'
import type { Refusal } from '../policy/refusal.ts'
import type { Settings } from '../policy/settings.ts'
import { type NotOurs, type Ownership, whoseService } from '../policy/whose-service.ts'
import { type Choice, type ChoiceFacts, type ChoiceReason, chooseAddress } from './choose.ts'
import { amendedSpec, claimSpec, joinedSpec } from './claim-spec.ts'
import { desiredWithAddresses, desiredWithout } from './desired.ts'
import { fitnessOf, isProbing, isShown, ofFamily, prefer, shows, showsFamily } from './fitness.ts'
import { homeOf } from './home.ts'
import { type Holding, holderOf } from './ledger.ts'
import { readWish, toHolder, type Wish } from './request.ts'
import { allocatedCondition, type DesiredService, isMarked, strayFinalizers } from './service-status.ts'

export interface Facts extends ChoiceFacts {
  readonly settings: Settings
  readonly ownNamespace: string
}

/**
 * One step. After `claim`, `join` and `amend` the caller asks again, with the new claim in the ledger: so a process that died between two
 * writes goes on where it stopped, by the same code.
 */
export type Decision =
  /** Not ours, and nothing of ours is on it. */
  | { readonly kind: 'leave'; readonly reason: NotOurs }
  /** Not ours any more. First the Service is patched, then the claims are deleted. */
  | { readonly kind: 'release'; readonly desired: DesiredService; readonly drop: readonly Holding[] }
  /** Create this claim, then ask again. */
  | { readonly kind: 'claim'; readonly spec: AddressClaimSpec; readonly name: string; readonly from: ChoiceReason }
  /** Become one more holder of this claim, then ask again. */
  | { readonly kind: 'join'; readonly holding: Holding; readonly spec: AddressClaimSpec; readonly from: ChoiceReason }
  /** Bring this claim up to date with its Eip and its Service, then ask again. */
  | { readonly kind: 'amend'; readonly holding: Holding; readonly spec: AddressClaimSpec }
  /** Patch the Service if it differs, then let go of `drop`. With refusals, the Service waits for what any of them names, or of `others`. */
  | {
      readonly kind: 'settle'
      /** What the Service shows afterwards, the address of its primary family first. */
      readonly keep: readonly Holding[]
      readonly desired: DesiredService
      readonly drop: readonly Holding[]
      readonly refusals: readonly Refusal[]
      readonly others: readonly Refusal[]
    }
  /** The watch has not shown the Namespace of the Service yet. */
  | { readonly kind: 'await-namespace' }

/** Decides about a Service that exists. `facts.ledger` holds its claims; they count by uid, never by name. */
export function decide(facts: Facts): Decision {
  const { service, ledger } = facts
  const held = ledger.heldBy(service.metadata.uid)
  const ownership = ownershipOf(facts, held)
  if (ownership.kind === 'not-ours') return letGo(service, held, ownership.reason)
  const wish = readWish(service, facts.settings.compat)
  if (!wish.ok) {
    // What it shows stays; a claim that was never on show may be half of what it asked for before.
    const onShow = held.filter((holding) => isShown(holding, service))
    return settle(facts, ownership, held, { keep: onePerFamily(onShow, service), refusals: [wish.error], others: [] })
  }
  return obtain({ facts, ownership, wish: wish.value, own: toHolder(service, wish.value.sharing), held })
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

type Ours = Extract<Ownership, { kind: 'ours' }>

interface Task {
  readonly facts: Facts
  readonly ownership: Ours
  readonly wish: Wish
  readonly own: Holder
  readonly held: readonly Holding[]
}

const onePerFamily = (held: readonly Holding[], service: ServiceObject): readonly Holding[] =>
  (['IPv4', 'IPv6'] as const).flatMap((family) => prefer(ofFamily(held, family), service) ?? [])

/** What is known about the address of one family: the one that fits, else the choice of another, and what stays until that is held. */
interface Place {
  readonly family: Family | undefined
  readonly keep: Holding | undefined
  readonly choice?: Choice
}

function placeOf(family: Family | undefined, { facts, wish, own, held }: Task, others: readonly Place[]): Place {
  const { service } = facts
  const mine = ofFamily(held, family).map((holding) => ({ holding, fitness: fitnessOf(holding, wish, own, facts) }))
  const withFitness = (fitness: string) => mine.filter((each) => each.fitness === fitness).map(({ holding }) => holding)
  const fitting = prefer(withFitness('fits'), service)
  if (fitting !== undefined) return { family, keep: fitting }
  const keep = prefer(withFitness('unwanted'), service)
  const replacing = keep ?? mine[0]?.holding
  const pending = others.flatMap(pendingIn)[0]
  return { family, keep, choice: chooseAddress({ wish, own, family, replacing, ...(pending !== undefined && { pending }) }, facts) }
}

/** The Eip that gives one address more for this place; none where it only takes the place of another one. */
const pendingIn = ({ keep, choice }: Place): readonly string[] =>
  choice?.kind === 'chosen' && choice.beside === undefined && keep === undefined ? [choice.pool.name] : []

function placesOf(task: Task): readonly Place[] {
  const { families } = task.wish
  const places: Place[] = []
  for (const family of families.length === 0 ? [undefined] : families) places.push(placeOf(family, task, places))
  return places
}

/** Family by family: claims what is missing, one claim at a time; with nothing left to claim, brings the claims up to date and settles. */
function obtain(task: Task): Decision {
  const { wish, own } = task
  const places = placesOf(task)
  if (places.some(({ choice }) => choice?.kind === 'unknown-namespace')) return { kind: 'await-namespace' }
  const refusals = places.flatMap((place) => told(place, task))
  const isIncomplete = wish.required && refusals.length > 0
  for (const { choice } of places) {
    if (choice?.kind !== 'chosen') continue
    const { pool, ip, beside, from } = choice
    // Both or nothing: but what the status shows already was given before, and is not taken back.
    if (isIncomplete && !shows(task.facts.service, ip)) continue
    if (beside !== undefined) {
      // Its own address already, which another Eip has by now: the one that it asks for.
      const moved = holderOf(beside, own.uid) === undefined ? undefined : amendedSpec(beside, pool, own)
      if (moved !== undefined) return { kind: 'amend', holding: beside, spec: moved }
      return { kind: 'join', holding: beside, spec: joinedSpec(beside, own), from }
    }
    return { kind: 'claim', name: claimName(ip), spec: claimSpec(own, pool, ip, shows(task.facts.service, ip)), from }
  }
  const kept = places.flatMap(({ keep }) => keep ?? [])
  // A family that is on show stays on show, with the address that took the place of the former one, if there is one.
  const keep = isIncomplete ? kept.filter(({ ip }) => showsFamily(task.facts.service, ip.family)) : kept
  const others = places.flatMap(({ choice }) => (choice?.kind === 'refused' ? (choice.others ?? []) : []))
  return maintain(task, { keep, refusals, others })
}

/** The refusal of a place. Where the Service lacks one family of two, it says which; where it has an unwanted one, the wish is not met. */
function told({ choice, family, keep }: Place, { wish }: Task): readonly Refusal[] {
  if (choice?.kind !== 'refused') return []
  const { refusal } = choice
  if (family === undefined || keep !== undefined || wish.families.length < 2) return [refusal]
  return [{ code: 'DualStackIncomplete', family, required: wish.required, because: refusal }]
}

/** Amends the claims that are to stay, then settles. */
function maintain(task: Task, { keep, refusals, others }: Outcome): Decision {
  const { facts, ownership, own, held } = task
  const deleted: Refusal[] = []
  for (const holding of keep) {
    const home = homeOf(holding, facts.pools)
    const spec = amendedSpec(holding, home.kind === 'pool' ? home.pool : undefined, own)
    if (spec !== undefined) return { kind: 'amend', holding, spec }
    if (home.kind === 'gone') deleted.push({ code: 'PoolDeleted', pool: home.eip, held: holding.address })
  }
  const probing = keep.filter((holding) => isProbing(holding) && !isShown(holding, facts.service))
  const probed = probing.map(({ address, claim }): Refusal => ({ code: 'AddressProbing', address, pool: claim.spec.eip }))
  const shown = keep.flatMap((holding) => (probing.includes(holding) ? (standIn(holding, task) ?? []) : holding))
  // What it asks for and cannot have is worth more words than what it only waits for.
  return settle(facts, ownership, held, { keep: shown, aside: probing, refusals: [...refusals, ...deleted, ...probed], others })
}

/** The address on show that stays until the new one was found free. */
function standIn({ ip }: Holding, { held, wish, own, facts }: Task): Holding | undefined {
  const onShow = ofFamily(held, ip.family).filter((holding) => isShown(holding, facts.service))
  return onShow.find((holding) => fitnessOf(holding, wish, own, facts) !== 'untenable')
}

interface Outcome {
  /** Held, and not shown yet. */
  readonly aside?: readonly Holding[]
  readonly keep: readonly Holding[]
  readonly refusals: readonly Refusal[]
  readonly others: readonly Refusal[]
}

function settle(facts: Facts, ownership: Ours, held: readonly Holding[], { keep, aside = [], refusals, others }: Outcome): Decision {
  const desired = keep.length === 0 ? desiredWithout(facts.service, refusals[0]) : desiredWithAddresses(facts, ownership, keep, refusals)
  const drop = held.filter((holding) => !keep.includes(holding) && !aside.includes(holding))
  return { kind: 'settle', keep, desired, drop, refusals, others }
}
