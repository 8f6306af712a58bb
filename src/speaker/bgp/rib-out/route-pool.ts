import { type Family, formatIp } from '../../../addr/ip.ts'
import type { NextHop } from '../../../wire/bgp/attributes/mp-reach.ts'
import type { PathAttributes } from '../../../wire/bgp/attributes/table.ts'

/** What stands in an UPDATE beside the prefixes. Two with one key are one. */
export interface Route {
  readonly family: Family
  readonly pathId: number | undefined
  readonly nextHop: NextHop
  readonly attributes: PathAttributes
  readonly key: string
}

/** The routes of one prefix for one peer, each path identifier once. */
export type Offer = readonly Route[]

/** No route: the prefix is withdrawn, or was never told. */
export const NOTHING: Offer = []

/**
 * Routes and offers that are equal are the same object wherever that is cheap, so that ten thousand prefixes of ten peers hold a few of them. Who
 * compares must go by key: what was not asked for in a long time is forgotten, and made anew.
 */
export interface RoutePool {
  route(parts: Omit<Route, 'key'>): Route
  offer(routes: readonly Route[]): Offer
}

/** Entries of one generation; there are two. */
const GENERATION = 16_384

export function createRoutePool(generation: number = GENERATION): RoutePool {
  const routes = createGenerations<Route>(generation)
  const offers = createGenerations<Offer>(generation)
  return {
    route(parts) {
      const key = keyOf(parts)
      return routes.get(key, () => ({ ...parts, key }))
    },
    offer: (list) => (list.length === 0 ? NOTHING : offers.get(offerKey(list), () => list)),
  }
}

export const sameRoute = (a: Route | undefined, b: Route): boolean => a === b || a?.key === b.key

export const sameOffer = (a: Offer, b: Offer): boolean =>
  a === b || (a.length === b.length && a.every((route, index) => sameRoute(b[index], route)))

const offerKey = (list: readonly Route[]): string => (list.length === 1 ? (list[0]?.key ?? '') : list.map(({ key }) => key).join('\n'))

/** A map that forgets what was not asked for while `size` others came. */
function createGenerations<T>(size: number) {
  let young = new Map<string, T>()
  let old = new Map<string, T>()
  return {
    get(key: string, make: () => T): T {
      const known = young.get(key)
      if (known !== undefined) return known
      if (young.size >= size) {
        old = young
        young = new Map()
      }
      const value = old.get(key) ?? make()
      young.set(key, value)
      return value
    },
  }
}

/** All that a route says, as text. Numbers and lists in a fixed order, which is that of PathAttributes as path-attributes.ts makes it. */
function keyOf({ family, pathId, nextHop, attributes }: Omit<Route, 'key'>): string {
  const hop = `${formatIp(nextHop.address)}%${nextHop.linkLocal ? formatIp(nextHop.linkLocal) : ''}`
  return `${family} ${pathId ?? ''} ${hop} ${JSON.stringify(attributes, bytesAsHex)}`
}

const bytesAsHex = (_name: string, value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex') : value
