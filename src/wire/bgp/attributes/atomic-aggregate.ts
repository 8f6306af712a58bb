import { ok } from '../../../result.ts'
import { ATTRIBUTE } from '../iana.ts'
import { type AttributeCodec, wrongLength } from './attribute.ts'

/** ATOMIC_AGGREGATE, which says something by being there: RFC 4271 section 5.1.6, RFC 7606 section 7.6. */
export const atomicAggregate: AttributeCodec<true> = {
  code: ATTRIBUTE.atomicAggregate,
  name: 'ATOMIC_AGGREGATE',
  category: 'well-known',
  onMalformed: 'attribute-discard',
  read: (value) => (value.length === 0 ? ok(true) : wrongLength('ATOMIC_AGGREGATE', value, '0')),
  write: () => new Uint8Array(0),
}
