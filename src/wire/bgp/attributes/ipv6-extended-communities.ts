import { ok } from '../../../result.ts'
import { concat } from '../bytes.ts'
import { ATTRIBUTE } from '../iana.ts'
import { type AttributeCodec, isRecords, wrongLength } from './attribute.ts'

const LENGTH = 20

/** IPv6 Address Specific EXTENDED COMMUNITIES, each of 20 bytes: RFC 5701, RFC 7606 section 7.15. Shares no memory with the message. */
export const ipv6ExtendedCommunities: AttributeCodec<readonly Uint8Array[]> = {
  code: ATTRIBUTE.ipv6ExtendedCommunities,
  name: 'IPv6 EXTENDED COMMUNITIES',
  category: 'optional-transitive',
  onMalformed: 'treat-as-withdraw',
  read(value) {
    if (!isRecords(value, LENGTH)) return wrongLength('IPv6 EXTENDED COMMUNITIES', value, 'a multiple of 20')
    return ok(Array.from({ length: value.length / LENGTH }, (_, index) => value.slice(index * LENGTH, (index + 1) * LENGTH)))
  },
  write(values) {
    if (values.some((value) => value.length !== LENGTH)) throw new RangeError('an IPv6 extended community has 20 bytes')
    return concat(values)
  },
}
