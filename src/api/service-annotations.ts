import { type AddressError, type Ip, parseIp } from '../addr/ip.ts'
import { err, ok, type Result } from '../result.ts'
import type { ServiceObject } from './core-objects.ts'
import { type Protocol, ProtocolSchema } from './eip.ts'

/**
 * Service annotation: `openelb` opts in, any other value opts out. The same key is a Node label that users select on,
 * and an annotation of BgpConf in which OpenELB keeps a time stamp.
 */
export const OPT_IN = 'lb.kubesphere.io/v1alpha1'
export const OPT_IN_VALUE = 'openelb'
/** What we write ourselves when a Service that held an address was opted out, so that nothing adopts it again. */
export const OPT_OUT_VALUE = 'none'

/** Service annotation: the name of the Eip that the user chose. Service label, written by us: the Eip that serves it. */
export const EIP_NAME = 'eip.openelb.kubesphere.io/v1alpha2'
/** Service annotation: the address that the user asks for; wins over `spec.loadBalancerIP`. */
export const REQUESTED_ADDRESS = 'eip.openelb.kubesphere.io/v1alpha1'
/** Service annotation: `bgp`, `layer2` or `vip`; only Eips of that protocol are considered when no Eip is named. */
export const PROTOCOL = 'protocol.openelb.kubesphere.io/v1alpha1'
/** Eip annotation: `"true"` (any case) makes it the default Eip. */
export const IS_DEFAULT_EIP = 'eip.openelb.kubesphere.io/is-default-eip'
/** Service annotation, written by us: the layer 2 owners, joined by `,` in ingress order. Node annotation: the IP or CIDR to use. */
export const LAYER2_NODE = 'layer2.openelb.kubesphere.io/v1alpha1'
/** Node label: the BGP rack of the node; `BgpConf.spec.asPerRack` gives its autonomous system. */
export const RACK = 'openelb.kubesphere.io/rack'
/** Label of Eip, BgpConf and BgpPeer: the CNI that owns the object; speakers leave BgpConf and BgpPeer so labelled alone. */
export const CNI = 'openelb.kubesphere.io/cni'

/** Service annotation: `deployment` or `daemonset` asks for NodeProxy. On the proxy workload it keeps the Service's namespace. */
export const NODE_PROXY_TYPE = 'node-proxy.openelb.kubesphere.io/type'
/** Service annotations, written by NodeProxy: sorted, comma-joined addresses of the nodes that run a proxy Pod. */
export const NODE_PROXY_EXTERNAL_IP = 'node-proxy.openelb.kubesphere.io/external-ip'
export const NODE_PROXY_INTERNAL_IP = 'node-proxy.openelb.kubesphere.io/internal-ip'
/** Node label, empty value: the node has an ExternalIP. The spelling is OpenELB's. */
export const NODE_PROXY_PREFERRED_NODE = 'node-proxy.openelb.kubesphere.io/external-ip-preffered'
/** Node label: no proxy Pod runs here. */
export const NODE_PROXY_EXCLUDED_NODE = 'node-proxy.openelb.kubesphere.io/exclude-node'

/** The value of `spec.loadBalancerClass` that opts in; any other class opts out. */
export const LOAD_BALANCER_CLASS = 'openelb.io/openelb'
/** The condition on a Service that says which address it has, or why it has none. */
export const ALLOCATED_CONDITION = 'openelb.io/Allocated'

/** Finalizers that OpenELB leaves behind. We set none, and remove these from what we take over. */
export const ORIGINAL_FINALIZER = {
  service: 'finalizer.lb.kubesphere.io/v1alpha1',
  bgp: 'finalizer.lb.kubesphere.io/v1alpha1',
  eip: 'finalizer.ipam.kubesphere.io/v1alpha1',
  nodeProxy: 'node-proxy.openelb.kubesphere.io/finalizer',
} as const

/** What a Service asks for. Whether it is ours at all is another question (policy: whose-service). */
export interface ServiceRequest {
  /** The Eip that the user names. It wins over every binding of namespaces and over the default Eip. */
  readonly eip?: string
  /** The address that the user asks for. */
  readonly address?: Ip
  /** Where `address` was written. */
  readonly addressFrom?: 'annotation' | 'spec.loadBalancerIP'
  /** Only Eips of this protocol are considered. Absent when `eip` is given: the Eip's own protocol rules. */
  readonly protocol?: Protocol
  /** Settings that are not followed, each with a sentence for a warning. */
  readonly ignored: readonly { readonly setting: string; readonly message: string }[]
}

