import { FAMILY_BITS, type Ip } from '../addr/ip.ts'
import { formatPrefix, type Prefix, parsePrefix, prefixContains, prefixOf } from '../addr/prefix.ts'
import { type NetlinkMessage, ROUTE_TYPE } from '../wire/netlink.ts'

/** What the kernel of this node says about its network. Gathered by io/, judged by the pure files. */

export interface NetworkInterface {
  readonly index: number
  readonly name: string
  /** Undefined where the link has no 6-byte address. */
  readonly mac: Uint8Array | undefined
  /** Administratively up and with carrier. */
  readonly up: boolean
  readonly loopback: boolean
  readonly noArp: boolean
  /** Something else gets the frames that it receives: it is a port of a bridge, bond or team. */
  readonly isPort: boolean
  readonly addresses: readonly Ip[]
  /** What is asked for on this link: the networks of its addresses and the routes without a gateway. None of them is link-local. */
  readonly subnets: readonly Prefix[]
}

/** Where the kernel would send a packet to one address. */
export type Route =
  | { readonly kind: 'interface'; readonly index: number }
  | { readonly kind: 'local' }
  | { readonly kind: 'none'; readonly why: string }

export interface HostFacts {
  readonly interfaces: readonly NetworkInterface[]
  /** By the canonical text of the destination. */
  readonly routes: ReadonlyMap<string, Route>
  /** By interface index, how often it came up since the speaker started: neighbours are told anew each time. */
  readonly linkUps: ReadonlyMap<number, number>
}

/** Links of these kinds take the frames of their ports. A port of a VRF keeps its own. */
const FRAME_TAKERS: readonly string[] = ['bridge', 'bond', 'team', 'openvswitch']

/** The interfaces that dumps of links, addresses and routes describe, by index. */
export function interfacesOf(messages: readonly NetlinkMessage[]): readonly NetworkInterface[] {
  const addresses = Map.groupBy(
    messages.flatMap((message) => (message.kind === 'address' && !message.removed ? [message] : [])),
    ({ interfaceIndex }) => interfaceIndex,
  )
  const routes = Map.groupBy(
    messages.flatMap((message) => (message.kind === 'route' && message.type === ROUTE_TYPE.unicast && message.onLink ? [message] : [])),
    ({ interfaceIndex }) => interfaceIndex,
  )
  return messages.flatMap((message) => {
    if (message.kind !== 'link' || message.removed) return []
    const { index, name, mac, loopback, noArp, portOf } = message
    const own = addresses.get(index) ?? []
    return [
      {
        index,
        name,
        mac,
        up: message.up && message.carrier,
        loopback,
        noArp,
        isPort: portOf !== undefined && FRAME_TAKERS.includes(portOf),
        addresses: own.map(({ ip }) => ip),
        subnets: subnetsOf([
          // An address that is its own network contains no other one; kube-ipvs0 can have very many.
          ...own.flatMap(({ ip, prefixLength }) => (prefixLength < FAMILY_BITS[ip.family] ? [prefixOf(ip, prefixLength)] : [])),
          ...(routes.get(index) ?? []).flatMap(({ destination }) => (destination === undefined ? [] : [destination])),
        ]),
      },
    ]
  })
}

const LINK_LOCAL: readonly Prefix[] = ['169.254.0.0/16', 'fe80::/10'].flatMap((text) => {
  const prefix = parsePrefix(text)
  return prefix.ok ? [prefix.value] : []
})

/** Each once: an address usually brings a route of its own. */
function subnetsOf(prefixes: readonly Prefix[]): readonly Prefix[] {
  const isWide = ({ family, base, length }: Prefix) =>
    !LINK_LOCAL.some((local) => length >= local.length && prefixContains(local, { family, value: base }))
  return united(prefixes.filter(isWide))
}

const united = (prefixes: readonly Prefix[]): readonly Prefix[] => [
  ...new Map(prefixes.map((prefix) => [formatPrefix(prefix), prefix])).values(),
]

/** Counts how often each link came up, from every state that the kernel reports. */
export interface LinkHistory {
  observe(index: number, up: boolean): void
  readonly ups: ReadonlyMap<number, number>
}

/** Creates an empty history. A link that is up when first seen counts as never having come up. */
export function createLinkHistory(): LinkHistory {
  const known = new Map<number, boolean>()
  const ups = new Map<number, number>()
  return {
    ups,
    observe(index, up) {
      if (known.get(index) === false && up) ups.set(index, (ups.get(index) ?? 0) + 1)
      known.set(index, up)
    },
  }
}

/** How long a network is remembered after its link came up. Whoever configures links needs seconds to give an address again. */
const REMEMBERED_MS = 30_000

/** Remembers the networks of links over a time without carrier. */
export interface SubnetMemory {
  /** The interfaces with what is remembered of their networks. `ups` is that of LinkHistory, `nowMs` that of a monotonic clock. */
  complete(interfaces: readonly NetworkInterface[], ups: ReadonlyMap<number, number>, nowMs: number): readonly NetworkInterface[]
}

interface RememberedLink {
  readonly name: string
  /** Those that counted when the link was up last. */
  readonly subnets: readonly Prefix[]
  /** Those of them that count on after a loss. */
  readonly kept: readonly Prefix[]
  readonly ups: number
  /** From when on nothing is kept any more. */
  readonly freshAtMs: number
}

/**
 * Creates an empty memory. The kernel drops the IPv6 addresses of a link that is set down, and IPv6 routes with them: an address that has
 * stayed through a short loss of the link must not move because the link's own address is a second late. What a link loses while it is up
 * is forgotten at once.
 */
export function createSubnetMemory(): SubnetMemory {
  const links = new Map<number, RememberedLink>()
  const complete = (link: NetworkInterface, ups: number, nowMs: number): NetworkInterface => {
    const { index, name } = link
    const known = links.get(index)
    const before = known?.name === name ? known : { name, subnets: [], kept: [], ups, freshAtMs: nowMs }
    const isLost = !link.up || before.ups !== ups
    const freshAtMs = isLost ? nowMs + REMEMBERED_MS : before.freshAtMs
    const kept = nowMs >= freshAtMs ? [] : isLost ? before.subnets : before.kept
    const subnets = united([...link.subnets, ...kept])
    links.set(index, { name, subnets: link.up ? subnets : before.subnets, kept, ups, freshAtMs })
    return { ...link, subnets }
  }
  return {
    complete(interfaces, ups, nowMs) {
      const present = new Set(interfaces.map(({ index }) => index))
      for (const index of [...links.keys()]) if (!present.has(index)) links.delete(index)
      return interfaces.map((link) => complete(link, ups.get(link.index) ?? 0, nowMs))
    },
  }
}
