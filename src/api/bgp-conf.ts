import { z } from 'zod'
import { defineKind, type ObjectOf, type TypeOf } from './define-kind.ts'
import { flag, int32, text, uint32 } from './fields.ts'
import { GROUP, VERSION } from './group.ts'

/** Only the BgpConf of this name is honoured. */
export const BGP_CONF_NAME = 'default'

/** Graceful restart of BgpConf and BgpPeer; field names are those of OpenELB. Source of the terms: RFC 4724, RFC 9494. */
export const GracefulRestartSchema = z
  .object({
    enabled: flag('Whether graceful restart is offered to peers.').exactOptional(),
    restartTime: uint32('Seconds that peers keep our routes while we restart; at most 4095 fit the protocol.').exactOptional(),
    helperOnly: flag('Keep the routes of restarting peers, but do not ask them to keep ours.').exactOptional(),
    deferralTime: uint32('Seconds to wait after a restart before routes are chosen.').exactOptional(),
    notificationEnabled: flag('Whether a session that ends by NOTIFICATION restarts gracefully too (RFC 8538).').exactOptional(),
    longlivedEnabled: flag('Whether long-lived graceful restart is offered (RFC 9494).').exactOptional(),
    staleRoutesTime: uint32('Seconds after which stale routes of a peer are dropped.').exactOptional(),
    peerRestartTime: uint32('The restart time that the peer announced. State; has no effect in a spec.').exactOptional(),
    peerRestarting: flag('Whether the peer is restarting. State; has no effect in a spec.').exactOptional(),
    localRestarting: flag('Whether this side is restarting. State; has no effect in a spec.').exactOptional(),
    mode: text(64, 'State; has no effect in a spec.').exactOptional(),
  })
  .describe('Graceful restart: peers keep our routes while a session is down.')

const BgpConfSpecSchema = z
  .object({
    as: uint32('The autonomous system of the nodes.').exactOptional(),
    asPerRack: z
      .record(z.string(), uint32('The autonomous system of the rack.'))
      .describe('The autonomous system per rack: the value of the node label openelb.kubesphere.io/rack to the number.')
      .exactOptional(),
    routerId: text(64, 'The BGP identifier, written as an IPv4 address. The default is the address of the node.').exactOptional(),
    listenPort: int32(-1, 'The TCP port to listen on. 0 is the default, 179; -1 is no listener.', 65_535).exactOptional(),
    listenAddresses: z
      .array(text(64, 'An address of the node.'))
      .max(64)
      .describe('The addresses to listen on. The default is all.')
      .exactOptional(),
    families: z
      .array(uint32('A family number of GoBGP.'))
      .max(64)
      .describe('Accepted for compatibility: families are set per BgpPeer in afiSafis.')
      .exactOptional(),
    useMultiplePaths: flag('Whether several paths to one prefix are used.').exactOptional(),
    gracefulRestart: GracefulRestartSchema.exactOptional(),
    policy: text(253, 'The name of a ConfigMap with routing policies, in the namespace of OpenELB.').exactOptional(),
  })
  .describe('The BGP settings of all nodes.')

const BgpConfStatusSchema = z
  .object({
    nodesConfStatus: z
      .record(
        z.string(),
        z.object({
          routerId: text(64, 'The BGP identifier that the node uses.').exactOptional(),
          as: uint32('The autonomous system that the node uses.').exactOptional(),
        }),
      )
      .describe('What each node uses, by the name of the node. Each speaker writes its own entry.')
      .exactOptional(),
  })
  .describe('What the speakers report.')

export type GracefulRestart = TypeOf<typeof GracefulRestartSchema>
export type BgpConfSpec = TypeOf<typeof BgpConfSpecSchema>
export type BgpConfStatus = TypeOf<typeof BgpConfStatusSchema>
export type BgpConfObject = ObjectOf<BgpConfSpec, BgpConfStatus>

export const BgpConf = defineKind({
  group: GROUP,
  version: VERSION,
  deprecatedVersions: [
    {
      name: 'v1alpha1',
      warning:
        'network.kubesphere.io/v1alpha1 BgpConf is deprecated; use network.kubesphere.io/v1alpha2, where port is named listenPort and routerID is named routerId.',
      legacySpec: {
        port: int32(0, 'Ignored: named listenPort in v1alpha2.', 65_535).exactOptional(),
        routerID: text(64, 'Ignored: named routerId in v1alpha2.').exactOptional(),
      },
    },
  ],
  kind: 'BgpConf',
  plural: 'bgpconfs',
  singular: 'bgpconf',
  scope: 'Cluster',
  description: 'The BGP settings of the cluster. Only the object named default is honoured.',
  spec: BgpConfSpecSchema,
  status: BgpConfStatusSchema,
})
