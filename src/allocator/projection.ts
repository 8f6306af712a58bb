/** What the allocator keeps in memory of each object that it watches. Cluster-wide watches of Services pay for every field. */
import type { AddressClaimObject } from '../api/address-claim.ts'
import type { ConfigMapObject, KubernetesObject, NamespaceObject, ObjectMeta, ServiceObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { EIP_NAME, IS_DEFAULT_EIP, LAYER2_NODE, OPT_IN, PROTOCOL, REQUESTED_ADDRESS } from '../api/service-annotations.ts'

/** An object as it came, of which only the envelope is certain. */
export type Received = KubernetesObject & { readonly [field: string]: unknown }

const SERVICE_ANNOTATIONS = [OPT_IN, EIP_NAME, REQUESTED_ADDRESS, PROTOCOL, LAYER2_NODE]

type TextMap = Readonly<Record<string, string>>

function pick(from: TextMap | undefined, keys: readonly string[]): TextMap | undefined {
  const kept = keys.flatMap((key): [string, string][] => (from?.[key] === undefined ? [] : [[key, from[key]]]))
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

function leanMeta(meta: ObjectMeta, labelKeys: readonly string[], annotationKeys: readonly string[]): ObjectMeta {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp, finalizers } = meta
  const labels = pick(meta.labels, labelKeys)
  const annotations = pick(meta.annotations, annotationKeys)
  return {
    name,
    uid,
    resourceVersion,
    creationTimestamp,
    ...(namespace !== undefined && { namespace }),
    ...(generation !== undefined && { generation }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(finalizers !== undefined && { finalizers }),
    ...(labels && { labels }),
    ...(annotations && { annotations }),
  }
}

/** A Service. Ports, family and status of one that is no LoadBalancer decide nothing, except what we may have left on it. */
export function projectService(raw: Received): ServiceObject {
  const { apiVersion, kind, metadata, spec, status } = raw as Received & ServiceObject
  const { type, loadBalancerClass, loadBalancerIP, ipFamilies, ports } = spec
  const lean: ServiceObject['spec'] = {
    ...(type !== undefined && { type }),
    ...(loadBalancerClass !== undefined && { loadBalancerClass }),
    ...(loadBalancerIP !== undefined && { loadBalancerIP }),
    ...(type === 'LoadBalancer' && ipFamilies !== undefined && { ipFamilies }),
    ...(type === 'LoadBalancer' &&
      ports !== undefined && { ports: ports.map(({ name, protocol, port }) => leanPort(name, protocol, port)) }),
  }
  return {
    apiVersion,
    kind,
    metadata: leanMeta(metadata, [EIP_NAME], SERVICE_ANNOTATIONS),
    spec: lean,
    ...(status !== undefined && { status }),
  }
}

type Port = NonNullable<ServiceObject['spec']['ports']>[number]

const leanPort = (name: Port['name'], protocol: Port['protocol'], port: number): Port => ({
  port,
  ...(name !== undefined && { name }),
  ...(protocol !== undefined && { protocol }),
})

/** An Eip, whole but for foreign labels and annotations. */
export function projectEip(raw: Received): EipObject {
  const { apiVersion, kind, metadata, spec, status } = raw as Received & EipObject
  return { apiVersion, kind, metadata: leanMeta(metadata, [], [IS_DEFAULT_EIP]), spec, ...(status !== undefined && { status }) }
}

/** A claim: of its status only what the Service shows. */
export function projectClaim(raw: Received): AddressClaimObject {
  const { apiVersion, kind, metadata, spec, status } = raw as Received & AddressClaimObject
  const owner = status?.owner
  return { apiVersion, kind, metadata: leanMeta(metadata, [], []), spec, ...(owner !== undefined && { status: { owner } }) }
}

/** A Namespace: all labels, because any may be in a selector, and whether it is going away. */
export function projectNamespace(raw: Received): NamespaceObject {
  const { apiVersion, kind, metadata, status } = raw as Received & NamespaceObject
  const phase = status?.phase
  return {
    apiVersion,
    kind,
    metadata: leanMeta(metadata, Object.keys(metadata.labels ?? {}), []),
    ...(phase !== undefined && { status: { phase } }),
  }
}

/** The ConfigMap of the settings, with its texts. */
export function projectSettings(raw: Received): ConfigMapObject {
  const { apiVersion, kind, metadata, data } = raw as Received & ConfigMapObject
  return { apiVersion, kind, metadata: leanMeta(metadata, [], []), ...(data !== undefined && { data }) }
}
