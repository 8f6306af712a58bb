import type { Ip } from '../../addr/ip.ts'

/** RFC 5880; names and defaults are those of MetalLB's BFDProfile. Intervals in milliseconds. */
export interface BfdSettings {
  /** DesiredMinTxInterval; 300 by default, at least 10. */
  readonly transmitMs: number
  /** RequiredMinRxInterval; 300 by default, at least 10. */
  readonly receiveMs: number
  /** DetectMult; 3 by default. */
  readonly detectMultiplier: number
  /** Waits for the peer's first packet before it sends (RFC 5880 section 6.1). */
  readonly passive: boolean
  /** Multihop: packets with a lower TTL do not count; 254 by default. A single hop always wants 255. */
  readonly leastTtl: number
  readonly authentication: BfdAuthentication | undefined
}

/** RFC 5880 section 6.7.4. */
export interface BfdAuthentication {
  readonly type: 'keyed-sha1' | 'meticulous-keyed-sha1'
  /** 0 to 255. */
  readonly keyId: number
  /** 1 to 20 bytes. */
  readonly key: string
}

/** One session that shall be. Plain values: an equal spec is the same session. */
export interface BfdSpec extends BfdSettings {
  /** Who asks for it, such as the name of a BgpPeer. Two on the same path share one session, with the settings of the first. */
  readonly key: string
  readonly remote: Ip
  /** Our address; single hop too: it is the source of our packets. */
  readonly local: Ip
  /** The interface of a link-local address, or one (a VRF too) to bind to; undefined: the route's. */
  readonly device: string | undefined
  /** RFC 5883, port 4784; otherwise RFC 5881, port 3784. */
  readonly multihop: boolean
}

/** RFC 5880 section 4.1. */
export type BfdStateName = 'AdminDown' | 'Down' | 'Init' | 'Up'

/** What a session is like now. */
export interface BfdReport {
  readonly key: string
  readonly state: BfdStateName
  readonly remoteState: BfdStateName
  /** The diagnostic of the last change, RFC 5880 section 4.1, in words; undefined: none. */
  readonly diagnostic: string | undefined
  /** Milliseconds after which silence counts as down; 0 before it was up. */
  readonly detectionMs: number
  readonly transmitMs: number
  readonly upSinceMs: number | undefined
  readonly downs: number
  readonly sent: number
  readonly received: number
  /** Packets that were for this session and did not count. */
  readonly discarded: number
  /** Why the last of them did not, as a sentence part; undefined: none yet. */
  readonly lastDiscard?: string | undefined
}

/** The port to the thread that speaks BFD. */
export interface BfdSessions {
  /** The whole set of sessions that shall be. Those that stay are not touched; changed intervals are negotiated by Poll and Final. */
  follow(specs: readonly BfdSpec[]): void
  /** The last known state of each session, by its key. */
  reports(): ReadonlyMap<string, BfdReport>
  /** Packets that were for no session of this node, or came from too far away for one: since the thread started. */
  strays(): number
  health(): { readonly problems: readonly string[] }
  /** Says AdminDown to every peer, so that none of them takes the end for a failure, and frees the thread. Idempotent. */
  close(): Promise<void>
}

/** Told at once. `wentDown`: it was up, and is down for a reason other than an administrator's on either side. */
export interface BfdChange {
  readonly key: string
  readonly state: BfdStateName
  readonly wentDown: boolean
  readonly diagnostic: string | undefined
}
