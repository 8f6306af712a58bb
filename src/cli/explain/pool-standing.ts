/** Which Eips a Service may draw from, by which rule, and what keeps it from each of the others. */
import { formatIp, type Ip } from '../../addr/ip.ts'
import type { Facts } from '../../allocator/decide.ts'
import type { PoolState } from '../../allocator/pools.ts'
import { overQuota } from '../../allocator/quota.ts'
import { toHolder, type Wish } from '../../allocator/request.ts'
import { serviceKey } from '../../allocator/service-key.ts'
import type { AddressClaimObject } from '../../api/address-claim.ts'
import type { Pool } from '../../policy/pool.ts'
import { type Applicant, candidatesFor, isBound, isPermitted, matchesBinding } from '../../policy/pool-match.ts'
import { poolContains, poolFamilies, poolGives, poolServes, poolSize } from '../../policy/pool-ranges.ts'
import { explainRefusal } from '../../policy/refusal.ts'
import { claimIp } from '../ledger-state.ts'
import { bindingOf } from '../pool-line.ts'

/** `why` is a sentence part that follows the name of the Eip. */
export interface PoolStanding {
  readonly pool: string
  readonly applies: boolean
  readonly why: string
}

export interface PoolRule {
  /** Which rule chose, in a sentence. */
  readonly rule: string
  /** Every Eip: those that apply in the order in which they are tried, then the others by name. */
  readonly standings: readonly PoolStanding[]
}

/** What is asked about: one Service, and the Eips. */
export interface RuleFacts {
  readonly facts: Facts
  /** The names of all Eips. */
  readonly eips: readonly string[]
  /** Every claim that there is. */
  readonly claims: readonly AddressClaimObject[]
}

interface Look extends RuleFacts {
  readonly wish: Wish
  readonly applicant: Applicant
  readonly key: string
}

/** Goes through all Eips as the allocator does. */
export function poolRule(given: RuleFacts, wish: Wish): PoolRule {
  const { facts, eips } = given
  const { service, namespace } = facts
  const name = service.metadata.namespace ?? ''
  const applicant = { namespace: namespace ?? { name, labels: {} }, labels: service.metadata.labels ?? {} }
  const look: Look = { ...given, wish, applicant, key: serviceKey({ namespace: name, name: service.metadata.name }) }
  const { rule, order } = ruleOf(look)
  const others = eips.filter((each) => !order.includes(each)).toSorted()
  return { rule, standings: [...order, ...others].map((each) => standingOf(each, look, order)) }
}

/** The rule, and the Eips that it names, in their order; the allocator stops at the first with room. */
function ruleOf({ facts, wish, applicant, key }: Look): { readonly rule: string; readonly order: readonly string[] } {
  const { pools } = facts
  const reserved = pools.reservedFor(key).map(({ pool }) => pool.name)
  if (wish.eips.length > 0) return { rule: `the Service names ${wish.eips.join(', ')}`, order: wish.eips }
  if (wish.addresses.length > 0) {
    const found = wish.addresses.flatMap((ip) => pools.containing(ip)?.name ?? [])
    return { rule: 'the Service asks for an address, so the Eip that has it serves it', order: [...new Set(found)] }
  }
  const unreserved = ruleOfBinding(applicant, facts, wish)
  if (reserved.length === 0) return unreserved
  return {
    rule: `an address is reserved for the Service; without it, ${unreserved.rule}`,
    order: [...new Set([...reserved, ...unreserved.order])],
  }
}

function ruleOfBinding(applicant: Applicant, { pools }: Facts, wish: Wish): ReturnType<typeof ruleOf> {
  const candidates = candidatesFor(applicant, pools.active, wish.protocol)
  if (candidates.kind === 'none') return { rule: 'no Eip is bound to the Service, and none is the default', order: [] }
  const order = candidates.pools.map(({ name }) => name)
  if (candidates.kind === 'bound') return { rule: 'Eips that are bound to the Service serve it, by lower priority and then by name', order }
  return { rule: 'no Eip is bound to the Service, so the default one serves it', order }
}

function standingOf(name: string, look: Look, order: readonly string[]): PoolStanding {
  const state = look.facts.pools.get(name)
  const obstacle = closed(state) ?? (state?.kind === 'active' ? obstacleOf(state.pool, look, order) : undefined)
  if (obstacle !== undefined) return { pool: name, applies: false, why: obstacle }
  return { pool: name, applies: true, why: state?.kind === 'active' ? room(state.pool, look) : '' }
}

