/** BFD of a BgpPeer (RFC 5880); names, ranges and defaults are those of MetalLB's BFDProfile. OpenELB has none. */
import { z } from 'zod'
import { flag, int32, someText } from './fields.ts'

const LEAST_INTERVAL_MS = 10
const MOST_INTERVAL_MS = 60_000
const interval = (description: string) => int32(LEAST_INTERVAL_MS, description, MOST_INTERVAL_MS)

export const BfdSchema = z
  .object({
    enabled: flag('Whether BFD watches the peer. The default is true where this block is given.').exactOptional(),
    receiveInterval: interval('The least time between two packets of the peer, in milliseconds; the default is 300.').exactOptional(),
    transmitInterval: interval('The time between two packets to the peer, in milliseconds; the default is 300.').exactOptional(),
    detectMultiplier: int32(2, 'How many packets in a row may be missed; the default is 3.', 255).exactOptional(),
    passiveMode: flag('Waits for the first packet of the peer. The default is false.').exactOptional(),
    minimumTtl: int32(
      1,
      'For a peer that is not on the same link: packets with a lower TTL do not count; the default is 254. A peer on the same link must always have 255.',
      254,
    ).exactOptional(),
    authentication: z
      .object({
        type: z
          .enum(['keyed-sha1', 'meticulous-keyed-sha1'])
          .describe('How packets are signed (RFC 5880 section 6.7.4): meticulous changes the sequence number with every packet.'),
        keyId: int32(0, 'The number of the key, the same on both sides.', 255),
        secretKey: someText(
          253,
          'The key of the Secret openelb-bgp, in the namespace of OpenELB, that has the text of the key: 1 to 20 bytes.',
        ),
      })
      .describe('Packets are signed, and those that are not do not count.')
      .exactOptional(),
  })
  .describe('Bidirectional Forwarding Detection: the session ends as soon as the peer is silent for detectMultiplier packets.')
