import { ATTRIBUTE } from '../iana.ts'
import { type Aggregator, readAggregator, writeAggregator } from './aggregator.ts'
import type { AttributeCodec } from './attribute.ts'

/** AS4_AGGREGATOR, the aggregator with an AS of four bytes past routers that know two: RFC 6793 sections 3 and 6. */
export const as4Aggregator: AttributeCodec<Aggregator> = {
  code: ATTRIBUTE.as4Aggregator,
  name: 'AS4_AGGREGATOR',
  category: 'optional-transitive',
  onMalformed: 'attribute-discard',
  read: (value) => readAggregator('AS4_AGGREGATOR', value, 4),
  write: (value) => writeAggregator(value, 4),
}
