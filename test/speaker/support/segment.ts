import { ipToBytes } from '../../../src/addr/ip.ts'
import { internetChecksum } from '../../../src/wire/checksum.ts'
import { ipOf } from './objects.ts'

/** TCP flags. RFC 9293 section 3.1. */
export const FLAG = { syn: 0x02, rst: 0x04, ack: 0x10 } as const

export interface Segment {
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  readonly ttl: number
  readonly flags: number
  readonly sequence: number
}

/** An IPv4 packet with a segment that carries nothing, for a raw socket: the kernel fills in the header's checksum. */
export function serializeSegment({ source, sourcePort, destination, destinationPort, ttl, flags, sequence }: Segment): Uint8Array {
  const [from, to] = [ipToBytes(ipOf(source)), ipToBytes(ipOf(destination))]
  const packet = new Uint8Array(40)
  const view = new DataView(packet.buffer)
  packet.set([0x45, 0, 0, 40, 0, 0, 0, 0, ttl, 6, 0, 0, ...from, ...to])
  view.setUint16(20, sourcePort)
  view.setUint16(22, destinationPort)
  view.setUint32(24, sequence)
  packet.set([0x50, flags, 0x10, 0], 32)
  view.setUint16(36, internetChecksum(Uint8Array.of(...from, ...to, 0, 6, 0, 20, ...packet.subarray(20))))
  return packet
}
