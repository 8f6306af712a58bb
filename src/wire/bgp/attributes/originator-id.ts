import { ATTRIBUTE } from '../iana.ts'
import { type AttributeCodec, readNumber, writeNumber } from './attribute.ts'

/** ORIGINATOR_ID, the router id by which a reflected route came in: RFC 4456 section 8, RFC 7606 section 7.9. */
export const originatorId: AttributeCodec<number> = {
  code: ATTRIBUTE.originatorId,
  name: 'ORIGINATOR_ID',
  category: 'optional-non-transitive',
  onMalformed: 'treat-as-withdraw',
  internalOnly: true,
  read: (value) => readNumber('ORIGINATOR_ID', value),
  write: writeNumber,
}
