import { ok } from '../../../result.ts'
import { concat, u16 } from '../bytes.ts'
import { ATTRIBUTE } from '../iana.ts'
import { type AttributeCodec, isRecords, wrongLength } from './attribute.ts'

/** One extended community: 8 bytes, of which the first and mostly the second say what the rest means. RFC 4360 section 2. */
export type ExtendedCommunity = Uint8Array

const LENGTH = 8
/** Two-octet AS specific, not transitive; link bandwidth. */
const LINK_BANDWIDTH = [0x40, 0x04] as const

/** EXTENDED COMMUNITIES: RFC 4360, RFC 7606 section 7.14. What is read shares no memory with the message. */
export const extendedCommunities: AttributeCodec<readonly ExtendedCommunity[]> = {
  code: ATTRIBUTE.extendedCommunities,
  name: 'EXTENDED COMMUNITIES',
  category: 'optional-transitive',
  onMalformed: 'treat-as-withdraw',
  read(value) {
    if (!isRecords(value, LENGTH)) return wrongLength('EXTENDED COMMUNITIES', value, 'a multiple of 8')
    return ok(Array.from({ length: value.length / LENGTH }, (_, index) => value.slice(index * LENGTH, (index + 1) * LENGTH)))
  },
  write(values) {
    if (values.some((value) => value.length !== LENGTH)) throw new RangeError('an extended community has 8 bytes')
    return concat(values)
  },
}

/**
 * How much traffic the path takes beside its neighbours of equal cost, in bytes a second: what routers that share by weight go by.
 * draft-ietf-idr-link-bandwidth section 2. `as` has two bytes; AS_TRANS stands for a longer one.
 */
export function linkBandwidth(as: number, bytesPerSecond: number): ExtendedCommunity {
  const bytes = Uint8Array.of(...LINK_BANDWIDTH, ...u16(as), 0, 0, 0, 0)
  new DataView(bytes.buffer).setFloat32(4, bytesPerSecond)
  return bytes
}
