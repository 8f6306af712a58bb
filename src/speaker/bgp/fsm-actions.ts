import type { Notification, PeerOpen } from './fsm-events.ts'
import type { FsmTimer, SessionTimes } from './timers.ts'

/** Why a connection ended, or an attempt did. Closed: the status of a peer, the metric's label and the log line are made of it. */
export type EndReason =
  | ({ readonly kind: 'notification-sent' } & Notification)
  | ({ readonly kind: 'notification-received' } & Notification)
  | { readonly kind: 'tcp-failed'; readonly cause: string }
  /** Stopped before there was an OPEN to answer with a NOTIFICATION. */
  | { readonly kind: 'stopped' }
  /** Another connection to the same peer was kept. */
  | { readonly kind: 'collision' }
  /** The peer has restarted and has opened a new connection. RFC 4724 section 4.2. */
  | { readonly kind: 'replaced' }
  /** A message where none may come, and no OPEN of ours was sent. */
  | { readonly kind: 'unexpected'; readonly event: string }

/**
 * What RFC 4724 and RFC 8538 ask of the receiver of routes when their session ends: `retain` marks them stale until the peer is back,
 * `delete` takes them out. A peer that speaks the same RFCs does the same with ours.
 */
export type RouteFate = 'retain' | 'delete'

/** What the shell has to do, in this order. Sending comes before `drop`; a NOTIFICATION is written before the connection closes. */
export type FsmAction =
  | { readonly kind: 'connect' }
  /** Closes the connection, or gives up the attempt. */
  | { readonly kind: 'drop' }
  /** Takes, or refuses, the connection that this event tells of. */
  | { readonly kind: 'accept' }
  | { readonly kind: 'refuse' }
  /** The connection is a second one: it gets a machine of its own. RFC 4271 section 6.8. */
  | { readonly kind: 'track' }
  | { readonly kind: 'send-open' }
  | { readonly kind: 'send-keepalive' }
  | ({ readonly kind: 'send-notification' } & Notification)
  | { readonly kind: 'start-timer'; readonly timer: FsmTimer; readonly ms: number }
  | { readonly kind: 'stop-timer'; readonly timer: FsmTimer }
  /** The message of this event may be looked into. */
  | { readonly kind: 'deliver' }
  | { readonly kind: 'session-up'; readonly peer: PeerOpen; readonly times: SessionTimes }
  | { readonly kind: 'session-down'; readonly reason: EndReason; readonly routes: RouteFate }
  | { readonly kind: 'attempt-failed'; readonly reason: EndReason }
