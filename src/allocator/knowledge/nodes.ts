/** Which addresses are those of nodes: no Service gets them. */
import { formatIp, type Ip, parseIp } from '../../addr/ip.ts'
import type { NodeObject } from '../../api/core-objects.ts'
import type { PoolBook } from '../pools.ts'
import { freeAgain } from '../waiters.ts'
import type { Teller, Watched } from './sources.ts'

export interface NodeAddresses {
  /** The node that has this address itself; of several, the first that said so. */
  nodeOf(ip: Ip): string | undefined
  close(): void
}

/** Follows the nodes. `book` gives the Eips of the moment: a node's address that becomes free may be what somebody waits for. */
export function followNodes(watched: Watched<NodeObject>, book: () => PoolBook, tell: Teller): NodeAddresses {
  const nodesAt = new Map<string, Set<string>>()
  const forget = (node: string, address: string): void => {
    const nodes = nodesAt.get(address)
    nodes?.delete(node)
    if (nodes?.size === 0) nodesAt.delete(address)
  }
  const note = (node: string, address: string): void => {
    const nodes = nodesAt.get(address)
    if (nodes === undefined) nodesAt.set(address, new Set([node]))
    else nodes.add(node)
  }
  for (const node of watched.values()) for (const ip of addressesOf(node)) note(node.metadata.name, formatIp(ip))
  const close = watched.subscribe(({ key, before, after }) => {
    const had = addressesOf(before)
    const has = new Set(addressesOf(after).map(formatIp))
    const gone = had.filter((ip) => !has.has(formatIp(ip)))
    if (gone.length === 0 && has.size === new Set(had.map(formatIp)).size) return
    for (const ip of gone) forget(key, formatIp(ip))
    for (const address of has) note(key, address)
    for (const ip of gone) tell.happened(freeAgain(ip, book()))
    tell.happened({ kind: 'node-changed', node: key })
  })
  return {
    nodeOf(ip) {
      const [first] = nodesAt.size === 0 ? [] : (nodesAt.get(formatIp(ip)) ?? [])
      return first
    },
    close,
  }
}

/** The addresses by which others reach the node. */
function addressesOf(node: NodeObject | undefined): readonly Ip[] {
  return (node?.status?.addresses ?? []).flatMap(({ type, address }) => {
    const ip = type === 'InternalIP' || type === 'ExternalIP' ? parseIp(address) : undefined
    return ip?.ok ? [ip.value] : []
  })
}
