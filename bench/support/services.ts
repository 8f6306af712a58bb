/** Services by the thousand, Eips for them, and the writes of a floor: the same requests as ours, with nothing to decide. */
import { claimName, holdersText } from '../../src/api/address-claim.ts'
import type { ServiceObject } from '../../src/api/core-objects.ts'
import { ALLOCATED_CONDITION, EIP_NAME, OPT_IN, OPT_IN_VALUE } from '../../src/api/service-annotations.ts'
import type { ApiClient } from '../../src/kube/client.ts'
import { createObject, deleteObject, listObjects } from '../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, EIPS, resourcePath, SERVICES } from '../../src/kube/resources.ts'
import type { BenchLab } from './lab.ts'
import { inParallel, untilCounted } from './waiting.ts'

/** Services that ask for an Eip, or that belong to another load balancer and are written by the floor. */
export type Kind = { readonly eip: string } | 'floor'

const FLOOR_CLASS = 'example.com/floor'

/** A Service without node ports: the API server has only 2,768 of them. */
export function serviceOf(namespace: string, name: string, kind: Kind): ServiceObject {
  const ports = [{ port: 80 }]
  const base = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports }
  const annotations = kind === 'floor' ? {} : { [OPT_IN]: OPT_IN_VALUE, [EIP_NAME]: kind.eip }
  const spec = kind === 'floor' ? { ...base, loadBalancerClass: FLOOR_CLASS } : base
  return { metadata: { namespace, name, annotations }, spec } as unknown as ServiceObject
}

export const createService = (api: ApiClient, namespace: string, name: string, kind: Kind): Promise<ServiceObject> =>
  createObject<ServiceObject>(api, SERVICES, serviceOf(namespace, name, kind))

/** `s0` to `s<count - 1>`. */
export const serviceNames = (count: number, prefix = 's'): readonly string[] => Array.from({ length: count }, (_, at) => `${prefix}${at}`)

export async function createServices(lab: BenchLab, namespace: string, count: number, kind: Kind): Promise<void> {
  const said = { progress: lab.progress, what: 'creating Services' }
  await inParallel(serviceNames(count), (name) => createService(lab.api, namespace, name, kind), said)
}

/** Deletes all Services of a namespace; where an allocator runs, waits for their addresses to be free. */
export async function removeServices(
  lab: BenchLab,
  namespace: string,
  { claimsLeft }: { readonly claimsLeft?: number } = {},
): Promise<void> {
  const doomed = lab.sightings.in(namespace)
  const said = { progress: lab.progress, what: 'deleting Services' }
  await inParallel(doomed, ({ metadata }) => deleteObject(lab.api, SERVICES, { namespace, name: metadata.name }), said)
  await untilCounted('Services are gone', doomed.length, () => doomed.length - lab.sightings.tally(namespace).all, lab.progress)
  if (claimsLeft !== undefined) await claimsAre(lab, claimsLeft)
}

/** Waits until there are so many claims. Each look is one request for one object, which says how many more there are. */
export async function claimsAre(lab: BenchLab, count: number): Promise<void> {
  const path = resourcePath(ADDRESS_CLAIMS, {})
  const state = { count: Number.NaN }
  const look = async (): Promise<void> => {
    const page = await lab.api.request<{ metadata: { remainingItemCount?: number }; items: unknown[] }>({
      method: 'GET',
      path,
      query: { limit: '1' },
    })
    state.count = page.items.length + (page.metadata.remainingItemCount ?? 0)
  }
  const endMs = performance.now() + 600_000
  for (await look(); state.count !== count; await look()) {
    if (performance.now() > endMs) throw new Error(`there are ${state.count} claims, not ${count}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** An Eip. The protocol is bgp, so that no speaker has a part in it. */
export async function createEip(api: ApiClient, name: string, address: string): Promise<void> {
  await createObject(api, EIPS, { metadata: { name }, spec: { address, protocol: 'bgp' } } as { metadata: { name: string } })
}

/** The first of the addresses that floors claim: no Eip of a bench has them. */
const FLOOR_ADDRESSES = 0x0a_f0_00_00n

interface Written {
  readonly metadata: Pick<ServiceObject['metadata'], 'name' | 'namespace' | 'uid' | 'resourceVersion'>
}

/** What our allocator writes for one Service: the claim, then the status. `at` chooses the address. */
export async function writeTwice(api: ApiClient, service: Written, at: number): Promise<void> {
  const { namespace = '', name, uid, resourceVersion } = service.metadata
  const address = floorAddress(at)
  const holders = [{ namespace, name, uid, ports: [{ protocol: 'TCP' as const, port: 80 }] }]
  const spec = { address, service: holdersText(holders), eip: 'floor', protocol: 'bgp', holders }
  await createObject(api, ADDRESS_CLAIMS, { metadata: { name: address }, spec } as { metadata: { name: string } })
  const condition = { type: ALLOCATED_CONDITION, status: 'True', reason: 'Allocated', message: `${address} of Eip floor` }
  const status = {
    loadBalancer: { ingress: [{ ip: address }] },
    conditions: [{ ...condition, lastTransitionTime: '2026-11-21T00:00:00Z' }],
  }
  const body = { metadata: { resourceVersion, uid, labels: { [EIP_NAME]: 'floor' } }, status }
  const path = resourcePath(SERVICES, { namespace, name, subresource: 'status' })
  await api.request({ method: 'PATCH', path, body, contentType: 'application/strategic-merge-patch+json' })
}

const floorAddress = (at: number): string => claimName({ family: 'IPv4', value: FLOOR_ADDRESSES + BigInt(at) })

/** Deletes the claims that floors left. */
export async function removeFloorClaims(lab: BenchLab): Promise<void> {
  const claims = await listObjects<{ metadata: { name: string }; spec: { eip: string } }>(lab.api, ADDRESS_CLAIMS)
  const doomed = claims.filter(({ spec }) => spec.eip === 'floor')
  await inParallel(doomed, ({ metadata }) => deleteObject(lab.api, ADDRESS_CLAIMS, { name: metadata.name }), {
    progress: lab.progress,
    what: 'deleting claims of the floor',
  })
}
