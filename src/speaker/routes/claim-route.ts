import { FAMILY_BITS, formatIp, type Ip, parseIp } from '../../addr/ip.ts'
import { formatPrefix, type Prefix, prefixOf } from '../../addr/prefix.ts'
import type { AddressClaimObject } from '../../api/address-claim.ts'
import { ANY_NODE, type NodeChoice } from '../../policy/node-choice.ts'
import type { RouteAttributes } from '../bgp/route.ts'
import type { ServiceFacts } from '../facts.ts'
import type { NextHopChoice, NextHops } from './next-hops.ts'
import type { RouteFacts } from './route-facts.ts'
import { attributesKey, type EipRoutes, mergedWishes, NO_WISHES, PLAIN_EIP } from './wishes.ts'

/** What this node announces for one address. The same object for as long as it says the same. */
export interface ClaimRoute {
  readonly ip: Ip
  readonly address: string
  readonly eip: string
  readonly prefix: Prefix
  /** Canonical text of the prefix. */
  readonly text: string
  readonly nextHops: NextHops
  readonly attributes: RouteAttributes
  readonly peers: readonly string[] | undefined
}

/** Why there is no route for a claim of BGP. `incomplete`: not yet known; what was announced stays. */
export type RouteSilence = 'incomplete' | 'bad-claim' | 'no-next-hop'

export type ClaimOutcome = ({ readonly route: ClaimRoute } | { readonly silent: RouteSilence; readonly route: ClaimRoute | undefined }) & {
  /** What cannot be read of the annotations of its Services; absent where there is nothing. */
  readonly complaint?: Complaint
}

/** Sentences without a full stop, and the Services (`namespace/name`) that they are about. */
export type Complaint = ReadonlyMap<string, readonly string[]>

/**
 * Whether the claim is announced by BGP: by its protocol; or it was until its Eip changed to layer 2, this node is recorded as announcing
 * it, and nobody has it there yet, so that the address is not let go before somebody else has it.
 */
export function isForBgp({ spec, status }: AddressClaimObject, self: string): boolean {
  if (spec.protocol !== 'layer2') return spec.protocol === 'bgp'
  if (status?.owner !== undefined || status?.announcers === undefined) return false
  return status.announcers.some(({ node, protocol }) => node === self && protocol === 'bgp')
}

/** Makes routes of claims, and remembers them. */
export interface ClaimRoutes {
  /** The outcome for a claim, computed only if something that it depends on is another object than last time. */
  of(claim: AddressClaimObject, facts: RouteFacts): ClaimOutcome
  /** Forgets all claims but these. */
  keep(names: ReadonlySet<string>): void
}

interface Known extends Inputs {
  readonly claim: AddressClaimObject
  readonly keys: readonly string[]
  readonly outcome: ClaimOutcome
}

/** What a route is made from beside its claim. */
interface Inputs {
  readonly choice: NodeChoice
  readonly eip: EipRoutes
  readonly services: readonly (ServiceFacts | undefined)[]
  /** Of the Services of policy Local. */
  readonly endpoints: readonly (ReadonlySet<string> | undefined)[]
  readonly nextHops: NextHops | undefined
}

/** Annotations that change for ever must not fill the memory: then routes that say the same hold an object each. */
const SHARED_KEPT = 10_000

/** Creates it. `hops` follows the same facts already. */
export function createClaimRoutes(hops: NextHopChoice): ClaimRoutes {
  const known = new Map<string, Known>()
  const shared = new Map<string, RouteAttributes>()
  const intern = (attributes: RouteAttributes): RouteAttributes => {
    const key = attributesKey(attributes)
    const same = shared.get(key)
    if (same === undefined) shared.set(key, attributes)
    return same ?? attributes
  }
  return {
    of(claim, facts) {
      const { name } = claim.metadata
      const before = known.get(name)
      const keys = before?.claim === claim ? before.keys : claim.spec.holders.map((holder) => `${holder.namespace}/${holder.name}`)
      const inputs = inputsOf(claim, keys, facts, hops, before)
      if (before?.claim === claim && sameInputs(before, inputs)) return before.outcome
      const complaint = complaintOf(keys, inputs)
      const outcome = { ...outcomeOf(claim, inputs, before?.outcome.route, intern), ...(complaint && { complaint }) }
      known.set(name, { claim, keys, ...inputs, outcome })
      return outcome
    },
    keep(names) {
      for (const name of known.keys()) if (!names.has(name)) known.delete(name)
      if (shared.size > SHARED_KEPT) shared.clear()
    },
  }
}

