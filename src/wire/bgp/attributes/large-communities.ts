import { ok } from '../../../result.ts'
import { concat, readU32, writeWords } from '../bytes.ts'
import { ATTRIBUTE } from '../iana.ts'
import { type AttributeCodec, isRecords, wrongLength } from './attribute.ts'

/** `GLOBAL:LOCAL1:LOCAL2`, each of 32 bits; the first is an AS. */
export interface LargeCommunity {
  readonly global: number
  readonly local1: number
  readonly local2: number
}

const LENGTH = 12

/** LARGE_COMMUNITY: RFC 8092 sections 3 to 6. One that is there more than once counts once (section 5). */
export const largeCommunities: AttributeCodec<readonly LargeCommunity[]> = {
  code: ATTRIBUTE.largeCommunities,
  name: 'LARGE_COMMUNITY',
  category: 'optional-transitive',
  onMalformed: 'treat-as-withdraw',
  read(value) {
    if (!isRecords(value, LENGTH)) return wrongLength('LARGE_COMMUNITY', value, 'a multiple of 12')
    const unique = new Map<string, LargeCommunity>()
    for (let at = 0; at < value.length; at += LENGTH) {
      const [global, local1, local2] = [readU32(value, at), readU32(value, at + 4), readU32(value, at + 8)]
      unique.set(`${global}:${local1}:${local2}`, { global, local1, local2 })
    }
    return ok([...unique.values()])
  },
  write: (values) => concat(values.map(({ global, local1, local2 }) => writeWords([global, local1, local2]))),
}
