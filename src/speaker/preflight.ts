import type { Family } from '../addr/ip.ts'
import type { Finding } from './speaker-report.ts'

/** Settings of `net.ipv4.conf`, for one interface or for `all`. Undefined where the kernel does not show it. */
export interface Ipv4Settings {
  readonly arpIgnore: number | undefined
  readonly arpAnnounce: number | undefined
  readonly rpFilter: number | undefined
  readonly proxyArp: number | undefined
  readonly proxyArpPvlan: number | undefined
}

/** One interface that carries our addresses, or may have to. */
export interface Uplink {
  readonly name: string
  readonly ipv4: Ipv4Settings
  readonly ipv6Disabled: boolean
  readonly isBridge: boolean
  /** The bridge or bond that it belongs to; other masters (a VRF) take no frames away. */
  readonly master: { readonly name: string; readonly kind: 'bridge' | 'bond' } | undefined
}

/** How full the kernel's table of neighbours is. Its limit is one for all network namespaces. */
export interface NeighbourTable {
  readonly family: Family
  readonly entries: number
  readonly limit: number
}

/** What a node's kernel says of itself. */
export interface PreflightFacts {
  /** kube-proxy has bound the addresses of Services to the interface kube-ipvs0. */
  readonly ipvs: boolean
  readonly all: Ipv4Settings
  readonly uplinks: readonly Uplink[]
  /** The interfaces of the IPv4 default routes. */
  readonly defaultRoutes: ReadonlySet<string>
  readonly bridgeCallsIptables: boolean
  readonly neighbours: readonly NeighbourTable[]
  /** The families of the addresses that the cluster announces by layer 2. */
  readonly families: ReadonlySet<Family>
}

export const PREFLIGHT_CHECKS = [
  'strict-arp',
  'proxy-arp',
  'rp-filter',
  'ipv6-disabled',
  'interface-is-member',
  'neighbour-table',
  'bridge-netfilter',
] as const
export type PreflightCheck = (typeof PREFLIGHT_CHECKS)[number]

const finding =
  (severity: Finding['severity']) =>
  (check: PreflightCheck, message: string, cure: string): Finding => ({ check, severity, message, cure })
const error = finding('error')
const warning = finding('warning')
const remark = finding('ok')

/** A part of the neighbour table's limit from which on it is told. */
const NEARLY_FULL = 0.8

/** Everything that spoils layer 2 on this node, each with its cure; empty when nothing does. */
export function judgePreflight(facts: PreflightFacts): readonly Finding[] {
  return [
    ...strictArp(facts),
    ...facts.uplinks.flatMap((uplink) => judgeUplink(uplink, facts)),
    ...facts.neighbours.flatMap(fullTable),
    ...facts.uplinks.flatMap((uplink) => bridgeNetfilter(uplink, facts)),
  ]
}

/** The kernel takes the greater of the interface's value and that of `all`, or counts either of the two (ip-sysctl.rst). */
const greater = (one: number | undefined, all: number | undefined): number => Math.max(one ?? 0, all ?? 0)

/** The values with which the kernel leaves addresses of another interface alone: 1 and 2 look at the interface, 8 answers for nothing. */
const IGNORES_OTHER_INTERFACES: ReadonlySet<number> = new Set([1, 2, 8])
/** The kernel asks from an address of the interface itself. With less a Service's address can be the sender of its questions. */
const ANNOUNCES_BEST_ADDRESS = 2

/** In IPVS mode every node has every address on kube-ipvs0. kube-proxy's strictARP keeps the kernels from answering for them. */
function strictArp({ ipvs, all, uplinks }: PreflightFacts): readonly Finding[] {
  if (!ipvs) return []
  const lax = (uplinks.length === 0 ? [{ name: 'all', ipv4: all }] : uplinks).flatMap(({ name, ipv4 }) => {
    const ignore = greater(ipv4.arpIgnore, all.arpIgnore)
    const announce = greater(ipv4.arpAnnounce, all.arpAnnounce)
    const isStrict = IGNORES_OTHER_INTERFACES.has(ignore) && announce >= ANNOUNCES_BEST_ADDRESS
    return isStrict ? [] : [`arp_ignore ${ignore} and arp_announce ${announce} on ${name}`]
  })
  if (lax.length === 0) return []
  const message = `kube-proxy has every Service's address on kube-ipvs0, and the kernel answers ARP for them: ${lax.join(', ')}`
  const cure =
    'kubectl -n kube-system edit configmap kube-proxy: ipvs.strictARP: true; then kubectl -n kube-system rollout restart daemonset kube-proxy'
  return [error('strict-arp', message, cure)]
}

