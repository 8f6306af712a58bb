import { err } from '../../result.ts'
import { ATTRIBUTE, ERROR, UPDATE_ERROR } from './iana.ts'
import { type ProtocolError, protocolError } from './protocol-error.ts'

/**
 * What a defect of an UPDATE asks for, mildest first (RFC 7606 section 2): the attribute is left out; the routes count as withdrawn;
 * the session ends.
 */
export type Action = 'attribute-discard' | 'treat-as-withdraw' | 'session-reset'

/** What is wrong. Closed: it is a label of a metric too. */
export type DefectKind =
  /** Optional and Transitive are not what the attribute's definition says. */
  | 'flags'
  | 'length'
  | 'value'
  /** AS 0 in a path or an aggregator: RFC 7607. */
  | 'as-zero'
  /** The attribute is there more than once. */
  | 'duplicate'
  /** A mandatory attribute is not there. */
  | 'missing'
  /** Not optional, and unknown. */
  | 'unrecognized'
  /** The attribute, or the list, ends behind its field. */
  | 'overrun'
  /** Meant for internal neighbours, received from an external one. */
  | 'from-external'
  /** Of a family that was not agreed on, or for neighbours without numbers of four bytes. */
  | 'not-negotiated'
  /** A prefix that is longer than its family or its field. */
  | 'prefix'

/** Why the value of an attribute, or a list of prefixes, could not be read. */
export interface Malformed {
  readonly kind: DefectKind
  readonly cause: string
}

export const malformed = (kind: DefectKind, cause: string) => err<Malformed>({ kind, cause })

/** One defect of an UPDATE. */
export interface Defect extends Malformed {
  /** The attribute's code; undefined for the fields Withdrawn Routes and NLRI and for the message as a whole. */
  readonly attribute: number | undefined
  readonly action: Action
  /** What a NOTIFICATION shows of it: the attribute with its flags, code and length, or the code alone. Shares memory with the message. */
  readonly evidence: Uint8Array
}

/** The NOTIFICATION for a defect that ends the session. RFC 4271 section 6.3. */
export function notificationFor({ attribute, kind, cause, evidence }: Defect): ProtocolError {
  const subcode = subcodeOf(attribute, kind)
  const shown = SHOWN.has(subcode) ? evidence : undefined
  return protocolError(ERROR.update, subcode, cause, shown)
}

/** RFC 4271 section 6.3 gives these subcodes the attribute, or its code, as their data. */
const SHOWN: ReadonlySet<number> = new Set([
  UPDATE_ERROR.unrecognizedWellKnown,
  UPDATE_ERROR.missingWellKnown,
  UPDATE_ERROR.attributeFlags,
  UPDATE_ERROR.attributeLength,
  UPDATE_ERROR.invalidOrigin,
  UPDATE_ERROR.invalidNextHop,
  UPDATE_ERROR.optionalAttribute,
])

function subcodeOf(attribute: number | undefined, kind: DefectKind): number {
  if (kind === 'duplicate' || kind === 'overrun') return UPDATE_ERROR.malformedAttributeList
  if (kind === 'missing') return UPDATE_ERROR.missingWellKnown
  if (kind === 'unrecognized') return UPDATE_ERROR.unrecognizedWellKnown
  if (kind === 'flags') return UPDATE_ERROR.attributeFlags
  if (attribute === undefined) return UPDATE_ERROR.invalidNetwork
  if (attribute === ATTRIBUTE.asPath) return UPDATE_ERROR.malformedAsPath
  if (attribute === ATTRIBUTE.mpReach || attribute === ATTRIBUTE.mpUnreach) return UPDATE_ERROR.optionalAttribute
  if (kind === 'length') return UPDATE_ERROR.attributeLength
  if (attribute === ATTRIBUTE.origin) return UPDATE_ERROR.invalidOrigin
  return attribute === ATTRIBUTE.nextHop ? UPDATE_ERROR.invalidNextHop : UPDATE_ERROR.optionalAttribute
}
