import { z } from 'zod'
import { GracefulRestartSchema } from './bgp-conf.ts'
import { defineKind, type ObjectOf, type TypeOf } from './define-kind.ts'
import { countText, flag, int32, text, uint32 } from './fields.ts'
import { GROUP, VERSION } from './group.ts'

/** Seconds as text. The pattern allows the empty text, which is the default, because OpenELB's Go type does. */
const secondsText = (description: string) =>
  z
    .string()
    .max(20)
    .regex(/^[0-9]*$/)
    .describe(`${description} Seconds, as text such as "90".`)

const ConfSchema = z
  .object({
    neighborAddress: text(64, 'The address of the peer.').exactOptional(),
    neighborInterface: text(64, 'The interface to an unnumbered peer, instead of neighborAddress.').exactOptional(),
    peerAs: uint32('The autonomous system of the peer.').exactOptional(),
    localAs: uint32('The autonomous system that this peer is told, instead of that of BgpConf.').exactOptional(),
    authPassword: text(256, 'The password of TCP MD5 signatures (RFC 2385).').exactOptional(),
    description: text(1024, 'Text for people.').exactOptional(),
    peerGroup: text(253, 'Accepted for compatibility; has no effect.').exactOptional(),
    peerType: int32(0, 'Accepted for compatibility: the type follows from the autonomous systems.').exactOptional(),
    removePrivateAs: text(64, 'Accepted for compatibility; our own routes carry no private AS of others.').exactOptional(),
    routeFlapDamping: flag('Accepted for compatibility; has no effect.').exactOptional(),
    sendCommunity: uint32('Accepted for compatibility; has no effect.').exactOptional(),
    vrf: text(253, 'Accepted for compatibility; has no effect.').exactOptional(),
    allowOwnAs: uint32('Accepted for compatibility: routes of peers are not installed.').exactOptional(),
    replacePeerAs: flag('Accepted for compatibility; has no effect.').exactOptional(),
    adminDown: flag('Keeps the session down.').exactOptional(),
  })
  .describe('Who the peer is.')

const TimersSchema = z
  .object({
    config: z
      .object({
        connectRetry: secondsText('The wait between attempts to connect.').exactOptional(),
        holdTime: secondsText('The hold time that is offered: 0, or 3 and more.').exactOptional(),
        keepaliveInterval: secondsText('The time between KEEPALIVE messages.').exactOptional(),
        minimumAdvertisementInterval: secondsText('The least time between two UPDATEs for one prefix.').exactOptional(),
      })
      .describe('The timers that are configured.')
      .exactOptional(),
  })
  .describe('Timers of the session (RFC 4271 section 10).')

const TransportSchema = z
  .object({
    mtuDiscovery: flag('Whether path MTU discovery is used.').exactOptional(),
    passiveMode: flag('Waits for the peer to connect.').exactOptional(),
    remoteAddress: text(64, 'The address to connect to, when it differs from conf.neighborAddress.').exactOptional(),
    remotePort: int32(0, 'The TCP port of the peer. 0 is the default, 179.', 65_535).exactOptional(),
    tcpMss: int32(0, 'The TCP maximum segment size.', 65_535).exactOptional(),
  })
  .describe('The TCP connection.')

const AfiSafiSchema = z
  .object({
    mpGracefulRestart: z
      .object({
        config: z
          .object({ enabled: flag('Whether this family takes part in graceful restart.').exactOptional() })
          .describe('The setting.')
          .exactOptional(),
      })
      .describe('Graceful restart of this family.')
      .exactOptional(),
    config: z
      .object({
        family: z
          .object({
            afi: text(64, 'AFI_IP or AFI_IP6.').exactOptional(),
            safi: text(64, 'SAFI_UNICAST.').exactOptional(),
          })
          .describe('The family. The default follows from conf.neighborAddress.')
          .exactOptional(),
        enabled: flag('Whether the family is used.').exactOptional(),
      })
      .describe('Which family, and whether it is used.')
      .exactOptional(),
    addPaths: z
      .object({
        config: z
          .object({
            receive: flag('Whether several paths per prefix are accepted.').exactOptional(),
            sendMax: uint32('How many paths per prefix are sent at most.').exactOptional(),
          })
          .describe('The setting.')
          .exactOptional(),
      })
      .describe('Several paths per prefix (RFC 7911).')
      .exactOptional(),
  })
  .describe('One address family.')

