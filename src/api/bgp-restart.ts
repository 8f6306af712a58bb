import { z } from 'zod'
import type { TypeOf } from './define-kind.ts'
import { flag, text, uint32 } from './fields.ts'

/** Graceful restart of BgpConf and BgpPeer; field names are those of OpenELB. Source of the terms: RFC 4724, RFC 9494. */
export const GracefulRestartSchema = z
  .object({
    enabled: flag('Whether graceful restart is offered to peers.').exactOptional(),
    restartTime: uint32(
      'Seconds that peers keep our routes while we restart; at most 4095 fit the protocol. 0 is the default, 120.',
    ).exactOptional(),
    helperOnly: flag('Tell peers when all routes are told, but do not ask them to keep ours.').exactOptional(),
    deferralTime: uint32('Accepted for compatibility; has no effect: nothing is chosen among routes of peers.').exactOptional(),
    notificationEnabled: flag('Whether a session that ends by NOTIFICATION restarts gracefully too (RFC 8538).').exactOptional(),
    longlivedEnabled: flag('Whether long-lived graceful restart is offered (RFC 9494).').exactOptional(),
    staleRoutesTime: uint32(
      'With longlivedEnabled: seconds that peers keep our routes, as the least preferred, once restartTime is over; at most 16777215. 0 is the default, 3600.',
    ).exactOptional(),
    peerRestartTime: uint32('The restart time that the peer announced. State; has no effect in a spec.').exactOptional(),
    peerRestarting: flag('Whether the peer is restarting. State; has no effect in a spec.').exactOptional(),
    localRestarting: flag('Whether this side is restarting. State; has no effect in a spec.').exactOptional(),
    mode: text(64, 'State; has no effect in a spec.').exactOptional(),
  })
  .describe('Graceful restart: peers keep our routes while a session is down.')

export type GracefulRestart = TypeOf<typeof GracefulRestartSchema>
