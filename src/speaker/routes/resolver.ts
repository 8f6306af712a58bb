import { type Family, type Ip, parseIp } from '../../addr/ip.ts'
import type { NodeObject } from '../../api/core-objects.ts'
import type { LabelSelector } from '../../api/label-selector.ts'
import { RACK } from '../../api/service-annotations.ts'
import { matchesSelector } from '../../policy/label-selector.ts'
import { resolveBgp } from '../bgp/resolve.ts'
import type { BgpNode, ResolvedBgp } from '../bgp/resolve-facts.ts'
import type { BgpWatch } from '../io/cluster-bgp.ts'
import type { BgpMeans } from './announcement.ts'

export type Resolution = ResolvedBgp

/** What this node does in BGP, as of now. */
export interface Resolver {
  /** The same object for as long as nothing changed that it depends on. */
  resolve(): Resolution
}

type Watched = Pick<BgpWatch, 'conf' | 'peers' | 'policyText' | 'secret'>

/** Creates it. */
export function createResolver(self: string, watch: Watched, node: () => NodeObject | undefined): Resolver {
  let known: { readonly from: readonly unknown[]; readonly resolution: Resolution } | undefined
  /** The last text that could be read of the ConfigMap of this name. */
  let good: { readonly name: string; readonly text: string | undefined } | undefined
  return {
    resolve() {
      const conf = watch.conf()
      const peers = watch.peers()
      const policyText = watch.policyText()
      const secret = watch.secret()
      const own = node()
      const from = [conf, policyText, secret, own, ...peers]
      if (known !== undefined && sameList(known.from, from)) return known.resolution
      const name = conf?.spec?.policy ?? ''
      const lastPolicyText = good?.name === name ? good.text : undefined
      const resolution = resolveBgp({ node: bgpNode(self, own), conf, peers, policyText, lastPolicyText, secret })
      good = { name, text: resolution.goodPolicyText }
      known = { from, resolution }
      return resolution
    },
  }
}

function bgpNode(name: string, node: NodeObject | undefined): BgpNode {
  const addresses: Record<Family, Ip | undefined> = { IPv4: undefined, IPv6: undefined }
  for (const { type, address } of node?.status?.addresses ?? []) {
    const ip = type === 'InternalIP' ? parseIp(address) : undefined
    if (ip?.ok === true) addresses[ip.value.family] ??= ip.value
  }
  return { name, labels: node?.metadata.labels ?? {}, addresses }
}

/** With an AS per rack a node announces only nodes of its own rack as next hops; undefined: all. */
export function rackOf(node: NodeObject | undefined, asPerRack: Readonly<Record<string, number>> | undefined): string | undefined {
  const rack = node?.metadata.labels?.[RACK]
  return asPerRack === undefined || Object.keys(asPerRack).length === 0 ? undefined : rack
}

/** What the cluster has for BGP, seen from any node; computed anew only when something changed. */
export function createMeans(watch: Pick<BgpWatch, 'conf' | 'peers'>, nodes: () => ReadonlyMap<string, NodeObject>): () => BgpMeans {
  let known: { readonly from: readonly unknown[]; readonly means: BgpMeans } | undefined
  return () => {
    const from = [watch.conf(), nodes(), ...watch.peers()]
    if (known === undefined || !sameList(known.from, from)) known = { from, means: meansOf(watch, nodes()) }
    return known.means
  }
}

const sameList = (a: readonly unknown[], b: readonly unknown[]): boolean => a.length === b.length && a.every((one, at) => one === b[at])

function meansOf(watch: Pick<BgpWatch, 'conf' | 'peers'>, nodes: ReadonlyMap<string, NodeObject>): BgpMeans {
  const peers = watch.peers()
  const isSelected = (node: NodeObject): boolean =>
    peers.some(
      ({ spec }) => spec?.nodeSelector === undefined || matchesSelector(spec.nodeSelector as LabelSelector, node.metadata.labels ?? {}),
    )
  return {
    configured: watch.conf() !== undefined,
    peers: new Set(peers.map(({ metadata }) => metadata.name)),
    selectedNodes: peers.length === 0 ? 0 : [...nodes.values()].filter(isSelected).length,
  }
}
