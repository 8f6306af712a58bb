import { must, run } from './command.ts'
import type { Address, Layout, NodeLayout } from './layout.ts'

const BRIDGE = 'br0'

export interface NetworkOptions {
  readonly dualStack: boolean
}

/** Every namespace of a lab. The bridge has one of its own (`-net`), so the host's filters (br_netfilter, Docker) never see it. */
export function namespacesOf(layout: Layout): string[] {
  const places = [layout.controlPlane, layout.client, layout.router, layout.far, ...layout.nodes]
  return [layout.host.namespace, ...places.map(({ namespace }) => namespace)]
}

/**
 * Makes the namespaces, the bridge and every address. The host gets one interface (`elbN`, host part .2). Nothing here
 * routes to the host's uplink: the default gateway of every node is the control plane's namespace, which forwards nothing and
 * has an unreachable route for all that is not the lab's.
 */
export async function createNetwork(layout: Layout, options: NetworkOptions): Promise<void> {
  const step = 'network'
  await must(step, ['ip', '-batch', '-'], { input: lines(namespacesOf(layout).map((name) => `netns add ${name}`)) })
  const net = layout.host.namespace
  const places = [layout.controlPlane, layout.client, layout.router, ...layout.nodes]
  const ports = places.map(({ namespace }) => [
    `link add ${portOf(namespace)} type veth peer name eth0 netns ${namespace}`,
    `link set ${portOf(namespace)} master ${BRIDGE} up`,
  ])
  await must(step, ['ip', '-n', net, '-batch', '-'], {
    input: lines(['link set lo up', `link add ${BRIDGE} type bridge mcast_snooping 0`, `link set ${BRIDGE} up`, ...ports.flat()]),
  })
  await must(step, ['ip', '-batch', '-'], {
    input: lines([
      `link add ${layout.link} type veth peer name host netns ${net}`,
      ...addressLines(layout.host, layout.link, options),
      `link set ${layout.link} up`,
    ]),
  })
  await must(step, ['ip', '-n', net, '-batch', '-'], { input: lines([`link set host master ${BRIDGE} up`]) })
  await must(step, ['ip', '-n', layout.router.namespace, '-batch', '-'], {
    input: `link add eth1 type veth peer name eth0 netns ${layout.far.namespace}\n`,
  })
  await Promise.all([
    configure(layout.controlPlane, controlPlaneRoutes(layout, options), { forward: false }, options),
    configure(layout.client, [`route add ${layout.farCidrs.ipv4} via ${layout.router.ipv4}`], { forward: false }, options),
    configure(layout.router, [...addressLines(layout.routerFar, 'eth1', options), 'link set eth1 up'], { forward: true }, options),
    configure(layout.far, farRoutes(layout, options), { forward: false }, options),
    ...layout.nodes.map((node) => configure(node, nodeRoutes(layout, node, options), { forward: true }, options)),
  ])
}

/** Cuts or mends the cable between a namespace and the bridge. */
export async function setCable(layout: Layout, namespace: string, state: 'up' | 'down'): Promise<void> {
  await must(`cable of ${namespace}`, ['ip', '-n', layout.host.namespace, 'link', 'set', portOf(namespace), state])
}

/** Removes the namespaces (their interfaces go with them) and the host's interface; what is already gone is no error. */
export async function deleteNetwork(link: string, namespaces: readonly string[]): Promise<void> {
  await run(['ip', 'link', 'del', link])
  // -force goes on after a line that fails.
  await run(['ip', '-force', '-batch', '-'], { input: lines(namespaces.map((name) => `netns del ${name}`)) })
}

/** The argv prefix that runs a command in a network namespace (never `ip netns exec`: it remounts /sys and hides the cgroups). */
export function enterNamespace(namespace: string): string[] {
  return ['nsenter', `--net=/run/netns/${namespace}`]
}

/** Interface names have at most 15 characters; inside the bridge's namespace the last word is enough. */
function portOf(namespace: string): string {
  return namespace.slice(namespace.indexOf('-') + 1)
}

async function configure(
  place: Address,
  more: readonly string[],
  { forward }: { forward: boolean },
  options: NetworkOptions,
): Promise<void> {
  const value = forward ? 1 : 0
  // A new namespace inherits the host's IPv4 settings, so both values are written. /proc/sys/net is that of the writer's namespace.
  const settings = [
    `echo ${value} > /proc/sys/net/ipv4/ip_forward`,
    'echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter',
    'echo 0 > /proc/sys/net/ipv4/conf/default/rp_filter',
  ]
  if (options.dualStack) settings.push(`echo ${value} > /proc/sys/net/ipv6/conf/all/forwarding`)
  await must(`network of ${place.namespace}`, [...enterNamespace(place.namespace), 'sh', '-ec', settings.join('\n')])
  const own = place.namespace.endsWith('-far') ? [] : [...addressLines(place, 'eth0', options), 'link set eth0 up']
  await must(`network of ${place.namespace}`, ['ip', '-n', place.namespace, '-batch', '-'], {
    input: lines(['link set lo up', ...own, ...more]),
  })
}

function addressLines(address: Address, device: string, { dualStack }: NetworkOptions): string[] {
  const ipv4 = `addr add ${address.ipv4}/24 dev ${device}`
  // nodad: an address that is still being probed cannot be listened on, and nobody else can have it here.
  return dualStack ? [ipv4, `addr add ${address.ipv6}/64 dev ${device} nodad`] : [ipv4]
}

function controlPlaneRoutes(layout: Layout, { dualStack }: NetworkOptions): string[] {
  const routes = [...layout.nodes.map((node) => `route add ${node.podCidr} via ${node.ipv4}`), 'route add unreachable default']
  if (!dualStack) return routes
  return [...routes, ...layout.nodes.map((node) => `route add ${node.podCidrIpv6} via ${node.ipv6}`), 'route add unreachable ::/0']
}

function nodeRoutes(layout: Layout, node: NodeLayout, { dualStack }: NetworkOptions): string[] {
  const others = layout.nodes.filter(({ index }) => index !== node.index)
  const routes = [
    `route add default via ${layout.controlPlane.ipv4}`,
    `route add ${layout.farCidrs.ipv4} via ${layout.router.ipv4}`,
    ...others.map((other) => `route add ${other.podCidr} via ${other.ipv4}`),
  ]
  if (!dualStack) return routes
  return [
    ...routes,
    `route add default via ${layout.controlPlane.ipv6}`,
    `route add ${layout.farCidrs.ipv6} via ${layout.router.ipv6}`,
    ...others.map((other) => `route add ${other.podCidrIpv6} via ${other.ipv6}`),
  ]
}

function farRoutes(layout: Layout, options: NetworkOptions): string[] {
  const routes = [...addressLines(layout.far, 'eth0', options), 'link set eth0 up', `route add default via ${layout.routerFar.ipv4}`]
  return options.dualStack ? [...routes, `route add default via ${layout.routerFar.ipv6}`] : routes
}

function lines(commands: readonly string[]): string {
  return `${commands.join('\n')}\n`
}