/** Why nobody gets an address of this Eip now. */
function closed(state: PoolState | undefined): string | undefined {
  if (state === undefined) return 'does not exist'
  if (state.kind === 'invalid') return `cannot be used: ${state.error.message}: ${state.error.cure}`
  if (state.kind === 'overlap') return `shares addresses with the older Eip ${state.with}`
  if (state.pool.deleting) return 'is being deleted'
  return state.pool.disabled ? 'is disabled (spec.disable)' : undefined
}

function obstacleOf(pool: Pool, look: Look, order: readonly string[]): string | undefined {
  const { wish, applicant } = look
  if (wish.eips.length > 0 && !wish.eips.includes(pool.name)) return 'is not named by the Service'
  const fence =
    isPermitted(pool, applicant) || isReserved(pool, look) ? undefined : `is fenced (spec.enforceNamespaces) for ${bindingText(pool)}`
  const missing = wish.addresses.find((ip) => !poolContains(pool, ip))
  const address = missing === undefined || poolHasOther(pool, wish.addresses) ? undefined : `does not have ${formatIp(missing)}`
  return (
    address ??
    fence ??
    (isAsked(wish) || isReserved(pool, look) ? undefined : unasked(pool, look, order)) ??
    family(pool, wish) ??
    quota(pool, look)
  )
}

const isAsked = (wish: Wish): boolean => wish.eips.length > 0 || wish.addresses.length > 0
const poolHasOther = (pool: Pool, addresses: readonly Ip[]): boolean => addresses.some((ip) => poolContains(pool, ip))
const isReserved = (pool: Pool, { facts, key }: Look): boolean => facts.pools.reservedFor(key).some((each) => each.pool.name === pool.name)
const bindingText = (pool: Pool): string => bindingOf(pool).join(', ')

/** What keeps an Eip from a Service that names neither Eip nor address. */
function unasked(pool: Pool, { wish, applicant }: Look, order: readonly string[]): string | undefined {
  const matches = matchesBinding(pool, applicant)
  if (isBound(pool) && !matches && !pool.isDefault) return `is bound to ${bindingText(pool)}`
  if (!isBound(pool) && !pool.isDefault) return 'is bound to nobody and is not the default Eip'
  if (!pool.autoAssign) return 'has autoAssign false: only Services that ask for it are served'
  if (wish.protocol !== undefined && pool.protocol !== wish.protocol)
    return `announces by ${pool.protocol}, and the Service asks for ${wish.protocol}`
  if (matches || order.includes(pool.name)) return undefined
  return order.length > 0 ? 'is the default Eip, which counts only for Services that no Eip is bound to' : 'is not the first default Eip'
}

function family(pool: Pool, { families }: Wish): string | undefined {
  if (families.length === 0 || families.some((each) => pool.ranges.some((range) => range.family === each))) return undefined
  return `has ${poolFamilies(pool).join(' and ') || 'no'} addresses, and the Service serves ${families.join(' and ')}`
}

function quota(pool: Pool, look: Look): string | undefined {
  const { facts, wish } = look
  // What is reserved for it comes beyond the quota.
  if (isReserved(pool, look)) return undefined
  const held = facts.ledger.heldBy(facts.service.metadata.uid).find(({ claim }) => claim.spec.eip === pool.name)
  if (held !== undefined) return undefined
  const slot = { wish, own: toHolder(facts.service, wish.sharing), family: undefined, replacing: undefined }
  const refusal = overQuota(pool, slot, facts.ledger)
  return refusal === undefined ? undefined : `is used up for this namespace: ${explainRefusal(refusal).message}`
}

/** How much is left, of the families that the Service serves. */
function room(pool: Pool, { claims, wish }: Look): string {
  const [only] = wish.families.length === 1 ? wish.families : []
  const held = claims.filter((claim) => {
    const ip = claimIp(claim)
    return ip !== undefined && poolGives(pool, ip) && (only === undefined || ip.family === only)
  }).length
  const size = poolSize(pool, only)
  const priority = isBound(pool) ? `priority ${pool.priority}, ` : ''
  const left = size - BigInt(held)
  const lacks = wish.families.filter((each) => !poolServes(pool, each)).map((each) => `, none of ${each}`)
  if (size === 0n && poolSize(pool) === 0n) return `${priority}gives no address at all (spec.exclude, spec.avoidBuggyIPs)`
  const said = left <= 0n ? `full: all ${size} addresses are held` : `${left} of ${size} addresses free`
  return `${priority}${said}${lacks.join('')}`
}
