/** The status of a BgpPeer: what each node says of its session. */
import { z } from 'zod'
import type { TypeOf } from './define-kind.ts'
import { countText, flag, int32, text, timestamp, uint32 } from './fields.ts'

const MessageCountsSchema = z
  .object({
    notification: countText('NOTIFICATION messages.').exactOptional(),
    update: countText('UPDATE messages.').exactOptional(),
    open: countText('OPEN messages.').exactOptional(),
    keepalive: countText('KEEPALIVE messages.').exactOptional(),
    refresh: countText('ROUTE-REFRESH messages.').exactOptional(),
    discarded: countText('Messages that were discarded.').exactOptional(),
    total: countText('All messages.').exactOptional(),
    withdrawUpdate: countText('UPDATE messages that withdraw.').exactOptional(),
    withdrawPrefix: countText('Prefixes withdrawn.').exactOptional(),
  })
  .describe('Counts as text.')

const PeerStateSchema = z
  .object({
    neighborAddress: text(64, 'The address of the peer.').exactOptional(),
    peerAs: uint32('The autonomous system of the peer.').exactOptional(),
    localAs: uint32('The autonomous system that the peer is told.').exactOptional(),
    sessionState: text(64, 'IDLE, CONNECT, ACTIVE, OPENSENT, OPENCONFIRM or ESTABLISHED.').exactOptional(),
    adminState: text(64, 'Whether the session is kept down.').exactOptional(),
    routerId: text(64, 'The BGP identifier of the peer.').exactOptional(),
    peerType: int32(0, '0 for internal, 1 for external.').exactOptional(),
    messages: z
      .object({ received: MessageCountsSchema.exactOptional(), sent: MessageCountsSchema.exactOptional() })
      .describe('Messages of the session.')
      .exactOptional(),
    queues: z
      .object({ input: uint32('Messages to be read.').exactOptional(), output: uint32('Messages to be sent.').exactOptional() })
      .describe('Lengths of queues.')
      .exactOptional(),
    authPassword: text(256, 'Never written: a password does not belong in a status.').exactOptional(),
    description: text(1024, 'The description of the peer.').exactOptional(),
    peerGroup: text(253, 'The group of the peer.').exactOptional(),
    removePrivateAs: int32(0, 'Kept for readers of OpenELB.').exactOptional(),
    routeFlapDamping: flag('Kept for readers of OpenELB.').exactOptional(),
    sendCommunity: uint32('Kept for readers of OpenELB.').exactOptional(),
    outQ: uint32('Kept for readers of OpenELB.').exactOptional(),
    flops: uint32('How often the session went down.').exactOptional(),
  })
  .describe('The session as the node sees it.')

const TimersStateSchema = z
  .object({
    connectRetry: countText('The wait between attempts to connect, in seconds.').exactOptional(),
    holdTime: countText('The hold time that is offered, in seconds.').exactOptional(),
    keepaliveInterval: countText('The time between KEEPALIVE messages, in seconds.').exactOptional(),
    minimumAdvertisementInterval: countText('The least time between two UPDATEs, in seconds.').exactOptional(),
    negotiatedHoldTime: countText('The hold time that both sides use, in seconds.').exactOptional(),
    uptime: text(64, 'When the session came up, RFC 3339.').exactOptional(),
    downtime: text(64, 'When the session last went down, RFC 3339.').exactOptional(),
  })
  .describe('Timers of the session.')

/** Fields that OpenELB does not have. */
const OUR_STATE_FIELDS = {
  lastError: z
    .object({
      code: text(64, 'A word for programs, such as tcp, md5, ttl, as, hold, bfd or settings.'),
      message: text(1024, 'What happened.'),
      cure: text(1024, 'What to do.'),
      at: timestamp('When.').exactOptional(),
    })
    .describe('Why there is no session, or why the last one ended.')
    .exactOptional(),
  capabilities: z
    .array(text(128, 'Such as "ipv4-unicast" or "add-path ipv4 send".'))
    .max(64)
    .meta({ description: 'What both sides can do, in words.', 'x-kubernetes-list-type': 'atomic' })
    .exactOptional(),
  prefixes: z
    .object({
      announced: uint32('Prefixes that the peer was told.').exactOptional(),
      pending: uint32('Prefixes that are still to be told.').exactOptional(),
      received: uint32('Prefixes that the peer told us; none is installed.').exactOptional(),
    })
    .describe('How many prefixes there are.')
    .exactOptional(),
  bfd: z
    .object({
      state: text(16, 'Up, Init, Down or AdminDown.').exactOptional(),
      detectionTime: uint32('Milliseconds of silence after which the peer counts as down.').exactOptional(),
    })
    .describe('The BFD session with the peer.')
    .exactOptional(),
}

/** Status of a BgpPeer; the names and the counters as text are OpenELB's. */
export const BgpPeerStatusSchema = z
  .object({
    nodesPeerStatus: z
      .record(
        z.string(),
        z
          .object({
            peerState: PeerStateSchema.exactOptional(),
            timersState: TimersStateSchema.exactOptional(),
            ...OUR_STATE_FIELDS,
          })
          .describe('The session of one node.'),
      )
      .describe('The session of each node, by the name of the node. Each speaker writes its own entry.')
      .exactOptional(),
  })
  .describe('What the speakers report.')

export type BgpPeerStatus = TypeOf<typeof BgpPeerStatusSchema>
