/**
 * Service annotation: `openelb` opts in, any other value opts out. The same key is a Node label that users select on,
 * and an annotation of BgpConf in which OpenELB keeps a time stamp.
 */
export const OPT_IN = 'lb.kubesphere.io/v1alpha1'
export const OPT_IN_VALUE = 'openelb'
/** What we write ourselves when a Service that held an address was opted out, so that nothing adopts it again. */
export const OPT_OUT_VALUE = 'none'

/** Service annotation: the name of the Eip that the user chose, or several joined by `,`. Service label, written by us: the Eip that serves it, the first of two. */
export const EIP_NAME = 'eip.openelb.kubesphere.io/v1alpha2'
/** Service annotation: the address that the user asks for; wins over `spec.loadBalancerIP`. */
export const REQUESTED_ADDRESS = 'eip.openelb.kubesphere.io/v1alpha1'
/** Service annotation: `bgp`, `layer2` or `vip`; only Eips of that protocol are considered when no Eip is named. */
export const PROTOCOL = 'protocol.openelb.kubesphere.io/v1alpha1'
/** Service annotation: one address, or one of each family joined by `,`; wins over every other request for an address. */
export const ADDRESSES = 'openelb.io/addresses'
/** Service annotation: Services with the same value may share an address (ports and traffic policy permitting). */
export const ALLOW_SHARED_IP = 'openelb.io/allow-shared-ip'
/** Service annotations: how its addresses are announced by BGP; each wins over the field of the same meaning in `spec.bgp` of the Eip. */
export const BGP_COMMUNITIES = 'openelb.io/bgp-communities'
export const BGP_PEERS = 'openelb.io/bgp-peers'
export const BGP_LOCAL_PREF = 'openelb.io/bgp-local-pref'
export const BGP_MED = 'openelb.io/bgp-med'
/** Service annotation, written by us in rare races: the version of the Service on which a claim was given up. */
export const DECIDED_ON = 'openelb.io/decided-on'
/** Prefixes of MetalLB's annotations, the current one first, and that of kube-vip's. Read only where the settings name them. */
export const METALLB = ['metallb.io', 'metallb.universe.tf'] as const
export const KUBE_VIP = 'kube-vip.io'

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
