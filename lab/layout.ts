/** Where the directories of all labs live, in order of preference (the second where the first is an overlay file system). */
export const STATE_ROOTS = ['/var/lib/openelb-lab', '/run/openelb-lab'] as const
/** Names stay short: the path of a unix socket may have 107 bytes. */
export const LAB_NAME = /^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$/
/**
 * Labs are told apart by one digit, taken from the top: networks that somebody made by hand are most likely at the bottom
 * (10.250.0.0/24 and up).
 */
export const LAB_IDS = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0] as const
export const MAX_NODES = 5
export const API_PORT = 6443
export const ETCD_PORT = 2379
export const SERVICE_CIDR = '10.96.0.0/16'
export const SERVICE_CIDR_IPV6 = 'fd00:96::/108'
export const KUBERNETES_SERVICE_ADDRESS = '10.96.0.1'
export const POD_CIDR = '10.244.0.0/16'
export const POD_CIDR_IPV6 = 'fd00:244::/48'

/** Host parts of the addresses on the lab's bridge; nodes are 11 to 15. */
const HOST_PART = { controlPlane: 1, host: 2, router: 20, client: 30 } as const

/** Every name and address of one lab; all of them follow from its id, its directory and its number of nodes. */
export interface Layout {
  readonly id: number
  readonly name: string
  readonly directory: string
  /** The host's one interface into the lab; also the start of every namespace's name. */
  readonly link: string
  /** First three octets: `10.255.0`. */
  readonly subnet: string
  readonly nodes: readonly NodeLayout[]
  readonly controlPlane: Address
  readonly host: Address
  readonly client: Address
  readonly router: Address
  /** The router's address on the second subnet. */
  readonly routerFar: Address
  /** A machine on the second subnet, reached through the router only. */
  readonly far: Address
  /** `10.255.1.0/24` and its IPv6 partner. */
  readonly farCidrs: { readonly ipv4: string; readonly ipv6: string }
}

export interface Address {
  readonly namespace: string
  readonly ipv4: string
  readonly ipv6: string
}

export interface NodeLayout extends Address {
  readonly index: number
  readonly name: string
  readonly podCidr: string
  readonly podCidrIpv6: string
}

/** The layout of lab `id` (0 to 9). Throws RangeError for any other id: that is a bug. */
export function labLayout(id: number, name: string, directory: string, nodeCount: number): Layout {
  if (!Number.isInteger(id) || id < 0 || id > 9) throw new RangeError(`lab id ${id}`)
  // 10.250 to 10.255 for 0 to 5, 10.246 to 10.249 for 6 to 9: clear of the Pods' 10.244 and the Services' 10.96.
  const octet = id < 6 ? 250 + id : 240 + id
  const link = `elb${id}`
  const near = (place: string, host: number): Address => ({
    namespace: `${link}-${place}`,
    ipv4: `10.${octet}.0.${host}`,
    ipv6: `fd00:${octet}::${host}`,
  })
  const beyond = (place: string, host: number): Address => ({
    namespace: `${link}-${place}`,
    ipv4: `10.${octet}.1.${host}`,
    ipv6: `fd00:${octet}:0:1::${host}`,
  })
  return {
    id,
    name,
    directory,
    link,
    subnet: `10.${octet}.0`,
    nodes: Array.from({ length: nodeCount }, (_, at) => nodeLayout(at + 1, near(`n${at + 1}`, 11 + at))),
    controlPlane: near('cp', HOST_PART.controlPlane),
    host: near('net', HOST_PART.host),
    client: near('client', HOST_PART.client),
    router: near('router', HOST_PART.router),
    routerFar: beyond('router', 1),
    far: beyond('far', HOST_PART.client),
    farCidrs: { ipv4: `10.${octet}.1.0/24`, ipv6: `fd00:${octet}:0:1::/64` },
  }
}

function nodeLayout(index: number, address: Address): NodeLayout {
  return { ...address, index, name: `n${index}`, podCidr: `10.244.${index}.0/24`, podCidrIpv6: `fd00:244:0:${index}::/64` }
}

/** Files inside a lab's directory. */
export function labPaths(directory: string) {
  return {
    state: `${directory}/state.json`,
    kubeconfig: `${directory}/kubeconfig`,
    pki: `${directory}/pki`,
    logs: `${directory}/log`,
    auditLog: `${directory}/log/audit.log`,
    etcd: `${directory}/etcd`,
    kubeconfigs: `${directory}/kubeconfigs`,
    node: (name: string) => nodePaths(`${directory}/nodes/${name}`),
  }
}

/**
 * Files of one node. Inside the node `run` is /run and `var` is /var, so its components use the usual paths and nothing of
 * theirs ever lies in the host's /run or /var.
 */
export function nodePaths(root: string) {
  return {
    root,
    run: `${root}/run`,
    var: `${root}/var`,
    binaries: `${root}/run/lab/bin`,
    containerdSocket: `${root}/run/containerd/containerd.sock`,
  }
}
