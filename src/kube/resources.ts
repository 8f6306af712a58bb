/** One collection of the API: enough to build its paths and to fill `apiVersion` and `kind`. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
}

const namespaced = (group: string, version: string, plural: string, kind: string): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced: true,
})
const clusterScoped = (group: string, version: string, plural: string, kind: string): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced: false,
})

export const SERVICES = namespaced('', 'v1', 'services', 'Service')
export const PODS = namespaced('', 'v1', 'pods', 'Pod')
export const EVENTS = namespaced('', 'v1', 'events', 'Event')
export const CONFIG_MAPS = namespaced('', 'v1', 'configmaps', 'ConfigMap')
export const SECRETS = namespaced('', 'v1', 'secrets', 'Secret')
export const NAMESPACES = clusterScoped('', 'v1', 'namespaces', 'Namespace')
export const NODES = clusterScoped('', 'v1', 'nodes', 'Node')
export const ENDPOINT_SLICES = namespaced('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice')
export const LEASES = namespaced('coordination.k8s.io', 'v1', 'leases', 'Lease')

const OURS = 'network.kubesphere.io'
export const EIPS = clusterScoped(OURS, 'v1alpha2', 'eips', 'Eip')
export const ADDRESS_CLAIMS = clusterScoped(OURS, 'v1alpha2', 'addressclaims', 'AddressClaim')
export const BGP_CONFS = clusterScoped(OURS, 'v1alpha2', 'bgpconfs', 'BgpConf')
export const BGP_PEERS = clusterScoped(OURS, 'v1alpha2', 'bgppeers', 'BgpPeer')

const ADMISSION = 'admissionregistration.k8s.io'
export const MUTATING_WEBHOOKS = clusterScoped(ADMISSION, 'v1', 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration')
export const VALIDATING_WEBHOOKS = clusterScoped(ADMISSION, 'v1', 'validatingwebhookconfigurations', 'ValidatingWebhookConfiguration')
export const CUSTOM_RESOURCE_DEFINITIONS = clusterScoped(
  'apiextensions.k8s.io',
  'v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
)

/** The `apiVersion` of the resource's objects: `v1`, `coordination.k8s.io/v1`. */
export const apiVersionOf = ({ group, version }: Resource): string => (group === '' ? version : `${group}/${version}`)

/** The resource as RBAC and error messages name it: `services`, `eips.network.kubesphere.io`. */
export const resourceName = ({ group, plural }: Resource): string => (group === '' ? plural : `${plural}.${group}`)

/** What a path points at: a collection, or with `name` one object of it. */
export interface ResourceRef {
  readonly namespace?: string
  readonly name?: string
  readonly subresource?: string
}

/**
 * The path of a collection or an object. Without `namespace` a namespaced collection is the one of all namespaces.
 * Throws RangeError for an object of a namespaced resource without namespace, or the reverse: a bug of the caller.
 */
export function resourcePath(resource: Resource, { namespace, name, subresource }: ResourceRef): string {
  if (namespace !== undefined && !resource.namespaced) throw new RangeError(`${resourceName(resource)} have no namespace`)
  if (namespace === undefined && name !== undefined && resource.namespaced)
    throw new RangeError(`${resourceName(resource)} need a namespace`)
  const root = resource.group === '' ? '/api' : `/apis/${resource.group}`
  const parts = [root, resource.version]
  if (namespace !== undefined) parts.push('namespaces', encodeURIComponent(namespace))
  parts.push(resource.plural)
  if (name !== undefined) parts.push(encodeURIComponent(name))
  if (subresource !== undefined) parts.push(subresource)
  return parts.join('/')
}
