import { ok, type Result } from '../../../result.ts'
import { readU16, readU32, u16, u32 } from '../bytes.ts'
import { AS_TRANS, ATTRIBUTE } from '../iana.ts'
import { type Malformed, malformed } from '../update-error.ts'
import { type AttributeCodec, wrongLength } from './attribute.ts'

/** Who made one route of several: its AS, and its router id as a number of 32 bits. */
export interface Aggregator {
  readonly as: number
  readonly routerId: number
}

/** Reads an aggregator whose AS has `width` bytes. RFC 7607: AS 0 is malformed. */
export function readAggregator(name: string, value: Uint8Array, width: 2 | 4): Result<Aggregator, Malformed> {
  if (value.length !== width + 4) return wrongLength(name, value, `${width + 4}`)
  const as = width === 4 ? readU32(value, 0) : readU16(value, 0)
  return as === 0 ? malformed('as-zero', `${name} has AS 0`) : ok({ as, routerId: readU32(value, width) })
}

/** The inverse of readAggregator; a number that two bytes cannot hold becomes AS_TRANS. */
export const writeAggregator = ({ as, routerId }: Aggregator, width: 2 | 4): Uint8Array =>
  Uint8Array.of(...(width === 4 ? u32(as) : u16(as > 0xffff ? AS_TRANS : as)), ...u32(routerId))

/** AGGREGATOR: RFC 4271 section 5.1.7, RFC 6793 section 4.1, RFC 7606 section 7.7. */
export const aggregator: AttributeCodec<Aggregator> = {
  code: ATTRIBUTE.aggregator,
  name: 'AGGREGATOR',
  category: 'optional-transitive',
  onMalformed: 'attribute-discard',
  read: (value, { fourOctetAs }) => readAggregator('AGGREGATOR', value, fourOctetAs ? 4 : 2),
  write: (value, { fourOctetAs }) => writeAggregator(value, fourOctetAs ? 4 : 2),
}
