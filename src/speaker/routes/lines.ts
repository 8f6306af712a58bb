import type { BgpLine } from '../bgp/route.ts'
import { type ClaimRoute, type Complaint, createClaimRoutes, isForBgp, isHostRoute, type RouteSilence } from './claim-route.ts'
import { createNextHopChoice, type NextHopChoice, type NextHops, selfFirst } from './next-hops.ts'
import type { RouteFacts } from './route-facts.ts'
import { mergedAttributes, united } from './wishes.ts'

/** What this node announces by BGP, and what it is silent about. */
export interface RoutePlan {
  readonly lines: readonly BgpLine[]
  /** By the name of the claim, the line that its address is in. */
  readonly lineOf: ReadonlyMap<string, BgpLine>
  /** By the name of the claim. */
  readonly silent: ReadonlyMap<string, RouteSilence>
  /** By the name of the claim, what cannot be read of the annotations of its Services. */
  readonly complaints: ReadonlyMap<string, Complaint>
  /** How many claims cannot be judged yet. */
  readonly incomplete: number
}

/** Claims become lines. What has not changed is not made anew, so a look costs little and finds the same objects. */
export interface Routes {
  plan(facts: RouteFacts): RoutePlan
  readonly hops: NextHopChoice
}

/** Creates it, with nothing known. */
export function createRoutes(): Routes {
  const hops = createNextHopChoice()
  const claimRoutes = createClaimRoutes(hops)
  let made = new Map<string, Made>()
  return {
    hops,
    plan(facts) {
      hops.follow(facts)
      const members = new Map<string, ClaimRoute[]>()
      const routeOf = new Map<string, ClaimRoute>()
      const silent = new Map<string, RouteSilence>()
      const complaints = new Map<string, Complaint>()
      const names = new Set<string>()
      for (const claim of facts.claims) {
        if (!isForBgp(claim, facts.self)) continue
        const { name } = claim.metadata
        names.add(name)
        const outcome = claimRoutes.of(claim, facts)
        if (outcome.complaint !== undefined) complaints.set(name, outcome.complaint)
        if ('silent' in outcome) silent.set(name, outcome.silent)
        const { route } = outcome
        if (route === undefined) continue
        routeOf.set(name, route)
        const together = members.get(route.text)
        if (together === undefined) members.set(route.text, [route])
        else together.push(route)
      }
      claimRoutes.keep(names)
      made = new Map([...members].map(([text, routes]) => [text, madeOf(routes, made.get(text))]))
      const lineOf = new Map(
        [...routeOf].flatMap(([name, { text }]) => {
          const line = made.get(text)?.line
          return line === undefined ? [] : [[name, line] as const]
        }),
      )
      const incomplete = [...silent.values()].filter((reason) => reason === 'incomplete').length
      return { lines: [...made.values()].map(({ line }) => line), lineOf, silent, complaints, incomplete }
    },
  }
}

/** A line, and the routes that it was made from. */
interface Made {
  readonly line: BgpLine
  readonly routes: readonly ClaimRoute[]
}

function madeOf(found: readonly ClaimRoute[], before: Made | undefined): Made {
  const [only] = found
  const routes = found.length === 1 && only !== undefined && isHostRoute(only) ? found : [...found].sort(byAddress)
  if (before?.routes.length === routes.length && routes.every((route, at) => route === before.routes[at])) return before
  return { line: lineOf(routes), routes }
}

const byAddress = (a: ClaimRoute, b: ClaimRoute): number => (a.ip.value < b.ip.value ? -1 : a.ip.value > b.ip.value ? 1 : 0)

/** One prefix for all of them: whoever may take the traffic of one of its addresses is a next hop. `routes` is not empty. */
function lineOf(routes: readonly ClaimRoute[]): BgpLine {
  const [first] = routes
  if (first === undefined) throw new RangeError('a line has at least one route')
  const { text, prefix } = first
  return {
    text,
    prefix,
    nextHops: unitedHops(routes.map(({ nextHops }) => nextHops)),
    attributes: mergedAttributes(routes.map(({ attributes }) => attributes)),
    peers: routes.length === 1 ? first.peers : united(routes.map(({ peers }) => peers)),
    addresses: routes.map(({ address }) => address),
    eips: [...new Set(routes.map(({ eip }) => eip))],
  }
}

function unitedHops(all: readonly NextHops[]): NextHops {
  const distinct = [...new Set(all)]
  const [first = []] = distinct
  return distinct.length <= 1 ? first : [...new Set(distinct.flat())].sort(selfFirst)
}
