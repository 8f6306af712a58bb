/** What the rules know of a node: its own addresses, and those of its Pods. No Service gets any of them. */
import { type Family, type Ip, parseIp } from '../addr/ip.ts'
import { type AddressRange, parseAddressRange } from '../addr/range.ts'
import type { NodeObject } from '../api/core-objects.ts'

export interface NodeNetwork {
  readonly name: string
  /** The addresses by which others reach it (InternalIP, ExternalIP), in the order of its status. */
  readonly addresses: readonly Ip[]
  /** spec.podCIDRs. */
  readonly podRanges: readonly AddressRange[]
}

/** Reads a Node. What is no address or no range is left out: names of hosts stand in the same list. */
export function readNodeNetwork({ metadata, spec, status }: NodeObject): NodeNetwork {
  return {
    name: metadata.name,
    addresses: (status?.addresses ?? []).flatMap(({ type, address }) => {
      const ip = type === 'InternalIP' || type === 'ExternalIP' ? parseIp(address) : undefined
      return ip?.ok ? [ip.value] : []
    }),
    podRanges: (spec?.podCIDRs ?? []).flatMap((text) => {
      const range = parseAddressRange(text)
      return range.ok ? [range.value] : []
    }),
  }
}

/**
 * The family that a Service gets where it names none: that of the first address of the nodes, since kubelets list the cluster's primary
 * family first. Undefined when no node tells.
 */
export function primaryFamily(nodes: Iterable<NodeNetwork>): Family | undefined {
  for (const { addresses } of nodes) {
    const [first] = addresses
    if (first !== undefined) return first.family
  }
  return undefined
}
