import { formatIp } from '../addr/ip.ts'
import type { AddressClaimObject } from '../api/address-claim.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { ALLOCATED_CONDITION } from '../api/service-annotations.ts'
import { readServiceRequest } from '../api/service-request.ts'
import { type Pool, toPool } from '../policy/pool.ts'
import { defaultPool } from '../policy/pool-match.ts'
import type { Settings } from '../policy/settings.ts'
import { type NotOurs, type Ownership, whoseService } from '../policy/whose-service.ts'

export interface ExplainFacts {
  readonly service: ServiceObject
  readonly eips: readonly EipObject[]
  /** Claims whose holders include the Service. */
  readonly claims: readonly AddressClaimObject[]
  readonly settings: Settings
  readonly ownNamespace: string
}

const NOT_OURS: { readonly [Reason in NotOurs]: string } = {
  'not-load-balancer': 'its type is not LoadBalancer',
  'foreign-class': 'spec.loadBalancerClass names another implementation',
  'opted-out': 'the annotation lb.kubesphere.io/v1alpha1 has another value than openelb; write openelb to opt in',
  'not-opted-in': 'it does not opt in, and the setting `adopt` asks for that',
  'protected-namespace': 'it lives in kube-system or in our own namespace and does not opt in',
  'served-by-another': 'another implementation gave it an address',
  'no-default-eip': 'it does not opt in, and there is no default Eip to adopt it',
}

/** The whole chain as lines: whose Service, what it asks for, which address, who announces it, or why not. */
export function explainService(facts: ExplainFacts): string {
  const owner = ownershipOf(facts)
  return [ownership(facts, owner), request(facts), allocation(facts, owner), ...facts.claims.map(announcement)].join('\n')
}

const poolsOf = (eips: readonly EipObject[]): Pool[] => eips.map(toPool).flatMap((pool) => (pool.ok ? [pool.value] : []))

const ownershipOf = ({ service, eips, settings, ownNamespace }: ExplainFacts): Ownership =>
  whoseService(service, settings, poolsOf(eips), ownNamespace)

function ownership({ eips }: ExplainFacts, owner: Ownership): string {
  if (owner.kind === 'not-ours') return `Owner:      not OpenELB: ${NOT_OURS[owner.reason]}`
  const by = {
    class: 'spec.loadBalancerClass',
    annotation: 'the annotation lb.kubesphere.io/v1alpha1',
    'default-eip': `the default Eip ${defaultPool(poolsOf(eips))?.name ?? ''}`,
  }[owner.by]
  return `Owner:      OpenELB, by ${by}`
}

function request({ service }: ExplainFacts): string {
  const read = readServiceRequest(service)
  if (!read.ok) return `Request:    invalid: ${read.error.map(({ message }) => message).join('; ')}`
  const { eips, addresses, protocol } = read.value
  const asked = [
    eips.length === 0 ? '' : `Eip ${eips.join(', ')}`,
    ...addresses.map(({ ip, from }) => `the address ${formatIp(ip)} (${from})`),
    protocol === undefined ? '' : `protocol ${protocol}`,
  ].filter((text) => text !== '')
  return `Request:    ${asked.length === 0 ? 'any address' : asked.join(', ')}`
}

function allocation({ service, claims }: ExplainFacts, owner: Ownership): string {
  const condition = service.status?.conditions?.find(({ type }) => type === ALLOCATED_CONDITION)
  const held = claims.map(({ spec }) => `${spec.address} of ${spec.eip}`).join(', ')
  const unsaid = owner.kind === 'ours' ? 'the allocator has not spoken yet' : 'the Service is not ours'
  const said = condition === undefined ? unsaid : `${condition.reason}: ${condition.message}`
  return `Allocated:  ${held === '' ? 'no' : held} (${said})`
}

function announcement({ spec, status }: AddressClaimObject): string {
  const owner = status?.owner
  const by = owner === undefined ? 'nobody yet' : `${owner.node} on ${owner.interface}, epoch ${owner.epoch}, since ${owner.since}`
  const said = status?.conditions?.map(({ type, status, reason, message }) => `\n            ${type}=${status} ${reason}: ${message}`) ?? []
  return `Announced:  ${spec.address} (${spec.protocol}) by ${by}${said.join('')}`
}
