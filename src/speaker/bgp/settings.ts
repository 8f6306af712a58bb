import type { Family, Ip } from '../../addr/ip.ts'
import type { BfdSettings } from '../bfd/settings.ts'
import type { ExportPolicy } from './export-policy.ts'
import type { ExpectedAs } from './open-check.ts'

/** What this node does in BGP, resolved from BgpConf, the BgpPeers that select it, policy and passwords. Plain values: equal settings are deeply equal. */
export interface BgpSettings {
  readonly listen: ListenSettings
  /** By the name of the BgpPeer; each name once, and no two with one remote. */
  readonly peers: readonly PeerSettings[]
}

export interface ListenSettings {
  /** `default`: 179, and 17900 where somebody else (Calico) has that. `none`: nobody can call us. */
  readonly port: number | 'default' | 'none'
  /** Empty: all addresses of both families. */
  readonly addresses: readonly Ip[]
}

/** The router: by its address, or the one router behind an interface, found by its router advertisements (an unnumbered peer). */
export type Remote =
  | { readonly kind: 'address'; readonly ip: Ip; readonly port: number }
  | { readonly kind: 'interface'; readonly name: string; readonly port: number }

/** RFC 9234 section 4.1, seen from us: what we are to the peer. */
export type BgpRole = 'provider' | 'route-server' | 'route-server-client' | 'customer' | 'peer'

export interface PeerSettings {
  /** The BgpPeer. */
  readonly name: string
  readonly remote: Remote
  readonly localAs: number
  /** Unsigned 32-bit BGP Identifier. */
  readonly routerId: number
  readonly expectedAs: ExpectedAs
  readonly role: BgpRole | undefined
  readonly transport: PeerTransport
  readonly adminDown: boolean
  readonly times: PeerTimes
  /** At least one, each family once. */
  readonly families: readonly PeerFamily[]
  /** Undefined: the capability is not offered. */
  readonly gracefulRestart: PeerRestart | undefined
  readonly nextHop: NextHopMode
  readonly bfd: BfdSettings | undefined
  readonly policy: ExportPolicy
}

export interface PeerTransport {
  /** TCP MD5 (RFC 2385), at most 80 bytes. */
  readonly password: string | undefined
  /** Undefined: the kernel's choice. */
  readonly localAddress: Ip | undefined
  /** SO_BINDTODEVICE: an interface or a VRF. */
  readonly device: string | undefined
  /** TTL of what we send: 255 with GTSM and within a network, 1 to an external peer without ebgpMultihop. */
  readonly ttl: number
  /** GTSM (RFC 5082): packets of the peer with a lower TTL never count. Undefined: any. */
  readonly leastTtl: number | undefined
  /** The peer calls, we never do. */
  readonly passive: boolean
  /** TCP maximum segment size; undefined: the kernel's. */
  readonly mss: number | undefined
}

/** Milliseconds. */
export interface PeerTimes {
  readonly holdMs: number
  /** Undefined: a third of what both sides agree on. */
  readonly keepaliveMs: number | undefined
  readonly connectRetryMs: number
  /** MinRouteAdvertisementIntervalTimer per route (RFC 4271 section 9.2.1.1); 0: none. */
  readonly advertisementMs: number
}

export interface PeerFamily {
  readonly family: Family
  /** How many paths per prefix are sent at most (RFC 7911); 0: the capability is not offered. */
  readonly addPathSend: number
  /** Whether the family is named in the capability Graceful Restart. */
  readonly restarts: boolean
}

/** RFC 4724, 8538, 9494. */
export interface PeerRestart {
  /** How long the peer keeps our routes while we are away: 0 to 4,095 seconds. 0 (helperOnly): it does not, but we speak End-of-RIB. */
  readonly restartSec: number
  readonly notification: boolean
  /** Long-lived: how much longer, as least preferred. Undefined: the capability is not offered. */
  readonly longLivedSec: number | undefined
}

/**
 * `self`: this node only. `nodes`: one path for each node that may take the traffic, as OpenELB does; without ADD-PATH the best of them.
 * `auto`: nodes where the peer takes several paths, self otherwise.
 */
export type NextHopMode = 'auto' | 'self' | 'nodes'
