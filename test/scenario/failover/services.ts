/** Services of a pair of addresses, and where their endpoints are. */

import { claimName } from '../../../src/api/address-claim.ts'
import { createObject, patchObject } from '../../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, ENDPOINT_SLICES, SERVICES } from '../../../src/kube/resources.ts'
import { serviceName, serviceObject } from '../../speaker/support/layer2-world.ts'
import { ipOf } from '../../speaker/support/objects.ts'
import { FAMILIES, type FailoverWorld, type Pair } from './world.ts'

type Policy = 'Cluster' | 'Local'

const endpoints = (nodes: readonly string[]) =>
  nodes.map((nodeName, at) => ({
    addresses: [`10.244.0.${9 + at}`],
    nodeName,
    conditions: { ready: true, serving: true, terminating: false },
  }))

/** A Service for each address, with ready endpoints on these nodes. */
export async function createServices({ api }: FailoverWorld, pair: Pair, policy: Policy, nodes: readonly string[]): Promise<void> {
  for (const family of FAMILIES) {
    const name = serviceName(pair[family])
    await createObject(api, SERVICES, serviceObject(pair[family], policy))
    const metadata = { name: `${name}-x`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } }
    await createObject(api, ENDPOINT_SLICES, { metadata, addressType: 'IPv4', endpoints: endpoints(nodes), ports: [] })
  }
}

/** The endpoints are on these nodes from now on. */
export async function moveEndpoints({ api }: FailoverWorld, pair: Pair, nodes: readonly string[]): Promise<void> {
  for (const family of FAMILIES) {
    const ref = { namespace: 'default', name: `${serviceName(pair[family])}-x` }
    await patchObject(api, ENDPOINT_SLICES, ref, { endpoints: endpoints(nodes) }, { type: 'merge' })
  }
}

export async function setPolicy({ api }: FailoverWorld, pair: Pair, externalTrafficPolicy: Policy): Promise<void> {
  for (const family of FAMILIES) {
    const ref = { namespace: 'default', name: serviceName(pair[family]) }
    await patchObject(api, SERVICES, ref, { spec: { externalTrafficPolicy } }, { type: 'merge' })
  }
}

/** Merges `patch` into the claims of both addresses. */
export async function patchClaims({ api }: FailoverWorld, pair: Pair, patch: object): Promise<void> {
  for (const family of FAMILIES) await patchObject(api, ADDRESS_CLAIMS, { name: claimName(ipOf(pair[family])) }, patch, { type: 'merge' })
}