function judgeUplink(uplink: Uplink, facts: PreflightFacts): readonly Finding[] {
  return [...proxyArp(uplink, facts), ...rpFilter(uplink, facts), ...ipv6Disabled(uplink, facts), ...member(uplink)]
}

function proxyArp({ name, ipv4 }: Uplink, { all }: PreflightFacts): readonly Finding[] {
  const settings = [
    { key: 'proxy_arp', own: ipv4.proxyArp, all: all.proxyArp, what: 'that it would route through another interface' },
    { key: 'proxy_arp_pvlan', own: ipv4.proxyArpPvlan, all: all.proxyArpPvlan, what: 'that it has a route for' },
  ]
  return settings.flatMap((setting) => {
    if (greater(setting.own, setting.all) === 0) return []
    const on = setting.own ? name : 'all'
    const message = `${setting.key} is on for ${name}: the kernel answers ARP there for every address ${setting.what}, ours on other nodes too`
    return [error('proxy-arp', message, `sysctl -w net.ipv4.conf.${on}.${setting.key}=0, and remove it from /etc/sysctl.d`)]
  })
}

const STRICT = 1

/**
 * Strict reverse path filtering drops a packet that comes in where the answer would not go out. Clients of the uplink's own subnet are
 * not concerned; clients behind a router are, when the default route leads elsewhere.
 */
function rpFilter({ name, ipv4 }: Uplink, { all, defaultRoutes }: PreflightFacts): readonly Finding[] {
  if (greater(ipv4.rpFilter, all.rpFilter) !== STRICT || defaultRoutes.size === 0 || defaultRoutes.has(name)) return []
  const message = `rp_filter is strict on ${name}, and the default route leads through ${[...defaultRoutes].join(', ')}: packets of clients behind a router on ${name} are dropped`
  const cure = `sysctl -w net.ipv4.conf.${name}.rp_filter=2, or routes back through ${name}; or put the Eip on ${[...defaultRoutes].join(', ')}`
  return [warning('rp-filter', message, cure)]
}

function ipv6Disabled({ name, ipv6Disabled }: Uplink, { families }: PreflightFacts): readonly Finding[] {
  if (!ipv6Disabled || !families.has('IPv6')) return []
  const message = `IPv6 is switched off on ${name}, and there are IPv6 addresses to announce: this node answers for none of them there`
  return [warning('ipv6-disabled', message, `sysctl -w net.ipv6.conf.${name}.disable_ipv6=0`)]
}

function member({ name, master }: Uplink): readonly Finding[] {
  if (master === undefined) return []
  const part = master.kind === 'bridge' ? 'a port of the bridge' : 'a member of the bond'
  const message = `${name} is ${part} ${master.name}, which takes its frames: what is answered on ${name} may reach nobody, or the wrong port`
  return [warning('interface-is-member', message, `name ${master.name} in spec.interface of the Eip`)]
}

const SYSCTL_FAMILY: Readonly<Record<Family, string>> = { IPv4: 'ipv4', IPv6: 'ipv6' }

function fullTable({ family, entries, limit }: NeighbourTable): readonly Finding[] {
  if (limit <= 0 || entries < limit * NEARLY_FULL) return []
  const part = Math.floor((entries / limit) * 100)
  const message = `the kernel's table of ${family} neighbours is ${part} % full (${entries} of ${limit}): once it is, packets to further neighbours are dropped`
  const cure = `sysctl -w net.${SYSCTL_FAMILY[family]}.neigh.default.gc_thresh3=${limit * 4}, and gc_thresh2 to half of it`
  return [warning('neighbour-table', message, cure)]
}

function bridgeNetfilter({ name, isBridge }: Uplink, { bridgeCallsIptables }: PreflightFacts): readonly Finding[] {
  if (!isBridge || !bridgeCallsIptables) return []
  const message = `packets that cross the bridge ${name} pass iptables (bridge-nf-call-iptables is 1)`
  return [remark('bridge-netfilter', message, `if rules there drop what clients send: sysctl -w net.bridge.bridge-nf-call-iptables=0`)]
}
