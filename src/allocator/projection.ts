/** What the allocator keeps in memory of each object that it watches. Cluster-wide watches of Services pay for every field. */
import type { AddressClaimObject } from '../api/address-claim.ts'
import { ADDRESS_CONFLICT } from '../api/condition.ts'
import type {
  ConfigMapObject,
  KubernetesObject,
  LoadBalancerIngress,
  NamespaceObject,
  NodeObject,
  ObjectMeta,
  ServiceObject,
} from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { ALLOCATED_CONDITION, EIP_NAME, IS_DEFAULT_EIP, KUBE_VIP, LAYER2_NODE, OPT_IN, PROTOCOL } from '../api/service-annotations.ts'
import { ADDRESS_SOURCES, EIP_SOURCES, SHARING_SOURCES } from '../api/service-request.ts'

/** An object as it came, of which only the envelope is certain. */
export type Received = KubernetesObject & { readonly [field: string]: unknown }

/** Everything that is read of a Service's annotations, with those of other load balancers, which the settings may name at any time. */
const SERVICE_ANNOTATIONS = [
  OPT_IN,
  PROTOCOL,
  LAYER2_NODE,
  `${KUBE_VIP}/ignore`,
  ...[...ADDRESS_SOURCES, ...EIP_SOURCES, ...SHARING_SOURCES].map(({ setting }) => setting),
]

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

/** A Service. Of one that is no LoadBalancer only what we may have left on it decides anything. */
export function projectService(raw: Received): ServiceObject {
  const { apiVersion, kind, metadata, spec, status } = raw as Received & ServiceObject
  const { type, loadBalancerClass, loadBalancerIP } = spec
  const isOurs = type === 'LoadBalancer'
  // Any label may be in the selector of an Eip.
  const labels = isOurs ? Object.keys(metadata.labels ?? {}) : [EIP_NAME]
  const lean = leanStatus(status)
  return {
    apiVersion,
    kind,
    metadata: leanMeta(metadata, labels, SERVICE_ANNOTATIONS),
    spec: {
      ...(type !== undefined && { type }),
      ...(loadBalancerClass !== undefined && { loadBalancerClass }),
      ...(loadBalancerIP !== undefined && { loadBalancerIP }),
      ...(isOurs && leanDetails(spec)),
    },
    ...(lean && { status: lean }),
  }
}

/** The selector tells Services apart that share an address, and only under the policy Local. */
function leanDetails({ externalTrafficPolicy, ipFamilies, ipFamilyPolicy, selector, ports }: ServiceObject['spec']): ServiceObject['spec'] {
  return {
    ...(externalTrafficPolicy === 'Local' && { externalTrafficPolicy, ...(selector !== undefined && { selector }) }),
    ...(ipFamilies !== undefined && { ipFamilies }),
    ...(ipFamilyPolicy !== undefined && { ipFamilyPolicy }),
    ...(ports !== undefined && { ports: ports.map(({ name, protocol, port }) => leanPort(name, protocol, port)) }),
  }
}

/** What is on show, and our own condition. */
function leanStatus(status: ServiceObject['status']): ServiceObject['status'] {
  const ingress = status?.loadBalancer?.ingress ?? []
  const own = status?.conditions?.filter(({ type }) => type === ALLOCATED_CONDITION) ?? []
  if (ingress.length === 0 && own.length === 0) return undefined
  return {
    ...(ingress.length > 0 && { loadBalancer: { ingress: ingress.map(({ ip, hostname }) => leanIngress(ip, hostname)) } }),
    ...(own.length > 0 && { conditions: own }),
  }
}

const leanIngress = (ip: string | undefined, hostname: string | undefined): LoadBalancerIngress => ({
  ...(ip !== undefined && { ip }),
  ...(hostname !== undefined && { hostname }),
})

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

/** A claim: of its status only what the Service shows, and whether somebody else uses the address. */
export function projectClaim(raw: Received): AddressClaimObject {
  const { apiVersion, kind, metadata, spec, status } = raw as Received & AddressClaimObject
  const conflicts = status?.conditions?.filter(({ type }) => type === ADDRESS_CONFLICT) ?? []
  const lean: AddressClaimObject['status'] = {
    ...(status?.phase !== undefined && { phase: status.phase }),
    ...(status?.owner !== undefined && { owner: status.owner }),
    ...(conflicts.length > 0 && { conditions: conflicts }),
  }
  return { apiVersion, kind, metadata: leanMeta(metadata, [], []), spec, ...(Object.keys(lean).length > 0 && { status: lean }) }
}

/** A Node: the addresses by which others reach it. */
export function projectNode(raw: Received): NodeObject {
  const { apiVersion, kind, metadata, status } = raw as Received & NodeObject
  const addresses = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP' || type === 'ExternalIP')
  return { apiVersion, kind, metadata: leanMeta(metadata, [], []), status: { addresses } }
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
