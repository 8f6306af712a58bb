/** Watches Services and claims, and keeps every version of them: nothing is read again, so nothing that was there for a moment is missed. */
import type { AddressClaimObject } from '../../../src/api/address-claim.ts'
import type { ServiceObject } from '../../../src/api/core-objects.ts'
import { ALLOCATED_CONDITION, ALLOW_SHARED_IP, EIP_NAME, LAYER2_NODE } from '../../../src/api/service-annotations.ts'
import type { ApiClient } from '../../../src/kube/client.ts'
import { ADDRESS_CLAIMS, SERVICES } from '../../../src/kube/resources.ts'
import type { ClaimSeen, Seen, ServiceSeen } from './judge.ts'
import { followVersions, learnOf } from './versions.ts'

export interface History {
  /** In the order of arrival; the judge sorts by revision. */
  readonly seen: readonly Seen[]
  /** The latest version of every Service that exists, by `namespace/name`. */
  readonly services: ReadonlyMap<string, ServiceObject>
  /** The latest version of every claim that exists, by address. */
  readonly claims: ReadonlyMap<string, AddressClaimObject>
  /** Why versions may be missing; undefined while none is. */
  readonly gap: string | undefined
  close(): Promise<void>
}

const shownBy = (service: ServiceObject): readonly string[] => (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? [])
/** Whether a Service that is waiting says why. */
export const isTold = (service: ServiceObject): boolean =>
  service.status?.conditions?.some(({ type, status }) => type === ALLOCATED_CONDITION && status === 'False') === true

/** What its owner may ask for, without what the allocator writes itself. */
function wishOf({ metadata, spec }: ServiceObject): string {
  const { [LAYER2_NODE]: _node, ...annotations } = metadata.annotations ?? {}
  const { [EIP_NAME]: _eip, ...labels } = metadata.labels ?? {}
  const { type, loadBalancerIP, loadBalancerClass, ipFamilies, ipFamilyPolicy, externalTrafficPolicy, ports } = spec
  const asked = [type, loadBalancerIP, loadBalancerClass, ipFamilies, ipFamilyPolicy, externalTrafficPolicy]
  return JSON.stringify([asked, ports, Object.entries(annotations).sort(), Object.entries(labels).sort(), metadata.deletionTimestamp])
}

const keyOf = ({ metadata }: ServiceObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

function serviceSeen(service: ServiceObject, exists: boolean): ServiceSeen {
  const { metadata, spec } = service
  return {
    kind: 'service',
    revision: Number(metadata.resourceVersion),
    key: keyOf(service),
    uid: metadata.uid,
    exists,
    shown: exists ? shownBy(service) : [],
    wish: wishOf(service),
    isWaiting: exists && isTold(service),
    sharing: metadata.annotations?.[ALLOW_SHARED_IP],
    ports: (spec.ports ?? []).map(({ protocol = 'TCP', port }) => `${protocol}/${port}`),
  }
}

const claimSeen = ({ metadata, spec }: AddressClaimObject, exists: boolean): ClaimSeen => ({
  kind: 'claim',
  revision: Number(metadata.resourceVersion),
  address: spec.address,
  exists,
  holders: spec.holders.map(({ uid }) => uid),
})

/** Begins to keep versions. What exists already counts as one version each, so begin before the story does. */
export async function recordHistory(client: ApiClient): Promise<History> {
  const seen: Seen[] = []
  const services = new Map<string, ServiceObject>()
  const claims = new Map<string, AddressClaimObject>()
  const keep = <T>(map: Map<string, T>, key: string, object: T, exists: boolean): void =>
    void (exists ? map.set(key, object) : map.delete(key))
  const versions = await followVersions(client, [
    learnOf<ServiceObject>(SERVICES, (service, exists) => {
      seen.push(serviceSeen(service, exists))
      keep(services, keyOf(service), service, exists)
    }),
    learnOf<AddressClaimObject>(ADDRESS_CLAIMS, (claim, exists) => {
      seen.push(claimSeen(claim, exists))
      keep(claims, claim.spec.address, claim, exists)
    }),
  ])
  return {
    seen,
    services,
    claims,
    get gap() {
      return versions.gap
    },
    close: () => versions.close(),
  }
}
