import { type AttributeCodec, flagsAgree } from './attributes/attribute.ts'
import {
  ATTRIBUTES,
  type AttributeKey,
  KEY_BY_CODE,
  type KnownAttributes,
  type UnknownAttribute,
  type WireAttributes,
} from './attributes/table.ts'
import { readU16 } from './bytes.ts'
import type { UpdateContext } from './context.ts'
import { ATTRIBUTE, ATTRIBUTE_FLAG } from './iana.ts'
import type { Action, Defect, DefectKind } from './update-error.ts'

/** What stands in the field Path Attributes of one UPDATE. */
export interface AttributeList {
  readonly attributes: WireAttributes
  readonly defects: readonly Defect[]
  /** Every code that was met, malformed or not. */
  readonly codes: ReadonlySet<number>
}

interface RawAttribute {
  readonly flags: number
  readonly code: number
  readonly value: Uint8Array
  /** All its bytes, flags first. */
  readonly bytes: Uint8Array
  readonly isComplete: boolean
}

/** What is being gathered. */
interface Gathering {
  readonly known: Partial<KnownAttributes>
  readonly unknown: UnknownAttribute[]
  readonly defects: Defect[]
  readonly codes: Set<number>
}

/** If they cannot be read, nobody knows which routes the UPDATE is about. RFC 7606 section 3 (j). */
const carriesPrefixes = (code: number): boolean => code === ATTRIBUTE.mpReach || code === ATTRIBUTE.mpUnreach

/**
 * Reads the attributes one by one. A defect never hides those behind it, unless it is in a length: then the rest is not read.
 * RFC 4271 section 6.3 as RFC 7606 sections 3, 4 and 7 change it.
 */
export function readAttributes(bytes: Uint8Array, context: UpdateContext): AttributeList {
  const gathering: Gathering = { known: {}, unknown: [], defects: [], codes: new Set() }
  for (let at = 0; at < bytes.length; ) {
    const raw = readRaw(bytes, at)
    const defect = raw === undefined ? overrun(undefined, bytes.subarray(at)) : take(raw, context, gathering)
    if (defect !== undefined) gathering.defects.push(defect)
    if (raw?.isComplete !== true) break
    at += raw.bytes.length
  }
  const { known, unknown, defects, codes } = gathering
  return { attributes: unknown.length === 0 ? known : { ...known, unknown }, defects, codes }
}

/** The attribute at `at`; undefined when not even its head is there. */
function readRaw(bytes: Uint8Array, at: number): RawAttribute | undefined {
  const [flags = 0, code = 0] = bytes.subarray(at, at + 2)
  const wide = (flags & ATTRIBUTE_FLAG.extendedLength) !== 0
  const start = at + (wide ? 4 : 3)
  if (start > bytes.length) return undefined
  const end = start + (wide ? readU16(bytes, at + 2) : (bytes[at + 2] ?? 0))
  return { flags, code, value: bytes.subarray(start, end), bytes: bytes.subarray(at, end), isComplete: end <= bytes.length }
}

/** RFC 7606 section 4: the routes that the field NLRI names are withdrawn. What else carries prefixes cannot be trusted. */
function overrun(code: number | undefined, evidence: Uint8Array): Defect {
  const action: Action = code !== undefined && carriesPrefixes(code) ? 'session-reset' : 'treat-as-withdraw'
  return { attribute: code, kind: 'overrun', action, cause: 'an attribute ends behind the list of attributes', evidence }
}

/** Puts one attribute where it belongs, or says what is wrong with it. */
function take(raw: RawAttribute, context: UpdateContext, gathering: Gathering): Defect | undefined {
  const { flags, code, value, bytes } = raw
  const defect = (kind: DefectKind, action: Action, cause: string): Defect => ({ attribute: code, kind, action, cause, evidence: bytes })
  const isDuplicate = gathering.codes.has(code)
  gathering.codes.add(code)
  if (!raw.isComplete) return overrun(code, bytes)
  if (isDuplicate)
    return defect('duplicate', carriesPrefixes(code) ? 'session-reset' : 'attribute-discard', `attribute ${code} is there again`)
  const key = KEY_BY_CODE.get(code)
  if (key === undefined) {
    if ((flags & ATTRIBUTE_FLAG.optional) === 0)
      return defect('unrecognized', 'session-reset', `the well-known attribute ${code} is unknown`)
    gathering.unknown.push({ flags, code, value })
    return undefined
  }
  const codec: AttributeCodec<unknown> = ATTRIBUTES[key]
  if (codec.internalOnly && context.peering === 'external')
    return defect('from-external', 'attribute-discard', `${codec.name} from outside`)
  if (context.fourOctetAs && isForTwoOctets(key))
    return defect('not-negotiated', 'attribute-discard', `${codec.name} where AS_PATH is enough`)
  const agrees = flagsAgree(flags, codec.category)
  if (agrees || carriesPrefixes(code)) {
    const wrong = readKnown(key, value, context, gathering.known)
    if (wrong !== undefined) return defect(wrong.kind, codec.onMalformed, wrong.cause)
  }
  return agrees ? undefined : defect('flags', 'treat-as-withdraw', `${codec.name} has the flags 0x${flags.toString(16)}`)
}

/** A neighbour with numbers of four bytes must not send them, and they must be discarded. RFC 6793 section 4.1. */
const isForTwoOctets = (key: AttributeKey): boolean => key === 'as4Path' || key === 'as4Aggregator'

function readKnown<Key extends AttributeKey>(key: Key, value: Uint8Array, context: UpdateContext, into: Partial<KnownAttributes>) {
  const codec: AttributeCodec<KnownAttributes[Key]> = ATTRIBUTES[key]
  const read = codec.read(value, context)
  if (!read.ok) return read.error
  into[key] = read.value
  return undefined
}
