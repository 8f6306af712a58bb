import { type Ip, ipFromBytes, ipToBytes } from '../../../addr/ip.ts'
import { ok } from '../../../result.ts'
import { ATTRIBUTE } from '../iana.ts'
import { malformed } from '../update-error.ts'
import { type AttributeCodec, wrongLength } from './attribute.ts'

/** Whether packets could ever be sent to it: no group, not this host, not "any". RFC 4271 section 6.3. */
export function isHost({ family, value }: Ip): boolean {
  if (family === 'IPv6') return value > 1n && value >> 120n !== 0xffn
  const first = value >> 24n
  return first !== 0n && first !== 127n && first < 224n
}

/** NEXT_HOP, an IPv4 address: RFC 4271 section 5.1.3, RFC 7606 section 7.3. */
export const nextHop: AttributeCodec<Ip> = {
  code: ATTRIBUTE.nextHop,
  name: 'NEXT_HOP',
  category: 'well-known',
  onMalformed: 'treat-as-withdraw',
  read(value) {
    if (value.length !== 4) return wrongLength('NEXT_HOP', value, '4')
    const ip = ipFromBytes(value)
    return isHost(ip) ? ok(ip) : malformed('value', 'NEXT_HOP is no address of a host')
  },
  write(ip) {
    if (ip.family !== 'IPv4') throw new RangeError('NEXT_HOP is an IPv4 address')
    return ipToBytes(ip)
  },
}
