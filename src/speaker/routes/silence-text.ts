import type { AddressClaimObject } from '../../api/address-claim.ts'
import { ANY_NODE } from '../../policy/node-choice.ts'
import { noNextHopText } from './announcement.ts'
import type { RouteSilence } from './claim-route.ts'
import type { NextHopChoice } from './next-hops.ts'
import type { RouteFacts } from './route-facts.ts'

/** Why a claim of BGP has no route, as a sentence without a full stop. */
export function silenceText(reason: RouteSilence, claim: AddressClaimObject, facts: RouteFacts, hops: NextHopChoice): string {
  switch (reason) {
    case 'bad-claim':
      return 'the address of the claim cannot be read'
    case 'incomplete':
      return 'the Service, or its endpoints, are not known yet'
    case 'no-next-hop': {
      const keys = claim.spec.holders.map(({ namespace, name }) => `${namespace}/${name}`)
      const local = keys.filter((key) => facts.service(key)?.trafficPolicy === 'Local')
      const required = local.flatMap((key) => facts.endpointNodes(key) ?? [])
      const choice = facts.nodeChoices.get(claim.spec.eip) ?? ANY_NODE
      return noNextHopText(facts.nodes, (node) => hops.obstacle(node, choice, required))
    }
  }
}
