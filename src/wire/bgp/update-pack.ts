import type { Family } from '../../addr/ip.ts'
import { err, ok, type Result } from '../../result.ts'
import { type AttributeCodec, frameAttribute, writeAttribute } from './attributes/attribute.ts'
import { mpReachHead, type NextHop } from './attributes/mp-reach.ts'
import {
  ATTRIBUTE_KEYS,
  ATTRIBUTES,
  type AttributeKey,
  type KnownAttributes,
  type PathAttributes,
  type WireAttributes,
} from './attributes/table.ts'
import { concat, u16 } from './bytes.ts'
import type { UpdateContext } from './context.ts'
import { as4Attributes } from './four-octet-as.ts'
import { HEADER_LENGTH, serializeFrame } from './header.ts'
import { AFI, ATTRIBUTE, ATTRIBUTE_FLAG, SAFI_UNICAST } from './iana.ts'
import { chunkEntries, LONGEST_ENTRY, type NlriEntry } from './nlri.ts'

/** Routes that differ by their prefix alone. */
export interface RouteSet {
  readonly family: Family
  readonly attributes: PathAttributes
  readonly nextHop: NextHop
  readonly entries: Iterable<NlriEntry>
}

/** The attributes leave no room for a prefix in a message of `longest` bytes: such routes cannot be told. RFC 4271 section 9.2. */
export interface AttributesTooLong {
  readonly code: 'ATTRIBUTES_TOO_LONG'
  readonly length: number
  readonly longest: number
}

/** Header, and the lengths of Withdrawn Routes and Path Attributes. */
const EMPTY_UPDATE_LENGTH = HEADER_LENGTH + 4
/** Flags, code and a length of two bytes. */
const ATTRIBUTE_HEAD = 4
const NONE = new Uint8Array(0)

function serializeUpdate(withdrawn: Uint8Array, attributes: Uint8Array, nlri: Uint8Array): Uint8Array {
  const lengths = [Uint8Array.from(u16(withdrawn.length)), Uint8Array.from(u16(attributes.length))] as const
  return serializeFrame('update', concat([lengths[0], withdrawn, lengths[1], attributes, nlri]))
}

/**
 * The routes as whole UPDATE messages of at most `longest` bytes, as few as they fit in, each made when it is asked for, so that a slow
 * neighbour makes no queue. IPv4 routes with an IPv4 next hop stand in the field NLRI, all others in MP_REACH_NLRI, which comes first
 * (RFC 7606 section 5.1). A neighbour that knows AS numbers of two bytes gets AS4_PATH and AS4_AGGREGATOR where they are needed.
 * Throws RangeError, when called or when asked, on what has no place in the messages of this session: a bug of the caller.
 * @param longest MESSAGE_MAX or EXTENDED_MESSAGE_MAX
 */
export function packRoutes(set: RouteSet, context: UpdateContext, longest: number): Result<Iterable<Uint8Array>, AttributesTooLong> {
  const { family, nextHop, entries } = set
  if (context.families[family] === undefined) throw new RangeError(`${family} was not agreed on`)
  const { pathIds } = context.families[family]
  const inField = family === 'IPv4' && nextHop.address.family === 'IPv4'
  const head = inField ? NONE : mpReachHead(nextHop, family, context)
  const attributes = encodeAttributes({ ...set.attributes, ...(inField && { nextHop: nextHop.address }) }, context)
  const length = EMPTY_UPDATE_LENGTH + attributes.length + (inField ? 0 : ATTRIBUTE_HEAD + head.length)
  if (length + LONGEST_ENTRY > longest) return err({ code: 'ATTRIBUTES_TOO_LONG', length, longest })
  const chunks = chunkEntries(entries, pathIds, longest - length)
  if (inField) return ok(chunks.map((nlri) => serializeUpdate(NONE, attributes, nlri)))
  return ok(
    chunks.map((nlri) => {
      const mpReach = frameAttribute(ATTRIBUTE_FLAG.optional, ATTRIBUTE.mpReach, concat([head, nlri]))
      return serializeUpdate(NONE, concat([mpReach, attributes]), NONE)
    }),
  )
}

/**
 * Withdrawals as whole UPDATE messages of at most `longest` bytes, each made when it is asked for: of IPv4 in the field Withdrawn Routes,
 * of IPv6 in MP_UNREACH_NLRI. Throws RangeError on entries that have no place in this session, which is a bug of the caller.
 */
export function packWithdrawals(
  family: Family,
  entries: Iterable<NlriEntry>,
  context: UpdateContext,
  longest: number,
): Iterable<Uint8Array> {
  const pathIds = context.families[family]?.pathIds ?? false
  const room = longest - EMPTY_UPDATE_LENGTH
  if (family === 'IPv4') return chunkEntries(entries, pathIds, room).map((nlri) => serializeUpdate(nlri, NONE, NONE))
  const head = unreachHead(family)
  return chunkEntries(entries, pathIds, room - ATTRIBUTE_HEAD - head.length).map((nlri) => serializeUnreach(concat([head, nlri])))
}

/** Says that all routes of the family have been told. RFC 4724 section 2. */
export const serializeEndOfRib = (family: Family): Uint8Array =>
  family === 'IPv4' ? serializeUpdate(NONE, NONE, NONE) : serializeUnreach(unreachHead(family))

const unreachHead = (family: Family): Uint8Array => Uint8Array.of(...u16(AFI[family]), SAFI_UNICAST)

const serializeUnreach = (value: Uint8Array): Uint8Array =>
  serializeUpdate(NONE, frameAttribute(ATTRIBUTE_FLAG.optional, ATTRIBUTE.mpUnreach, value), NONE)

/** The attributes in the order of their codes, RFC 4271 section 5. */
function encodeAttributes(attributes: WireAttributes, context: UpdateContext): Uint8Array {
  const all = context.fourOctetAs ? attributes : { ...attributes, ...as4Attributes(attributes) }
  const parts = ATTRIBUTE_KEYS.flatMap((key) => encodeKnown(key, all, context))
  for (const { flags, code, value } of all.unknown ?? []) parts.push({ code, bytes: frameAttribute(flags, code, value) })
  return concat(parts.toSorted((a, b) => a.code - b.code).map(({ bytes }) => bytes))
}

function encodeKnown<Key extends AttributeKey>(key: Key, attributes: Partial<KnownAttributes>, context: UpdateContext) {
  const codec: AttributeCodec<KnownAttributes[Key]> = ATTRIBUTES[key]
  const value = attributes[key]
  return value === undefined ? [] : [{ code: codec.code, bytes: writeAttribute(codec, value, context) }]
}
