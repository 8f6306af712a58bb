/** Sentences for the closed lists of the allocator. The compiler asks for a new one where a list grows. */
import type { ChoiceReason } from '../../allocator/choose.ts'
import { homeOf, isDraining } from '../../allocator/home.ts'
import type { Holding } from '../../allocator/ledger.ts'
import type { PoolBook } from '../../allocator/pools.ts'
import type { AddressOrder } from '../../api/eip.ts'
import type { ServiceRequest } from '../../api/service-request.ts'
import type { Wake } from '../../policy/refusal.ts'
import type { NotOurs } from '../../policy/whose-service.ts'
import { sameIp } from '../ledger-state.ts'

export const NOT_OURS: { readonly [Reason in NotOurs]: string } = {
  'not-load-balancer': 'its type is not LoadBalancer',
  'foreign-class': 'spec.loadBalancerClass names another implementation',
  'opted-out': 'an annotation opts out; write lb.kubesphere.io/v1alpha1: openelb to opt in',
  'not-opted-in': 'it does not opt in, and the setting `adopt` asks for that',
  'protected-namespace': 'it lives in kube-system or in our own namespace and does not opt in',
  'served-by-another': 'another implementation gave it an address',
  'no-default-eip': 'it does not opt in, and there is no default Eip to adopt it',
}

/** What a Service waits for. */
export function wakeText(wake: Wake): string {
  switch (wake.on) {
    case 'pool':
      return `Eip ${wake.pool} to be created or changed`
    case 'any-pool':
      return 'any Eip to be created or changed'
    case 'address-released':
      return `${wake.address} to be released`
    case 'released-in':
      return `${wake.family === undefined ? 'an' : `an ${wake.family}`} address of Eip ${wake.pool} to be released`
    case 'quota':
      return `Services of namespace ${wake.namespace} to hold fewer addresses of Eip ${wake.pool}`
    case 'service':
      return `Service ${wake.service} to change or go`
    case 'node':
      return `the addresses of node ${wake.node} to change`
    case 'namespace':
      return `the labels of namespace ${wake.namespace} to change`
    case 'sharers':
      return 'a Service with the same key of sharing to get an address'
  }
}

/** Why an address would be chosen now. */
export const CHOICES: { readonly [Reason in ChoiceReason]: string } = {
  status: 'the status of the Service shows it already',
  request: 'the Service asks for it',
  reservation: 'the Eip reserves it for the Service',
  shared: 'a Service with the same key of sharing holds it',
  free: 'it is the next free one of the Eip',
}

const ORDERS: { readonly [Order in AddressOrder]: string } = {
  first: 'the lowest one that was free when it was given',
  last: 'the highest one that was free when it was given',
  'least-recently-released': 'the one that was free for the longest time when it was given',
  hash: 'the one that the name of the Service leads to, or the next free one',
}

const listOf = (names: readonly string[]): string => names.join(' and ')

/** Why a Service has the address that it has. What its status showed before anybody claimed it cannot be told from the rest any more. */
export function whyHeld(
  holding: Holding,
  service: { readonly key: string; readonly uid: string },
  request: ServiceRequest | undefined,
  pools: PoolBook,
): string {
  const { claim, ip, address } = holding
  const home = homeOf(holding, pools)
  const asked = request?.addresses.find((each) => sameIp(each.ip, ip))
  const others = claim.spec.holders.filter(({ uid }) => uid !== service.uid).map(({ namespace, name }) => `${namespace}/${name}`)
  const keptFor = 'pool' in home ? home.pool.reservations.get(address) : undefined
  const isKept = keptFor !== undefined && `${keptFor.namespace}/${keptFor.name}` === service.key
  const order = 'pool' in home ? ORDERS[home.pool.order] : 'given earlier'
  const why =
    asked !== undefined
      ? `asked for by ${asked.from}`
      : isKept
        ? 'reserved for the Service (spec.reservations)'
        : others.length > 0
          ? `shared with ${listOf(others)}`
          : order
  const shared = asked !== undefined && others.length > 0 ? `, shared with ${listOf(others)}` : ''
  const leaving = isDraining(home, holding) ? '; the Eip gives it no more, and it stays until the Service releases it' : ''
  const gone = home.kind === 'gone' ? '; the Eip is gone, and the address stays' : ''
  return `${why}${shared}${leaving}${gone}`
}
