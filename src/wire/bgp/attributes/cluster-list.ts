import { ok } from '../../../result.ts'
import { readWords, writeWords } from '../bytes.ts'
import { ATTRIBUTE } from '../iana.ts'
import { type AttributeCodec, isRecords, wrongLength } from './attribute.ts'

/** CLUSTER_LIST, the ids of the clusters whose reflectors the route passed: RFC 4456 section 8, RFC 7606 section 7.10. */
export const clusterList: AttributeCodec<readonly number[]> = {
  code: ATTRIBUTE.clusterList,
  name: 'CLUSTER_LIST',
  category: 'optional-non-transitive',
  onMalformed: 'treat-as-withdraw',
  internalOnly: true,
  read: (value) => (isRecords(value, 4) ? ok(readWords(value)) : wrongLength('CLUSTER_LIST', value, 'a multiple of 4')),
  write: writeWords,
}
