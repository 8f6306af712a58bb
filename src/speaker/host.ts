import type { Ip } from '../addr/ip.ts'
import type { NetlinkMessage } from '../wire/netlink.ts'

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
  readonly addresses: readonly Ip[]
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

/** The interfaces that a dump of links and a dump of addresses describe, by index. */
export function interfacesOf(messages: readonly NetlinkMessage[]): readonly NetworkInterface[] {
  const addresses = Map.groupBy(
    messages.filter((message) => message.kind === 'address' && !message.removed),
    (message) => (message.kind === 'address' ? message.interfaceIndex : 0),
  )
  return messages.flatMap((message) => {
    if (message.kind !== 'link' || message.removed) return []
    const { index, name, mac, loopback, noArp } = message
    const own = (addresses.get(index) ?? []).flatMap((one) => (one.kind === 'address' ? [one.ip] : []))
    return [{ index, name, mac, up: message.up && message.carrier, loopback, noArp, addresses: own }]
  })
}

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