/** A setting of a Service that cannot be read. `setting` is the annotation's key or the field's path. */
export interface AnnotationError {
  readonly setting: string
  readonly value: string
  readonly message: string
}

/** Names of Eips are DNS subdomains (RFC 1123), as for every cluster-scoped object of ours. */
const EIP_NAME_GRAMMAR = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const EIP_NAME_LENGTH = 253
const SHOWN_LENGTH = 64

/**
 * Reads what a Service asks for. Space around a value is ignored and an empty value is an absent one. The requested
 * address is the annotation's, else `spec.loadBalancerIP`; a named Eip makes the protocol annotation void. A value that
 * cannot be read is an error and is never taken as "no wish", so that a typing mistake cannot move an address.
 * Errors: one per bad setting.
 */
export function readServiceRequest(service: Pick<ServiceObject, 'metadata' | 'spec'>): Result<ServiceRequest, readonly AnnotationError[]> {
  const annotations = service.metadata.annotations ?? {}
  const read = (key: string): string | undefined => annotations[key]?.trim() || undefined
  const eip = read(EIP_NAME)
  const address = requestedAddress(read(REQUESTED_ADDRESS), service.spec.loadBalancerIP?.trim() || undefined)
  const protocol = requestedProtocol(read(PROTOCOL), eip)
  const errors = [...eipNameErrors(eip), ...address.errors, ...protocol.errors]
  if (errors.length > 0) return err(errors)
  return ok({ ...(eip !== undefined && { eip }), ...address.wish, ...protocol.wish, ignored: [...address.ignored, ...protocol.ignored] })
}

/** A part of the request, with what is wrong and what is not followed. */
interface Part<Wish> {
  readonly wish: Wish
  readonly errors: readonly AnnotationError[]
  readonly ignored: ServiceRequest['ignored']
}

function eipNameErrors(eip: string | undefined): AnnotationError[] {
  if (eip === undefined || (eip.length <= EIP_NAME_LENGTH && EIP_NAME_GRAMMAR.test(eip))) return []
  return [settingError(EIP_NAME, eip, 'is not the name of an Eip (lower-case letters, digits, "-" and ".")')]
}

function requestedAddress(
  annotation: string | undefined,
  field: string | undefined,
): Part<Pick<ServiceRequest, 'address' | 'addressFrom'>> {
  const text = annotation ?? field
  if (text === undefined) return { wish: {}, errors: [], ignored: [] }
  const addressFrom = annotation === undefined ? 'spec.loadBalancerIP' : 'annotation'
  const setting = annotation === undefined ? 'spec.loadBalancerIP' : REQUESTED_ADDRESS
  const address = parseIp(text)
  if (!address.ok) return { wish: {}, errors: [addressSettingError(setting, address.error)], ignored: [] }
  const overridden = annotation !== undefined && field !== undefined && field !== annotation
  const ignored = overridden
    ? [{ setting: 'spec.loadBalancerIP', message: `spec.loadBalancerIP is ignored because the annotation ${REQUESTED_ADDRESS} is set` }]
    : []
  return { wish: { address: address.value, addressFrom }, errors: [], ignored }
}

function requestedProtocol(text: string | undefined, eip: string | undefined): Part<Pick<ServiceRequest, 'protocol'>> {
  if (text === undefined) return { wish: {}, errors: [], ignored: [] }
  const protocol = ProtocolSchema.safeParse(text)
  if (eip !== undefined) {
    const message = `the annotation ${PROTOCOL} is ignored because an Eip is named: the protocol of that Eip is used`
    return { wish: {}, errors: [], ignored: [{ setting: PROTOCOL, message }] }
  }
  if (!protocol.success) return { wish: {}, errors: [settingError(PROTOCOL, text, 'is not a protocol (bgp, layer2 or vip)')], ignored: [] }
  return { wish: { protocol: protocol.data }, errors: [], ignored: [] }
}

const addressSettingError = (setting: string, error: AddressError): AnnotationError => ({
  setting,
  value: error.text,
  message: `${setting}: ${error.message}`,
})

function settingError(setting: string, value: string, reason: string): AnnotationError {
  const shown = value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}...` : value
  return { setting, value: shown, message: `${setting}: "${shown}" ${reason}` }
}
