import { ok } from '../../../result.ts'
import { readWords, writeWords } from '../bytes.ts'
import { ATTRIBUTE } from '../iana.ts'
import { type AttributeCodec, isRecords, wrongLength } from './attribute.ts'

/** COMMUNITIES, each a number of 32 bits whose upper half is an AS as a rule: RFC 1997, RFC 7606 section 7.8. */
export const communities: AttributeCodec<readonly number[]> = {
  code: ATTRIBUTE.communities,
  name: 'COMMUNITIES',
  category: 'optional-transitive',
  onMalformed: 'treat-as-withdraw',
  read: (value) => (isRecords(value, 4) ? ok(readWords(value)) : wrongLength('COMMUNITIES', value, 'a multiple of 4')),
  write: writeWords,
}
