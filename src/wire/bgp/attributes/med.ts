import { ATTRIBUTE } from '../iana.ts'
import { type AttributeCodec, readNumber, writeNumber } from './attribute.ts'

/** MULTI_EXIT_DISC, which of several links to this AS is liked best (the lowest): RFC 4271 section 5.1.4, RFC 7606 section 7.4. */
export const med: AttributeCodec<number> = {
  code: ATTRIBUTE.med,
  name: 'MULTI_EXIT_DISC',
  category: 'optional-non-transitive',
  onMalformed: 'treat-as-withdraw',
  read: (value) => readNumber('MULTI_EXIT_DISC', value),
  write: writeNumber,
}
