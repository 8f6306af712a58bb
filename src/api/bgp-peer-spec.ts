/** The spec of a BgpPeer. OpenELB's fields keep their names and what they let in; those that it does not have are marked by their comment. */
import { z } from 'zod'
import { BfdSchema } from './bgp-bfd.ts'
import { GracefulRestartSchema } from './bgp-restart.ts'
import type { TypeOf } from './define-kind.ts'
import { flag, int32, text, uint32 } from './fields.ts'

/** Seconds as text. The pattern allows the empty text, which is the default, because OpenELB's Go type does. */
const secondsText = (description: string) =>
  z
    .string()
    .max(20)
    .regex(/^[0-9]*$/)
    .describe(`${description} Seconds, as text such as "90".`)

/** Two fields that say the same; each of OpenELB's alone stays as lax as it was, so the rule needs one of ours. */
const CONF_RULES = [
  {
    rule: '!has(self.dynamicAs) || !has(self.peerAs) || self.peerAs == 0',
    message: 'peerAs and dynamicAs exclude each other: write the number, or external or internal',
  },
  {
    rule: '!has(self.authPasswordSecretKey) || !has(self.authPassword) || self.authPassword == "" || self.authPasswordSecretKey == ""',
    message: 'authPassword and authPasswordSecretKey exclude each other: a password is written in one place',
  },
]

const ConfSchema = z
  .object({
    neighborAddress: text(64, 'The address of the peer.').exactOptional(),
    neighborInterface: text(
      64,
      'The interface to an unnumbered peer, instead of neighborAddress: the one router behind it, found by its router advertisements.',
    ).exactOptional(),
    peerAs: uint32('The autonomous system of the peer.').exactOptional(),
    dynamicAs: z
      .enum(['external', 'internal'])
      .describe('Instead of peerAs: external takes a peer of any other autonomous system than ours, internal one of ours.')
      .exactOptional(),
    localAs: uint32('The autonomous system that this peer is told, instead of that of BgpConf. 0 is the default.').exactOptional(),
    authPassword: text(
      256,
      'The password of TCP MD5 signatures (RFC 2385), at most 80 bytes. Better: authPasswordSecretKey.',
    ).exactOptional(),
    authPasswordSecretKey: text(
      253,
      'The key of the Secret openelb-bgp, in the namespace of OpenELB, that has the password of TCP MD5 signatures. A new password does not end the session.',
    ).exactOptional(),
    role: z
      .enum(['provider', 'route-server', 'route-server-client', 'customer', 'peer'])
      .describe(
        'What the nodes are to the peer (RFC 9234). A peer that says something that does not fit is refused. The default says nothing.',
      )
      .exactOptional(),
    description: text(1024, 'Text for people.').exactOptional(),
    peerGroup: text(253, 'Accepted for compatibility; has no effect.').exactOptional(),
    peerType: int32(0, 'Accepted for compatibility: the type follows from the autonomous systems.').exactOptional(),
    removePrivateAs: text(64, 'Accepted for compatibility; our own routes carry no private AS of others.').exactOptional(),
    routeFlapDamping: flag('Accepted for compatibility; has no effect: routes of peers are not installed.').exactOptional(),
    sendCommunity: uint32('Accepted for compatibility: communities are always sent.').exactOptional(),
    vrf: text(253, 'The VRF device of the node through which the peer is reached. Empty is the default: none.').exactOptional(),
    allowOwnAs: uint32('Accepted for compatibility: routes of peers are not installed.').exactOptional(),
    replacePeerAs: flag('Accepted for compatibility; has no effect: our routes have passed through no AS of a peer.').exactOptional(),
    adminDown: flag('Keeps the session down.').exactOptional(),
  })
  .meta({ description: 'Who the peer is.', 'x-kubernetes-validations': CONF_RULES })

