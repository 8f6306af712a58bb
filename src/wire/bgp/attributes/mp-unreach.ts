import { ok } from '../../../result.ts'
import { concat, readU16, u16 } from '../bytes.ts'
import { AFI, ATTRIBUTE, familyOf, SAFI_UNICAST } from '../iana.ts'
import { checkNlri, type Nlri } from '../nlri.ts'
import { type AttributeCodec, wrongLength } from './attribute.ts'

/** Prefixes of a family that was agreed on; of any other only its numbers. */
export type MpUnreach =
  | { readonly kind: 'routes'; readonly nlri: Nlri }
  | { readonly kind: 'foreign'; readonly afi: number; readonly safi: number }

/** MP_UNREACH_NLRI, prefixes that are withdrawn: RFC 4760 section 4, RFC 7606 sections 5.3 and 7.12. Shares memory with the message. */
export const mpUnreach: AttributeCodec<MpUnreach> = {
  code: ATTRIBUTE.mpUnreach,
  name: 'MP_UNREACH_NLRI',
  category: 'optional-non-transitive',
  onMalformed: 'session-reset',
  read(value, { families }) {
    if (value.length < 3) return wrongLength('MP_UNREACH_NLRI', value, 'at least 3')
    const [afi, safi] = [readU16(value, 0), value[2] ?? 0]
    const family = familyOf(afi, safi)
    const session = family && families[family]
    if (family === undefined || session === undefined) return ok({ kind: 'foreign', afi, safi })
    const nlri = checkNlri(value.subarray(3), family, session.pathIds)
    return nlri.ok ? ok({ kind: 'routes', nlri: nlri.value }) : nlri
  },
  write(unreach) {
    if (unreach.kind === 'foreign') return Uint8Array.of(...u16(unreach.afi), unreach.safi)
    return concat([Uint8Array.of(...u16(AFI[unreach.nlri.family]), SAFI_UNICAST), unreach.nlri.bytes])
  },
}
