import { ok, type Result } from '../../../result.ts'
import { concat, readU32, u8, u16, u32 } from '../bytes.ts'
import type { UpdateContext } from '../context.ts'
import { ATTRIBUTE_FLAG } from '../iana.ts'
import { type Action, type Malformed, malformed } from '../update-error.ts'

/** How one path attribute is read and written. */
export interface AttributeCodec<T> {
  readonly code: number
  readonly name: string
  /** Well-known means transitive and not optional. RFC 4271 section 5. */
  readonly category: 'well-known' | 'optional-transitive' | 'optional-non-transitive'
  /** What a value that cannot be read asks for. RFC 7606 section 7. */
  readonly onMalformed: Action
  /** An external neighbour's is discarded unread. RFC 7606 sections 7.5, 7.9 and 7.10. */
  readonly internalOnly?: true
  /** Reads the value, which is the attribute without flags, code and length. */
  read(value: Uint8Array, context: UpdateContext): Result<T, Malformed>
  /** The inverse. Throws RangeError on what has no place in the attribute, which is a bug of the caller. */
  write(value: T, context: UpdateContext): Uint8Array
}

const FLAGS = {
  'well-known': ATTRIBUTE_FLAG.transitive,
  'optional-transitive': ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive,
  'optional-non-transitive': ATTRIBUTE_FLAG.optional,
} as const
const JUDGED = ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive

/** Whether Optional and Transitive are what the definition says; Partial is not judged. RFC 7606 section 3 (c). */
export const flagsAgree = (flags: number, category: AttributeCodec<unknown>['category']): boolean => (flags & JUDGED) === FLAGS[category]

/** A whole attribute: flags, code, length of one or two bytes, value. RFC 4271 section 4.3. */
export function frameAttribute(flags: number, code: number, value: Uint8Array): Uint8Array {
  const kept = flags & ~ATTRIBUTE_FLAG.extendedLength
  const head =
    value.length > 255 ? [kept | ATTRIBUTE_FLAG.extendedLength, ...u8(code), ...u16(value.length)] : [kept, ...u8(code), value.length]
  return concat([Uint8Array.from(head), value])
}

/** The same, with the flags of the attribute's category. */
export const writeAttribute = <T>(codec: AttributeCodec<T>, value: T, context: UpdateContext): Uint8Array =>
  frameAttribute(FLAGS[codec.category], codec.code, codec.write(value, context))

/** The defect of a value of a wrong length. */
export const wrongLength = (name: string, value: Uint8Array, want: string) =>
  malformed('length', `${name} has ${value.length} bytes, not ${want}`)

/** Reads a value that is one unsigned number of 32 bits. */
export const readNumber = (name: string, value: Uint8Array): Result<number, Malformed> =>
  value.length === 4 ? ok(readU32(value, 0)) : wrongLength(name, value, '4')

export const writeNumber = (value: number): Uint8Array => Uint8Array.from(u32(value))

/** Whether the value is one or more records of `size` bytes. */
export const isRecords = (value: Uint8Array, size: number): boolean => value.length > 0 && value.length % size === 0
