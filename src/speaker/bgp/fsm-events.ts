/** What a session has to know of a peer's OPEN; the message itself has more. */
export interface PeerOpen {
  /** The 4-octet number when both speak RFC 6793, the field of the header otherwise. */
  readonly asNumber: number
  /** BGP Identifier, an unsigned 32-bit number. */
  readonly identifier: number
  readonly holdTimeSec: number
  /** RFC 4724 section 3; undefined when the capability is missing. `notification` is the N bit of RFC 8538. */
  readonly gracefulRestart?: GracefulRestartCapability | undefined
}

/** `families` counts those that the capability lists: with none, the peer speaks of End-of-RIB only. */
export interface GracefulRestartCapability {
  readonly families: number
  readonly notification: boolean
}

/** Code, subcode and data of a NOTIFICATION, sent or received. RFC 4271 section 4.5. */
export interface Notification {
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array
}

/** Why we stop: a subcode of Cease (RFC 4486, 9384) with its data (RFC 9003's text), and whether the peer shall forget our routes too (RFC 8538). */
export interface Stop {
  readonly subcode: number
  readonly data: Uint8Array
  readonly hard: boolean
}

/** An error in a message, found by who read it: the code follows from the event. */
export interface MessageError {
  readonly subcode: number
  readonly data: Uint8Array
}

/**
 * Every event of RFC 4271 section 8.1 under its name there, SendHoldTimer_Expires of RFC 9687, and, without a number, what later RFCs
 * added: a ROUTE-REFRESH (RFC 2918), a wrong one (RFC 7313), and MessageWritten, when the kernel took bytes of ours (RFC 9687).
 * BGPOpen is event 20 while DelayOpenTimer runs, and 19 otherwise; NotifMsgVerErr is a NOTIFICATION 2/1.
 */
export type FsmEvent =
  | { readonly kind: 'ManualStart' }
  | ({ readonly kind: 'ManualStop' } & Stop)
  | { readonly kind: 'AutomaticStart' }
  | { readonly kind: 'ManualStart_with_PassiveTcpEstablishment' }
  | { readonly kind: 'AutomaticStart_with_PassiveTcpEstablishment' }
  | { readonly kind: 'AutomaticStart_with_DampPeerOscillations' }
  | { readonly kind: 'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment' }
  | ({ readonly kind: 'AutomaticStop' } & Stop)
  | { readonly kind: 'ConnectRetryTimer_Expires' }
  | { readonly kind: 'HoldTimer_Expires' }
  | { readonly kind: 'KeepaliveTimer_Expires' }
  | { readonly kind: 'DelayOpenTimer_Expires' }
  | { readonly kind: 'IdleHoldTimer_Expires' }
  | { readonly kind: 'TcpConnection_Valid' }
  | { readonly kind: 'Tcp_CR_Invalid' }
  | { readonly kind: 'Tcp_CR_Acked' }
  | { readonly kind: 'TcpConnectionConfirmed' }
  | { readonly kind: 'TcpConnectionFails'; readonly cause: string }
  | { readonly kind: 'BGPOpen'; readonly open: PeerOpen }
  | ({ readonly kind: 'BGPHeaderErr' } & MessageError)
  | ({ readonly kind: 'BGPOpenMsgErr' } & MessageError)
  | { readonly kind: 'OpenCollisionDump' }
  | ({ readonly kind: 'NotifMsgVerErr' } & Notification)
  | ({ readonly kind: 'NotifMsg' } & Notification)
  | { readonly kind: 'KeepAliveMsg' }
  | { readonly kind: 'UpdateMsg' }
  | ({ readonly kind: 'UpdateMsgErr' } & MessageError)
  | { readonly kind: 'SendHoldTimer_Expires' }
  | { readonly kind: 'RouteRefreshMsg' }
  | ({ readonly kind: 'RouteRefreshMsgErr' } & MessageError)
  | { readonly kind: 'MessageWritten' }

export type FsmEventKind = FsmEvent['kind']
export type FsmEventOf<K extends FsmEventKind> = Extract<FsmEvent, { readonly kind: K }>
