import { ok } from '../../../result.ts'
import { ATTRIBUTE } from '../iana.ts'
import { type AsPath, isConfederation, readSegments, writeSegments } from './as-path.ts'
import type { AttributeCodec } from './attribute.ts'

/**
 * AS4_PATH, the path with numbers of four bytes past routers that know two: RFC 6793 section 3. A malformed one is discarded (section 6),
 * as are segments of confederations, which must not be in it.
 */
export const as4Path: AttributeCodec<AsPath> = {
  code: ATTRIBUTE.as4Path,
  name: 'AS4_PATH',
  category: 'optional-transitive',
  onMalformed: 'attribute-discard',
  read(value) {
    const path = readSegments('AS4_PATH', value, 4)
    return path.ok ? ok(path.value.filter((segment) => !isConfederation(segment))) : path
  },
  write: (path) => writeSegments(path, 4),
}
