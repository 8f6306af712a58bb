import { ok, type Result } from '../../../result.ts'
import { readU16, readU32, u16, u32 } from '../bytes.ts'
import { AS_TRANS, ATTRIBUTE } from '../iana.ts'
import { type Malformed, malformed } from '../update-error.ts'
import type { AttributeCodec } from './attribute.ts'

const SEGMENT_TYPES = { set: 1, sequence: 2, 'confed-sequence': 3, 'confed-set': 4 } as const
const SEGMENT_KINDS = [undefined, 'set', 'sequence', 'confed-sequence', 'confed-set'] as const
/** A segment counts its numbers in one byte. */
const SEGMENT_MAX = 255

/** AS numbers of a path, the nearest first; a set has no order. */
export interface AsSegment {
  readonly kind: keyof typeof SEGMENT_TYPES
  readonly ases: readonly number[]
}

/** A path; without segments it is that of a route of the sender's own AS. */
export type AsPath = readonly AsSegment[]

/** Whether a segment is of a confederation (RFC 5065), which has no meaning outside of it. */
export const isConfederation = ({ kind }: AsSegment): boolean => kind === 'confed-sequence' || kind === 'confed-set'

/** Reads segments of numbers of `width` bytes. RFC 7606 section 7.2: unknown type, overrun, underrun, a segment without numbers; RFC 7607. */
export function readSegments(name: string, value: Uint8Array, width: 2 | 4): Result<AsPath, Malformed> {
  const read = width === 4 ? readU32 : readU16
  const segments: AsSegment[] = []
  for (let at = 0; at < value.length; ) {
    const kind = SEGMENT_KINDS[value[at] ?? 0]
    if (kind === undefined) return malformed('value', `${name} has a segment of type ${value[at]}`)
    if (at + 1 >= value.length) return malformed('length', `${name} ends within a segment's head`)
    const count = value[at + 1] ?? 0
    if (count === 0) return malformed('value', `${name} has a segment without numbers`)
    const end = at + 2 + count * width
    if (end > value.length) return malformed('length', `${name} has a segment that ends behind it`)
    const ases: number[] = []
    for (let position = at + 2; position < end; position += width) ases.push(read(value, position))
    if (ases.includes(0)) return malformed('as-zero', `${name} has AS 0`)
    segments.push({ kind, ases })
    at = end
  }
  return ok(segments)
}

/** The inverse of readSegments; numbers that two bytes cannot hold become AS_TRANS. A sequence of more than 255 becomes several. */
export function writeSegments(path: AsPath, width: 2 | 4): Uint8Array {
  const bytes: number[] = []
  for (const { kind, ases } of path) {
    const isSet = kind === 'set' || kind === 'confed-set'
    if (ases.length === 0 || (isSet && ases.length > SEGMENT_MAX)) throw new RangeError(`a ${kind} of ${ases.length}`)
    for (let from = 0; from < ases.length; from += SEGMENT_MAX) {
      const part = ases.slice(from, from + SEGMENT_MAX)
      bytes.push(SEGMENT_TYPES[kind], part.length)
      for (const as of part) bytes.push(...(width === 4 ? u32(as) : u16(as > 0xffff ? AS_TRANS : as)))
    }
  }
  return Uint8Array.from(bytes)
}

/** AS_PATH: RFC 4271 section 5.1.2, RFC 6793 section 4.1. A confederation's segment from outside is malformed: RFC 5065 section 5. */
export const asPath: AttributeCodec<AsPath> = {
  code: ATTRIBUTE.asPath,
  name: 'AS_PATH',
  category: 'well-known',
  onMalformed: 'treat-as-withdraw',
  read(value, { fourOctetAs, peering }) {
    const path = readSegments('AS_PATH', value, fourOctetAs ? 4 : 2)
    if (path.ok && peering === 'external' && path.value.some(isConfederation)) {
      return malformed('value', "AS_PATH has a confederation's segment")
    }
    return path
  },
  write: (path, { fourOctetAs }) => writeSegments(path, fourOctetAs ? 4 : 2),
}
