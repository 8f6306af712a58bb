import { type Ip, ipFromBytes, ipToBytes } from '../../../addr/ip.ts'
import { ok } from '../../../result.ts'
import { concat, readU16, u16 } from '../bytes.ts'
import type { FamilyContext, UpdateContext } from '../context.ts'
import { AFI, ATTRIBUTE, familyOf, SAFI_UNICAST } from '../iana.ts'
import { checkNlri, type Nlri } from '../nlri.ts'
import { malformed } from '../update-error.ts'
import { type AttributeCodec, wrongLength } from './attribute.ts'

/** Where packets go. `linkLocal` is the second address of RFC 2545 section 3; a link-local `address` stands alone on unnumbered links. */
export interface NextHop {
  readonly address: Ip
  readonly linkLocal: Ip | undefined
}

/** Prefixes and their next hop, of a family that was agreed on; of any other only its numbers. */
export type MpReach =
  | { readonly kind: 'routes'; readonly nextHop: NextHop; readonly nlri: Nlri }
  | { readonly kind: 'foreign'; readonly afi: number; readonly safi: number }

/** Whether it is of fe80::/10. RFC 4291 section 2.5.6. */
export const isLinkLocal = ({ family, value }: Ip): boolean => family === 'IPv6' && value >> 118n === 0b11_1111_1010n

/**
 * MP_REACH_NLRI: RFC 4760 section 3, RFC 2545 (one or two addresses of IPv6), RFC 8950 (IPv4 behind them), RFC 7606 sections 5.3 and
 * 7.11: what hides where the prefixes start or end resets the session. Shares memory with the message.
 */
export const mpReach: AttributeCodec<MpReach> = {
  code: ATTRIBUTE.mpReach,
  name: 'MP_REACH_NLRI',
  category: 'optional-non-transitive',
  onMalformed: 'session-reset',
  read(value, context) {
    if (value.length < 5) return wrongLength('MP_REACH_NLRI', value, 'at least 5')
    const [afi, safi, length] = [readU16(value, 0), value[2] ?? 0, value[3] ?? 0]
    const start = 4 + length + 1
    if (start > value.length) return malformed('length', `MP_REACH_NLRI has ${value.length} bytes and a next hop of ${length}`)
    const family = familyOf(afi, safi)
    const session = family && context.families[family]
    if (family === undefined || session === undefined) return ok({ kind: 'foreign', afi, safi })
    if (!lengthsOf(family, session).includes(length)) return malformed('length', `a next hop of ${length} bytes for ${family}`)
    const nlri = checkNlri(value.subarray(start), family, session.pathIds)
    return nlri.ok ? ok({ kind: 'routes', nextHop: readNextHop(value.subarray(4, start - 1)), nlri: nlri.value }) : nlri
  },
  write(reach, context) {
    if (reach.kind === 'foreign') return Uint8Array.of(...u16(reach.afi), reach.safi, 0, 0)
    const { nextHop, nlri } = reach
    return concat([mpReachHead(nextHop, nlri.family, context), nlri.bytes])
  },
}

const lengthsOf = (family: Ip['family'], { extendedNextHop }: FamilyContext): readonly number[] => {
  if (family === 'IPv6') return [16, 32]
  return extendedNextHop ? [4, 16, 32] : [4]
}

/** The second address counts when it is link-local: some send `::` or the first one again. */
function readNextHop(bytes: Uint8Array): NextHop {
  const address = ipFromBytes(bytes.subarray(0, bytes.length === 4 ? 4 : 16))
  const second = bytes.length === 32 ? ipFromBytes(bytes.subarray(16)) : undefined
  const linkLocal = second && isLinkLocal(second) ? second : undefined
  // BIRD has no global address to give on an unnumbered link, and writes :: before the one that counts.
  return linkLocal !== undefined && address.value === 0n ? { address: linkLocal, linkLocal: undefined } : { address, linkLocal }
}

/** What stands before the prefixes: AFI, SAFI, the next hop behind its length, a reserved byte. */
export function mpReachHead({ address, linkLocal }: NextHop, family: Ip['family'], { families }: UpdateContext): Uint8Array {
  const hop = concat([ipToBytes(address), linkLocal ? ipToBytes(linkLocal) : new Uint8Array(0)])
  const session = families[family]
  if (session === undefined || !lengthsOf(family, session).includes(hop.length))
    throw new RangeError(`a next hop of ${hop.length} bytes for ${family}`)
  return concat([Uint8Array.of(...u16(AFI[family]), SAFI_UNICAST, hop.length), hop, Uint8Array.of(0)])
}
