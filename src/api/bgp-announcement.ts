/** How the addresses of an Eip are announced by BGP. OpenELB has none of this; names and defaults are those of MetalLB's BGPAdvertisement. */
import { z } from 'zod'
import type { TypeOf } from './define-kind.ts'
import { int32, text, uint32 } from './fields.ts'

/** So many communities fit a message with room for the rest. */
const COMMUNITIES_MAX = 64
const PEERS_MAX = 64

export const EipBgpSchema = z
  .object({
    aggregationLength: int32(
      1,
      'IPv4 addresses are announced as a prefix of this length; the default is 32, one route per address.',
      32,
    ).exactOptional(),
    aggregationLengthV6: int32(1, 'The same for IPv6; the default is 128.', 128).exactOptional(),
    localPref: uint32('LOCAL_PREF, which only internal peers are told; higher is preferred. The default is 100.').exactOptional(),
    med: uint32('MULTI_EXIT_DISC; lower is preferred. The default is none.').exactOptional(),
    communities: z
      .array(text(64, '65000:1, large:65000:1:2, rt:65000:1, ro:65000:1, or a name such as no-export.'))
      .max(COMMUNITIES_MAX)
      .meta({ description: 'Communities that the routes carry.', 'x-kubernetes-list-type': 'atomic' })
      .exactOptional(),
    peers: z
      .array(text(253, 'The name of a BgpPeer.'))
      .max(PEERS_MAX)
      .meta({ description: 'The BgpPeers that are told. The default is all.', 'x-kubernetes-list-type': 'atomic' })
      .exactOptional(),
  })
  .describe('How the addresses are announced with spec.protocol bgp.')

export type EipBgp = TypeOf<typeof EipBgpSchema>
