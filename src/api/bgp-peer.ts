import { z } from 'zod'
import { type BgpPeerSpec, BgpPeerSpecSchema } from './bgp-peer-spec.ts'
import { type BgpPeerStatus, BgpPeerStatusSchema } from './bgp-peer-status.ts'
import { defineKind, type ObjectOf } from './define-kind.ts'
import { flag, text, uint32 } from './fields.ts'
import { GROUP, VERSION } from './group.ts'

export type { BgpPeerSpec } from './bgp-peer-spec.ts'
export type { BgpPeerStatus } from './bgp-peer-status.ts'
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
