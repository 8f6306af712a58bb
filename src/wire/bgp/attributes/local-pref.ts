import { ATTRIBUTE } from '../iana.ts'
import { type AttributeCodec, readNumber, writeNumber } from './attribute.ts'

/** LOCAL_PREF, which route this AS likes best (the highest): RFC 4271 section 5.1.5, RFC 7606 section 7.5. */
export const localPref: AttributeCodec<number> = {
  code: ATTRIBUTE.localPref,
  name: 'LOCAL_PREF',
  category: 'well-known',
  onMalformed: 'treat-as-withdraw',
  internalOnly: true,
  read: (value) => readNumber('LOCAL_PREF', value),
  write: writeNumber,
}
