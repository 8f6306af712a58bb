import { ATTRIBUTE } from '../iana.ts'
import { type AttributeCodec, readNumber, writeNumber } from './attribute.ts'

/** Only to Customer, the AS from which on the route goes downwards only: RFC 9234 section 5. */
export const onlyToCustomer: AttributeCodec<number> = {
  code: ATTRIBUTE.onlyToCustomer,
  name: 'OTC',
  category: 'optional-transitive',
  onMalformed: 'treat-as-withdraw',
  read: (value) => readNumber('OTC', value),
  write: writeNumber,
}
