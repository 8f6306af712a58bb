import { ok } from '../../../result.ts'
import { ATTRIBUTE } from '../iana.ts'
import { malformed } from '../update-error.ts'
import { type AttributeCodec, wrongLength } from './attribute.ts'

const ORIGINS = ['igp', 'egp', 'incomplete'] as const
/** Where the route comes from. */
export type Origin = (typeof ORIGINS)[number]

/** ORIGIN: RFC 4271 section 5.1.1, RFC 7606 section 7.1. */
export const origin: AttributeCodec<Origin> = {
  code: ATTRIBUTE.origin,
  name: 'ORIGIN',
  category: 'well-known',
  onMalformed: 'treat-as-withdraw',
  read(value) {
    const [number = 0] = value
    if (value.length !== 1) return wrongLength('ORIGIN', value, '1')
    const name = ORIGINS[number]
    return name === undefined ? malformed('value', `ORIGIN is ${number}`) : ok(name)
  },
  write: (value) => Uint8Array.of(ORIGINS.indexOf(value)),
}
