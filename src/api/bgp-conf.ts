import { z } from 'zod'
import { GracefulRestartSchema } from './bgp-restart.ts'
import { defineKind, type ObjectOf, type TypeOf } from './define-kind.ts'
import { flag, int32, text, uint32 } from './fields.ts'
import { GROUP, VERSION } from './group.ts'

/** Only the BgpConf of this name is honoured. */
export const BGP_CONF_NAME = 'default'

const BgpConfSpecSchema = z
  .object({
    as: uint32('The autonomous system of the nodes.').exactOptional(),
    asPerRack: z
      .record(z.string(), uint32('The autonomous system of the rack.'))
      .describe('The autonomous system per rack: the value of the node label openelb.kubesphere.io/rack to the number.')
      .exactOptional(),
    routerId: text(
      64,
      'The BGP identifier of all nodes, written as an IPv4 address. The default, and with asPerRack always, is the IPv4 address of the node.',
    ).exactOptional(),
    listenPort: int32(
      -1,
      'The TCP port to listen on. 0 is the default: 179, and 17900 on a node where somebody else, such as Calico, has that one; -1 is no listener.',
      65_535,
    ).exactOptional(),
    listenAddresses: z
      .array(text(64, 'An address of the node.'))
      .max(64)
      .describe('The addresses to listen on. The default is all.')
      .exactOptional(),
    families: z
      .array(uint32('A family number of GoBGP: 65537 is IPv4 unicast, 131073 is IPv6 unicast.'))
      .max(64)
      .describe('The families of BgpPeers without afiSafis. The default is both.')
      .exactOptional(),
    useMultiplePaths: flag('Accepted for compatibility; has no effect: routes of peers are not installed.').exactOptional(),
    gracefulRestart: GracefulRestartSchema.exactOptional(),
    policy: text(
      253,
      'The name of a ConfigMap, in the namespace of OpenELB, whose key gobgp.conf has routing policies as of GoBGP (see docs/bgp-policy.md).',
    ).exactOptional(),
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
          listenPort: int32(0, 'The TCP port that the node listens on. Absent without a listener.', 65_535).exactOptional(),
          problems: z
            .array(
              z.object({
                code: text(64, 'A word for programs.'),
                message: text(1024, 'What is wrong, with the field or the line of the policy.'),
                cure: text(1024, 'What to do.'),
              }),
            )
            .max(32)
            .meta({ description: 'Settings that the node cannot follow.', 'x-kubernetes-list-type': 'atomic' })
            .exactOptional(),
        }),
      )
      .describe('What each node uses, by the name of the node. Each speaker writes its own entry.')
      .exactOptional(),
  })
  .describe('What the speakers report.')

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
