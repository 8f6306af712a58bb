import { CEASE, ERROR } from '../../wire/bgp/iana.ts'
import { hardReset } from '../../wire/bgp/notification.ts'
import type { EndReason, RouteFate } from './fsm-actions.ts'
import type { GracefulRestartCapability, Notification, Stop } from './fsm-events.ts'

/** Whether the peer keeps, and wants kept, routes over a restart: it named at least one family. RFC 4724 section 3. */
export const restartsGracefully = (peer: GracefulRestartCapability | undefined): boolean => peer !== undefined && peer.families > 0

/**
 * Whether NOTIFICATIONs too may leave routes: both sides set the N bit. Families are of no matter here: whose routes stay depends on those that
 * their speaker named. RFC 8538 section 2.
 */
const notificationsAreGraceful = (ours: GracefulRestartCapability | undefined, peer: GracefulRestartCapability | undefined): boolean =>
  ours?.notification === true && peer?.notification === true

const isHardReset = ({ code, subcode }: Notification): boolean => code === ERROR.cease && subcode === CEASE.hardReset

/**
 * What becomes of the routes of a session that ends for `reason`. A lost connection keeps them when the peer restarts gracefully; a
 * NOTIFICATION, by either side, deletes them unless both set the N bit and it is no Hard Reset.
 * Source: RFC 4724 sections 4.2 and 5; RFC 8538 sections 3 and 4.
 */
export function routeFate(
  reason: EndReason,
  ours: GracefulRestartCapability | undefined,
  peer: GracefulRestartCapability | undefined,
): RouteFate {
  switch (reason.kind) {
    case 'tcp-failed':
    case 'replaced':
      return ours !== undefined && restartsGracefully(peer) ? 'retain' : 'delete'
    case 'notification-sent':
    case 'notification-received':
      return notificationsAreGraceful(ours, peer) && restartsGracefully(peer) && !isHardReset(reason) ? 'retain' : 'delete'
    case 'stopped':
    case 'collision':
    case 'unexpected':
      return 'delete'
  }
}

/**
 * The Cease that says `stop`. A hard one is wrapped into a Hard Reset, whose data are the code, the subcode and the data that it stands
 * for, when both sides set the N bit; without it every NOTIFICATION is hard. A peer that names no family, as one that only helps, keeps our
 * routes all the same. Source: RFC 8538 section 3.
 */
export function ceaseFor(
  stop: Stop,
  ours: GracefulRestartCapability | undefined,
  peer: GracefulRestartCapability | undefined,
): Notification {
  const { subcode, data, hard } = stop
  const cease = { code: ERROR.cease, subcode, data }
  return hard && notificationsAreGraceful(ours, peer) ? hardReset(cease) : cease
}
