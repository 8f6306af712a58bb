/** Services that were refused an address, and what each of them waits for. No Service is asked again before that happens. */
import { type Family, formatIp, type Ip } from '../addr/ip.ts'
import type { RefusalCode, Wake } from '../policy/refusal.ts'
import type { PoolBook } from './pools.ts'

/** Something that happened and may be what a Service waits for. */
export type Happening =
  /** An Eip was created, changed in its spec or annotations, or deleted. */
  | { readonly kind: 'pool-changed'; readonly pool: string }
  /** The labels of a Namespace changed, or it appeared. */
  | { readonly kind: 'namespace-changed'; readonly namespace: string }
  /** An address became free. `pools` are the Eips that have it; in them, these `namespaces` hold one address less. */
  | {
      readonly kind: 'released'
      readonly address: string
      readonly family: Family
      readonly pools: readonly string[]
      readonly namespaces: readonly string[]
    }
  /** An address is held by others than before, or by the same with other ports. In `pools`, these `namespaces` hold one address less. */
  | {
      readonly kind: 'holders-changed'
      readonly address: string
      readonly pools: readonly string[]
      readonly namespaces: readonly string[]
    }
  /** An address may be shared by this key (its digest, as in claims) that could not be before. */
  | { readonly kind: 'sharers-changed'; readonly sharing: string }
  /** A Service (`namespace/name`) changed or went. */
  | { readonly kind: 'service-changed'; readonly service: string }
  /** The addresses of a Node changed, or it went. */
  | { readonly kind: 'node-changed'; readonly node: string }

/** That an address became free without the end of a claim: nobody's quota changes. */
export function freeAgain(ip: Ip, pools: Pick<PoolBook, 'containing'>): Happening {
  const pool = pools.containing(ip)
  const names = pool === undefined ? [] : [pool.name]
  return { kind: 'released', address: formatIp(ip), family: ip.family, pools: names, namespaces: [] }
}

/** What room there may be for one more address: in a pool, or in the quota of a namespace there. */
export type Opening =
  | { readonly kind: 'room'; readonly pool: string; readonly family: Family }
  | { readonly kind: 'quota'; readonly pool: string; readonly namespace: string }

export interface Waiters {
  /**
   * Notes that a Service waits. Replaces what it waited for before and puts it at the end of the line. Whoever waits for room in a pool
   * without saying of which family waits for both.
   */
  wait(key: string, code: RefusalCode, wakesOn: readonly Wake[]): void
  /** The Service does not wait any more. */
  leave(key: string): void
  /** Takes out of the line everybody whom this wakes, first come first; but not those who wait for an opening: see `next`. */
  wake(happening: Happening): readonly string[]
  /**
   * Takes the first one who waits for this opening out of the line: they are called one at a time, so a freed address costs O(1) and not
   * O(line). With `upTo`, nobody who came later than that ticket.
   */
  next(opening: Opening, upTo?: number): string | undefined
  /** The number of the last wait: a Service that waits again gets a higher one. */
  readonly ticket: number
  /** How many Services wait for room in a pool. */
  countFor(pool: string): number
  countByCode(): ReadonlyMap<RefusalCode, number>
  readonly size: number
}

interface Waiter {
  readonly code: RefusalCode
  readonly ticket: number
  readonly on: readonly string[]
  /** The pools for whose room it waits. */
  readonly pools: readonly string[]
}

const ANY_POOL = 'any-pool'
const FAMILIES: readonly Family[] = ['IPv4', 'IPv6']

const roomIn = (pool: string, family: Family): string => `room/${family}/${pool}`
const quotaIn = (pool: string, namespace: string): string => `quota/${pool}/${namespace}`

function linesOf(wake: Wake): readonly string[] {
  switch (wake.on) {
    case 'pool':
      return [`pool/${wake.pool}`]
    case 'any-pool':
      return [ANY_POOL]
    case 'address-released':
      return [`address/${wake.address}`]
    case 'released-in':
      return (wake.family === undefined ? FAMILIES : [wake.family]).map((family) => roomIn(wake.pool, family))
    case 'quota':
      return [quotaIn(wake.pool, wake.namespace)]
    case 'service':
      return [`service/${wake.service}`]
    case 'node':
      return [`node/${wake.node}`]
    case 'namespace':
      return [`namespace/${wake.namespace}`]
    case 'sharers':
      return [`sharers/${wake.sharing}`]
  }
}

