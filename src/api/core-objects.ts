/**
 * The few fields that we read of Kubernetes' own objects, as JSON on the wire (timestamps are RFC 3339 text).
 * Narrow on purpose: an informer keeps one of these per object, so every field here costs memory per Service.
 */

export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid: string }[]
}

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/** One entry of `status.conditions`; the list is keyed by `type`. */
export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
  readonly observedGeneration?: number
  readonly lastTransitionTime: string
}

export type IpFamily = 'IPv4' | 'IPv6'

export interface ServicePort {
  readonly name?: string
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP'
  readonly port: number
  readonly nodePort?: number
}

export interface LoadBalancerIngress {
  readonly ip?: string
  readonly hostname?: string
  readonly ipMode?: 'VIP' | 'Proxy'
}

export interface ServiceObject extends KubernetesObject {
  readonly spec: {
    readonly type?: string
    readonly loadBalancerClass?: string
    readonly loadBalancerIP?: string
    readonly externalTrafficPolicy?: 'Cluster' | 'Local'
    readonly ipFamilies?: readonly IpFamily[]
    readonly ipFamilyPolicy?: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack'
    readonly selector?: Readonly<Record<string, string>>
    readonly ports?: readonly ServicePort[]
    readonly publishNotReadyAddresses?: boolean
  }
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly LoadBalancerIngress[] }
    readonly conditions?: readonly Condition[]
  }
}

export interface NamespaceObject extends KubernetesObject {
  readonly status?: { readonly phase?: 'Active' | 'Terminating' }
}

export interface NodeObject extends KubernetesObject {
  readonly spec?: {
    readonly unschedulable?: boolean
    readonly podCIDRs?: readonly string[]
    readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[]
  }
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: 'True' | 'False' | 'Unknown'; readonly reason?: string }[]
    readonly addresses?: readonly { readonly type: string; readonly address: string }[]
  }
}

export interface PodObject extends KubernetesObject {
  readonly spec?: { readonly nodeName?: string }
  readonly status?: {
    readonly phase?: string
    readonly podIP?: string
    readonly conditions?: readonly { readonly type: string; readonly status: 'True' | 'False' | 'Unknown' }[]
  }
}

/** discovery.k8s.io/v1; its Service is named by the label `kubernetes.io/service-name`. */
export interface EndpointSliceObject extends KubernetesObject {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN'
  readonly endpoints?:
    | readonly {
        readonly addresses: readonly string[]
        readonly nodeName?: string
        readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean }
      }[]
    | null
}

export interface ConfigMapObject extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>
}

/** Values of `data` are base64 text. */
export interface SecretObject extends KubernetesObject {
  readonly type?: string
  readonly data?: Readonly<Record<string, string>>
}

/** coordination.k8s.io/v1; times are RFC 3339 with microseconds. */
export interface LeaseObject extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string | null
    readonly leaseDurationSeconds?: number
    readonly acquireTime?: string | null
    readonly renewTime?: string | null
    readonly leaseTransitions?: number
  }
}
