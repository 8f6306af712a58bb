import type { BfdReport } from '../bfd/settings.ts'
import type { FsmStateName } from './fsm-transition.ts'

/** Messages of one direction since this process started. */
export interface MessageCounts {
  readonly open: number
  readonly update: number
  readonly notification: number
  readonly keepalive: number
  readonly refresh: number
  /** UPDATEs that withdraw something, and the prefixes in them. */
  readonly withdrawUpdate: number
  readonly withdrawPrefix: number
  /** Read, and of no consequence: wrong, or of no session. */
  readonly discarded: number
}

/** A peer as this node sees it: for the status of its BgpPeer, for metrics, and as JSON of the report page. Times are milliseconds since 1970. */
export interface PeerReport {
  /** The BgpPeer. */
  readonly name: string
  /** Canonical text; of an unnumbered peer the link-local address with its zone, once it is known. */
  readonly address: string | undefined
  readonly interface: string | undefined
  readonly state: FsmStateName
  readonly adminDown: boolean
  readonly localAs: number
  readonly routerId: string
  /** What its OPEN said; undefined before the first. */
  readonly peerAs: number | undefined
  readonly peerRouterId: string | undefined
  /** The capabilities that both sides have, in words such as `ipv4-unicast`, `add-path ipv4 send`, `graceful-restart 120 s`. */
  readonly negotiated: readonly string[]
  readonly holdMs: number | undefined
  readonly keepaliveMs: number | undefined
  readonly upSinceMs: number | undefined
  readonly downSinceMs: number | undefined
  /** How often the session went down. */
  readonly flaps: number
  /** Why there is no session, or why the last one ended, with what to do; undefined: nothing went wrong yet. */
  readonly lastError: PeerError | undefined
  readonly received: MessageCounts
  readonly sent: MessageCounts
  /** Prefixes. `received` counts what UPDATEs announced to us, none of which is kept. */
  readonly prefixes: { readonly announced: number; readonly pending: number; readonly received: number }
  /** Bytes that the kernel has not taken yet. */
  readonly unwrittenBytes: number
  readonly bfd: BfdReport | undefined
  /** By what they said, since this process started; those that never came are left out. */
  readonly notifications?: readonly NotificationCount[]
  /** The least that was left of the hold time when a message of the peer came, in this session; undefined: no session. */
  readonly holdSlackMs?: number | undefined
}

/** RFC 4271 section 4.5. */
export interface NotificationCount {
  readonly direction: 'sent' | 'received'
  readonly code: number
  readonly subcode: number
  readonly count: number
}

export interface PeerError {
  /** A closed word for metrics: `tcp`, `md5`, `ttl`, `as`, `hold`, `bfd`, `notification-received` and so on. */
  readonly code: string
  /** A sentence: what happened. */
  readonly message: string
  /** What to do. */
  readonly cure: string
  readonly atMs: number
}

/** One message, for `openelb bgp capture`. */
export interface CapturedMessage {
  readonly peer: string
  readonly direction: 'sent' | 'received'
  readonly atMs: number
  /** OPEN, UPDATE and so on. */
  readonly type: string
  /** A decoded line or two, at most 2,000 characters. */
  readonly text: string
  readonly bytes: number
}

/** Why a line is, or is not, told to a peer, for `openelb bgp why`. */
export interface RouteVerdict {
  readonly peer: string
  readonly prefix: string
  readonly told: boolean
  /**
   * `told`, `pending`, `session-down`, `peer-not-selected`, `family-not-negotiated`, `other-nodes`, `no-next-hop`, `policy-rejected`,
   * `attributes-too-long`, `leaving`.
   */
  readonly reason: string
  readonly message: string
  /** What the peer was, or would be, told: a path each, in words. */
  readonly paths: readonly string[]
}