function calledBy(happening: Happening): readonly string[] {
  switch (happening.kind) {
    case 'pool-changed':
      return [`pool/${happening.pool}`, ANY_POOL]
    case 'namespace-changed':
      return [`namespace/${happening.namespace}`]
    case 'released':
    case 'holders-changed':
      return [`address/${happening.address}`]
    case 'sharers-changed':
      return [`sharers/${happening.sharing}`]
    case 'service-changed':
      return [`service/${happening.service}`]
    case 'node-changed':
      return [`node/${happening.node}`]
  }
}

/** The openings that this makes: where there may be room now. */
export function openingsOf(happening: Happening): readonly Opening[] {
  if (happening.kind !== 'released' && happening.kind !== 'holders-changed') return []
  const { pools, namespaces } = happening
  const quotas = pools.flatMap((pool) => namespaces.map((namespace): Opening => ({ kind: 'quota', pool, namespace })))
  if (happening.kind === 'holders-changed') return quotas
  const { family } = happening
  return [...pools.map((pool): Opening => ({ kind: 'room', pool, family })), ...quotas]
}

const lineOf = (opening: Opening): string =>
  opening.kind === 'room' ? roomIn(opening.pool, opening.family) : quotaIn(opening.pool, opening.namespace)

/** Creates an empty line. `onCount` is told each time more or fewer Services wait for room in a pool. */
export function createWaiters(onCount: (pool: string) => void = () => undefined): Waiters {
  const waiters = new Map<string, Waiter>()
  const lines = createLines()
  const counts = createCounts(onCount)
  let ticket = 0

  function leave(key: string): void {
    const waiter = waiters.get(key)
    if (waiter === undefined) return
    waiters.delete(key)
    for (const line of waiter.on) lines.delete(line, key)
    for (const pool of waiter.pools) counts.add(pool, -1)
  }
  return {
    wait(key, code, wakesOn) {
      leave(key)
      const on = [...new Set(wakesOn.flatMap(linesOf))]
      const pools = [...new Set(wakesOn.flatMap((wake) => (wake.on === 'released-in' ? [wake.pool] : [])))]
      ticket++
      waiters.set(key, { code, ticket, on, pools })
      for (const line of on) lines.add(line, key)
      for (const pool of pools) counts.add(pool, 1)
    },
    leave,
    wake(happening) {
      const keys = new Set(calledBy(happening).flatMap((line) => [...lines.of(line)]))
      for (const key of keys) leave(key)
      return [...keys]
    },
    next(opening, upTo = ticket) {
      const [first] = lines.of(lineOf(opening))
      if (first === undefined || (waiters.get(first)?.ticket ?? 0) > upTo) return undefined
      leave(first)
      return first
    },
    get ticket() {
      return ticket
    },
    countFor: counts.get,
    countByCode: () => countCodes(waiters.values()),
    get size() {
      return waiters.size
    },
  }
}

/** Who stands in which line. Sets keep the order in which Services came. */
function createLines() {
  const lines = new Map<string, Set<string>>()
  const none: ReadonlySet<string> = new Set()
  return {
    of: (line: string): ReadonlySet<string> => lines.get(line) ?? none,
    add(line: string, key: string): void {
      const keys = lines.get(line)
      if (keys === undefined) lines.set(line, new Set([key]))
      else keys.add(key)
    },
    delete(line: string, key: string): void {
      const keys = lines.get(line)
      keys?.delete(key)
      if (keys?.size === 0) lines.delete(line)
    },
  }
}

function createCounts(onChange: (pool: string) => void) {
  const counts = new Map<string, number>()
  const get = (pool: string): number => counts.get(pool) ?? 0
  return {
    get,
    add(pool: string, more: number): void {
      const count = get(pool) + more
      if (count === 0) counts.delete(pool)
      else counts.set(pool, count)
      onChange(pool)
    },
  }
}

function countCodes(waiters: Iterable<Waiter>): ReadonlyMap<RefusalCode, number> {
  const counts = new Map<RefusalCode, number>()
  for (const { code } of waiters) counts.set(code, (counts.get(code) ?? 0) + 1)
  return counts
}
