/** What BGP on this node is resolved from, and what comes of it. */
import type { Family, Ip } from '../../addr/ip.ts'
import type { BgpConfObject } from '../../api/bgp-conf.ts'
import type { BgpPeerObject } from '../../api/bgp-peer.ts'
import type { BgpSettings } from './settings.ts'

/** This node. */
export interface BgpNode {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** The first InternalIP of each family. */
  readonly addresses: Readonly<Record<Family, Ip | undefined>>
}

/** Everything that the settings depend on, as the API server has it; objects may hold any JSON. */
export interface BgpFacts {
  readonly node: BgpNode
  /** The BgpConf `default`. */
  readonly conf: BgpConfObject | undefined
  readonly peers: readonly BgpPeerObject[]
  /** The ConfigMap that BgpConf names: its key `gobgp.conf`; undefined without ConfigMap or key. */
  readonly policyText: string | undefined
  /** `goodPolicyText` of the last resolution for the ConfigMap of this name: used while `policyText` cannot be read. */
  readonly lastPolicyText: string | undefined
  /** The Secret `openelb-bgp`, decoded; undefined without it. */
  readonly secret: ReadonlyMap<string, string> | undefined
}

/** A setting that is not followed. */
export interface BgpProblem {
  /** The BgpPeer; undefined: BgpConf or its policy. */
  readonly peer: string | undefined
  readonly code: BgpProblemCode
  /** A sentence without a full stop: what is wrong, with its field or its place in the policy. */
  readonly message: string
  /** What to do. */
  readonly cure: string
}

/** `no-*` leave all of BGP or a peer out; `ignored`: the rest is followed without that one. */
export type BgpProblemCode =
  | 'no-as'
  | 'no-router-id'
  | 'foreign-cni'
  | 'unreadable'
  | 'no-peer-address'
  | 'no-peer-as'
  | 'no-secret-key'
  | 'duplicate-peer'
  | 'bad-setting'
  | 'ignored'
  | 'policy-missing'
  | 'policy-unreadable'
  | 'policy-not-honoured'
  | 'policy-no-meaning'

export interface ResolvedBgp {
  /** Undefined: no BGP on this node; all sessions end. */
  readonly settings: BgpSettings | undefined
  /** What this node is in BGP, with or without peers; undefined where `settings` is. `routerId` is an unsigned 32-bit number. */
  readonly identity: { readonly as: number; readonly routerId: number } | undefined
  /** In the order of BgpConf, policy, peers by name. */
  readonly problems: readonly BgpProblem[]
  /** The policy text that runs now: the caller hands it back as `lastPolicyText`. */
  readonly goodPolicyText: string | undefined
}