const TimersSchema = z
  .object({
    config: z
      .object({
        connectRetry: secondsText('The wait between attempts to connect; the default is 5.').exactOptional(),
        holdTime: secondsText('The hold time that is offered: 0, or 3 and more; the default is 90.').exactOptional(),
        keepaliveInterval: secondsText(
          'The time between KEEPALIVE messages; the default is a third of the hold time that both sides use.',
        ).exactOptional(),
        minimumAdvertisementInterval: secondsText('The least time between two UPDATEs for one prefix; the default is 0.').exactOptional(),
      })
      .describe('The timers that are configured. An empty text is the default.')
      .exactOptional(),
  })
  .describe('Timers of the session (RFC 4271 section 10).')

const TransportSchema = z
  .object({
    mtuDiscovery: flag('Accepted for compatibility: the kernel discovers the path MTU.').exactOptional(),
    passiveMode: flag('Waits for the peer to connect.').exactOptional(),
    remoteAddress: text(64, 'Accepted for compatibility; has no effect: the peer is conf.neighborAddress.').exactOptional(),
    remotePort: int32(0, 'The TCP port of the peer. 0 is the default, 179.', 65_535).exactOptional(),
    tcpMss: int32(0, 'The TCP maximum segment size. 0 is the default: that of the kernel.', 65_535).exactOptional(),
    localAddress: text(64, 'The address of the node that the session uses. The default is the choice of the kernel.').exactOptional(),
    bindInterface: text(15, 'The interface of the node that the session uses. The default follows the routes.').exactOptional(),
  })
  .describe('The TCP connection.')

const AfiSafiSchema = z
  .object({
    mpGracefulRestart: z
      .object({
        config: z
          .object({ enabled: flag('Whether this family takes part in graceful restart; the default is true.').exactOptional() })
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
        enabled: flag('Whether the family is used; the default is true.').exactOptional(),
      })
      .describe('Which family, and whether it is used.')
      .exactOptional(),
    addPaths: z
      .object({
        config: z
          .object({
            receive: flag('Accepted for compatibility: routes of peers are not installed.').exactOptional(),
            sendMax: uint32('How many paths per prefix are sent at most; 0, the default, is one, without ADD-PATH.').exactOptional(),
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

const TtlSecuritySchema = z
  .object({
    enabled: flag('Whether packets of the peer must have a high TTL. The peer must send 255, so both sides are set.').exactOptional(),
    ttlMin: int32(1, 'The lowest TTL that counts: 255, the default, for a neighbour; 254 for one hop more.', 255).exactOptional(),
  })
  .describe('Nobody farther away than the peer can disturb the session (GTSM, RFC 5082). Not together with ebgpMultihop.')

/** Spec of a BgpPeer; nothing is required, as in OpenELB, and the admission webhook says what is missing. */
export const BgpPeerSpecSchema = z
  .object({
    conf: ConfSchema.exactOptional(),
    ebgpMultihop: z
      .object({
        enabled: flag('Whether the peer may be more than one hop away.').exactOptional(),
        multihopTtl: int32(0, 'The TTL of packets to the peer. 0 is the default, 255.', 255).exactOptional(),
      })
      .describe('An external peer that is not on the same link.')
      .exactOptional(),
    ttlSecurity: TtlSecuritySchema.exactOptional(),
    timers: TimersSchema.exactOptional(),
    transport: TransportSchema.exactOptional(),
    gracefulRestart: GracefulRestartSchema.exactOptional(),
    afiSafis: z
      .array(AfiSafiSchema)
      .max(16)
      .describe('The address families. The default is those of BgpConf, and both without any there.')
      .exactOptional(),
    nextHop: z
      .enum(['auto', 'self', 'nodes'])
      .describe(
        'Whom the peer is told as next hop: self is this node alone; nodes is every node that takes the traffic, a path each, as OpenELB does; auto, the default, is nodes where the peer takes several paths per prefix (addPaths), and self otherwise.',
      )
      .exactOptional(),
    bfd: BfdSchema.exactOptional(),
    nodeSelector: NodeSelectorSchema.exactOptional(),
  })
  .describe('A BGP peer, and which nodes hold a session with it.')

export type BgpPeerSpec = TypeOf<typeof BgpPeerSpecSchema>