const NodeSelectorSchema = z
  .object({
    matchLabels: z.record(z.string(), z.string()).describe('Labels that the node must carry.').exactOptional(),
    matchExpressions: z
      .array(
        z
          .object({
            key: text(317, 'The key of a label.'),
            operator: text(16, 'In, NotIn, Exists or DoesNotExist.'),
            values: z.array(text(63, 'A value.')).max(1024).describe('For In and NotIn.').exactOptional(),
          })
          .describe('A requirement.'),
      )
      .max(256)
      .describe('Requirements that the node must meet, all of them.')
      .exactOptional(),
  })
  .meta({ description: 'Which nodes hold the session. The default is all.', 'x-kubernetes-map-type': 'atomic' })

const BgpPeerSpecSchema = z
  .object({
    conf: ConfSchema.exactOptional(),
    ebgpMultihop: z
      .object({
        enabled: flag('Whether the peer may be more than one hop away.').exactOptional(),
        multihopTtl: int32(0, 'The TTL of packets to the peer.', 255).exactOptional(),
      })
      .describe('A peer that is not on the same link.')
      .exactOptional(),
    timers: TimersSchema.exactOptional(),
    transport: TransportSchema.exactOptional(),
    gracefulRestart: GracefulRestartSchema.exactOptional(),
    afiSafis: z.array(AfiSafiSchema).max(16).describe('The address families. The default is that of conf.neighborAddress.').exactOptional(),
    nodeSelector: NodeSelectorSchema.exactOptional(),
  })
  .describe('A BGP peer, and which nodes hold a session with it.')

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

const BgpPeerStatusSchema = z
  .object({
    nodesPeerStatus: z
      .record(
        z.string(),
        z
          .object({ peerState: PeerStateSchema.exactOptional(), timersState: TimersStateSchema.exactOptional() })
          .describe('The session of one node.'),
      )
      .describe('The session of each node, by the name of the node. Each speaker writes its own entry.')
      .exactOptional(),
  })
  .describe('What the speakers report.')

export type BgpPeerSpec = TypeOf<typeof BgpPeerSpecSchema>
export type BgpPeerStatus = TypeOf<typeof BgpPeerStatusSchema>
export type BgpPeerObject = ObjectOf<BgpPeerSpec, BgpPeerStatus>

export const BgpPeer = defineKind({
  group: GROUP,
  version: VERSION,
  deprecatedVersions: [
    {
      name: 'v1alpha1',
      warning: 'network.kubesphere.io/v1alpha1 BgpPeer is deprecated; use network.kubesphere.io/v1alpha2, where config is named conf.',
      legacySpec: {
        config: z
          .object({
            neighborAddress: text(64, 'Ignored: named conf.neighborAddress in v1alpha2.').exactOptional(),
            peerAs: uint32('Ignored: named conf.peerAs in v1alpha2.').exactOptional(),
          })
          .describe('Ignored: named conf in v1alpha2.')
          .exactOptional(),
        addPaths: z
          .object({ sendMax: uint32('Ignored: set per family in v1alpha2.').exactOptional() })
          .describe('Ignored: set per family in v1alpha2.')
          .exactOptional(),
        usingPortForward: flag('Ignored: gone in v1alpha2.').exactOptional(),
      },
    },
  ],
  kind: 'BgpPeer',
  plural: 'bgppeers',
  singular: 'bgppeer',
  scope: 'Cluster',
  description: 'A BGP peer of the nodes, such as a router.',
  spec: BgpPeerSpecSchema,
  status: BgpPeerStatusSchema,
})