/** An Eip that is deleted while its addresses are held still speaks for them: a community that keeps a route in does not fall off it. */
function inputsOf(
  { spec }: AddressClaimObject,
  keys: readonly string[],
  facts: RouteFacts,
  hops: NextHopChoice,
  before: Known | undefined,
): Inputs {
  const last = before?.claim.spec.eip === spec.eip ? before : undefined
  const choice = facts.nodeChoices.get(spec.eip) ?? last?.choice ?? ANY_NODE
  const services = keys.map((key) => facts.service(key))
  const local = keys.filter((_, at) => services[at]?.trafficPolicy === 'Local')
  const endpoints = local.map((key) => facts.endpointNodes(key))
  const read = endpoints.filter((nodes) => nodes !== undefined)
  const complete = !services.includes(undefined) && read.length === endpoints.length
  return {
    choice,
    eip: facts.eipRoutes(spec.eip) ?? last?.eip ?? PLAIN_EIP,
    services,
    endpoints,
    nextHops: complete ? hops.of(choice, read) : undefined,
  }
}

function complaintOf(keys: readonly string[], { services }: Inputs): Complaint | undefined {
  const said = keys.flatMap((key, at) => {
    const problems = services[at]?.wishes?.problems ?? []
    return problems.length > 0 ? [[key, problems] as const] : []
  })
  return said.length === 0 ? undefined : new Map(said)
}

const sameInputs = (a: Inputs, b: Inputs): boolean =>
  a.choice === b.choice && a.eip === b.eip && a.nextHops === b.nextHops && sameList(a.services, b.services)

const sameList = <T>(a: readonly T[], b: readonly T[]): boolean => a.length === b.length && a.every((one, at) => one === b[at])

function outcomeOf(
  { spec }: AddressClaimObject,
  { eip, services, nextHops }: Inputs,
  before: ClaimRoute | undefined,
  intern: (attributes: RouteAttributes) => RouteAttributes,
): ClaimOutcome {
  const ip = parseIp(spec.address)
  if (!ip.ok) return { silent: 'bad-claim', route: undefined }
  if (nextHops === undefined) return { silent: 'incomplete', route: before }
  if (nextHops.length === 0) return { silent: 'no-next-hop', route: undefined }
  const { attributes, peers } = mergedWishes(
    eip,
    services.map((service) => service?.wishes ?? NO_WISHES),
  )
  const prefix = prefixOf(ip.value, eip.lengths[ip.value.family])
  const text = formatPrefix(prefix)
  const said = { eip: spec.eip, text, nextHops, attributes: intern(attributes), peers }
  if (before !== undefined && isSame(before, said)) return { route: before }
  return { route: { ip: ip.value, address: formatIp(ip.value), prefix, ...said } }
}

const isSame = (a: ClaimRoute, b: Pick<ClaimRoute, 'eip' | 'text' | 'nextHops' | 'attributes' | 'peers'>): boolean =>
  a.eip === b.eip && a.text === b.text && a.nextHops === b.nextHops && a.attributes === b.attributes && samePeers(a.peers, b.peers)

const samePeers = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && sameList(a, b))

/** Whether the route is the one of the address alone. */
export const isHostRoute = ({ prefix }: ClaimRoute): boolean => prefix.length === FAMILY_BITS[prefix.family]
