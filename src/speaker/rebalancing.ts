import type { AddressClaimObject } from '../api/address-claim.ts'
import { recordOf } from './claim-status.ts'
import { type ClusterFacts, electorateOf, reporters } from './facts.ts'
import { type Holding, nextMove, REBALANCE_INTERVAL_MS } from './rebalance.ts'

/** The move to this node by which the addresses are spread more evenly. */
export interface MoveHere {
  readonly claim: string
  /** The present one: the move counts while it is. */
  readonly epoch: number
}

/** --rebalance=slow. */
export interface Rebalancing {
  /** The move that is due to this node, or undefined. Works it out at most once in EVERY_MS. `wallMs` is milliseconds since 1970. */
  next(claims: Iterable<AddressClaimObject>, facts: ClusterFacts, wallMs: number): MoveHere | undefined
}

const EVERY_MS = 1000

/** Creates it. */
export function createRebalancing(self: string): Rebalancing {
  let known: { readonly move: MoveHere | undefined; readonly atMs: number } | undefined
  return {
    next(claims, facts, wallMs) {
      if (known === undefined || Math.abs(wallMs - known.atMs) >= EVERY_MS)
        known = { move: planned(self, claims, facts, wallMs), atMs: wallMs }
      return known.move
    },
  }
}

function planned(self: string, claims: Iterable<AddressClaimObject>, facts: ClusterFacts, nowMs: number): MoveHere | undefined {
  if (!isCalm(facts)) return undefined
  const owned = [...claims].filter(({ spec, status }) => spec.protocol === 'layer2' && status?.owner !== undefined)
  const groups = new Map<string, AddressClaimObject>()
  const holdings = owned.map((claim): Holding => {
    const group = groupOf(claim, facts)
    if (!groups.has(group)) groups.set(group, claim)
    const { node = '', since = '' } = claim.status?.owner ?? {}
    return { address: claim.spec.address, owner: node, sinceMs: Date.parse(since), group }
  })
  const standing = (group: string, node: string) => {
    const claim = groups.get(group)
    if (claim === undefined) return { eligible: false, weight: 0 }
    const electorate = electorateOf(claim, facts)
    return { eligible: electorate.complete && electorate.eligibility(node).eligible, weight: electorate.weightOf(node) }
  }
  const move = nextMove({ nodes: reporters(facts), holdings, standing, nowMs, intervalMs: REBALANCE_INTERVAL_MS })
  const claim = move?.to === self ? owned.find(({ spec }) => spec.address === move.address) : undefined
  const record = claim === undefined ? undefined : recordOf(claim)
  return claim === undefined || record === undefined ? undefined : { claim: claim.metadata.name, epoch: record.epoch }
}

/** Nothing is moved for the sake of order while a speaker is away: it may be back in a moment. */
const isCalm = ({ membership }: ClusterFacts): boolean =>
  membership === undefined || (membership.settled && [...membership.members.values()].every(({ alive }) => alive))

/** Addresses of one Eip whose Services take traffic on every node are alike; with policy Local, those of the same Services. */
function groupOf({ spec }: AddressClaimObject, facts: ClusterFacts): string {
  const local = spec.holders
    .map(({ namespace, name }) => `${namespace}/${name}`)
    .filter((service) => facts.trafficPolicy(service) === 'Local')
  return [spec.eip, ...local].join(' ')
}
