import type { Family } from '../../addr/ip.ts'
import { type AttributeList, readAttributes } from './attribute-list.ts'
import type { NextHop } from './attributes/mp-reach.ts'
import { isHost } from './attributes/next-hop.ts'
import { ATTRIBUTES, type AttributeKey, type PathAttributes, type WireAttributes } from './attributes/table.ts'
import { readU16 } from './bytes.ts'
import type { UpdateContext } from './context.ts'
import { mergeFourOctetAs } from './four-octet-as.ts'
import { checkNlri, type Nlri } from './nlri.ts'
import type { ProtocolError } from './protocol-error.ts'
import { type Action, type Defect, type Malformed, notificationFor } from './update-error.ts'

/** Prefixes that can be reached, and by way of whom. */
export interface Announcement {
  readonly nextHop: NextHop
  readonly nlri: Nlri
}

/**
 * What an UPDATE says, after RFC 7606. Whoever applies it withdraws first and announces next: a prefix that is in both is announced
 * (RFC 7606 section 5.1). Lists of prefixes and unknown attributes share memory with the message.
 * - `accept`: defects, if any, are attributes that were left out of `attributes`.
 * - `treat-as-withdraw`: the routes that it announced are in `withdrawn` too.
 * - `session-reset`: `error` is what the NOTIFICATION has to say.
 */
export type UpdateReading =
  | {
      readonly action: 'accept'
      readonly withdrawn: readonly Nlri[]
      readonly announced: readonly Announcement[]
      readonly attributes: PathAttributes
      /** The neighbour has told all its routes of this family. RFC 4724 section 2. */
      readonly endOfRib: Family | undefined
      readonly defects: readonly Defect[]
    }
  | { readonly action: 'treat-as-withdraw'; readonly withdrawn: readonly Nlri[]; readonly defects: readonly Defect[] }
  | { readonly action: 'session-reset'; readonly error: ProtocolError; readonly defects: readonly Defect[] }

const NO_EVIDENCE = new Uint8Array(0)

/** The three fields of an UPDATE. RFC 4271 section 4.3. */
interface Fields {
  readonly withdrawn: Uint8Array
  readonly attributes: Uint8Array
  readonly nlri: Uint8Array
}

/** Reads the body of an UPDATE. Never throws, whatever the bytes are. RFC 4271 sections 4.3 and 6.3, RFC 7606. */
export function parseUpdate(body: Uint8Array, context: UpdateContext): UpdateReading {
  const fields = splitFields(body)
  if (fields === undefined) return reset(wholeMessage('overrun', 'session-reset', 'the lengths of its fields exceed the message'))
  const pathIds = context.families.IPv4?.pathIds ?? false
  const withdrawn = checkNlri(fields.withdrawn, 'IPv4', pathIds)
  const nlri = checkNlri(fields.nlri, 'IPv4', pathIds)
  if (!withdrawn.ok) return reset(wholeMessage('prefix', 'session-reset', withdrawn.error.cause))
  if (!nlri.ok) return reset(wholeMessage('prefix', 'session-reset', nlri.error.cause))
  const list = readAttributes(fields.attributes, context)
  const { gone, announced, unasked } = routesOf(withdrawn.value, nlri.value, list.attributes, context)
  const defects = [...defectsOf(list, nlri.value.count > 0, context), ...unasked]
  // The gravest counts: RFC 7606 section 3 (h).
  const fatal = defects.find((defect) => defect.action === 'session-reset')
  if (fatal !== undefined) return reset(fatal, defects)
  if (defects.some((defect) => defect.action === 'treat-as-withdraw')) {
    return { action: 'treat-as-withdraw', withdrawn: [...gone, ...announced.map((announcement) => announcement.nlri)], defects }
  }
  const attributes = pathAttributes(list.attributes, context)
  return { action: 'accept', withdrawn: gone, announced, attributes, endOfRib: endOfRib(body, list, context), defects }
}

const reset = (fatal: Defect, defects: readonly Defect[] = [fatal]): UpdateReading => ({
  action: 'session-reset',
  error: notificationFor(fatal),
  defects,
})

function splitFields(body: Uint8Array): Fields | undefined {
  const attributesAt = 4 + readU16(body, 0)
  if (attributesAt > body.length) return undefined
  const nlriAt = attributesAt + readU16(body, attributesAt - 2)
  if (nlriAt > body.length) return undefined
  return { withdrawn: body.subarray(2, attributesAt - 2), attributes: body.subarray(attributesAt, nlriAt), nlri: body.subarray(nlriAt) }
}

const wholeMessage = (kind: Malformed['kind'], action: Action, cause: string): Defect => ({
  attribute: undefined,
  kind,
  action,
  cause,
  evidence: NO_EVIDENCE,
})

/** All that is wrong with the attributes, alone and taken together. */
function defectsOf(list: AttributeList, hasNlri: boolean, context: UpdateContext): readonly Defect[] {
  const reach = list.attributes.mpReach
  const reachable = hasNlri || (reach !== undefined && (reach.kind === 'foreign' || reach.nlri.count > 0))
  if (!reachable) return escalate(list)
  const own = hasNlri ? list.defects : list.defects.map(ignoreNextHop)
  return [...own, ...unusable(list.attributes), ...missing(list, hasNlri, context)]
}

/**
 * RFC 7606 section 5.2: an UPDATE with attributes beside MP_UNREACH_NLRI announces something. If nothing can be found in it and one of
 * them is broken, nobody knows what would have to be withdrawn: the session ends.
 */
function escalate({ codes, defects }: AttributeList): readonly Defect[] {
  const hasOthers = [...codes].some((code) => code !== ATTRIBUTES.mpUnreach.code) || defects.some(({ kind }) => kind === 'overrun')
  if (!hasOthers) return defects
  return defects.map((defect) => (defect.action === 'treat-as-withdraw' ? { ...defect, action: 'session-reset' } : defect))
}

/** NEXT_HOP beside MP_REACH_NLRI alone is to be ignored: RFC 4760 section 3. */
const ignoreNextHop = (defect: Defect): Defect =>
  defect.attribute === ATTRIBUTES.nextHop.code && defect.kind !== 'overrun' ? { ...defect, action: 'attribute-discard' } : defect

/** The mandatory attributes that are not there, RFC 7606 section 3 (d). NEXT_HOP goes with the field NLRI only: RFC 4760 section 3. */
function missing({ codes }: AttributeList, hasNlri: boolean, { peering }: UpdateContext): Defect[] {
  const mandatory: AttributeKey[] = ['origin', 'asPath']
  if (hasNlri) mandatory.push('nextHop')
  if (peering === 'internal') mandatory.push('localPref')
  return mandatory
    .map((key) => ATTRIBUTES[key])
    .filter(({ code }) => !codes.has(code))
    .map(({ code, name }) => {
      const evidence = Uint8Array.of(code)
      return { attribute: code, kind: 'missing', action: 'treat-as-withdraw', cause: `${name} is missing`, evidence }
    })
}

/** A next hop that is no host's makes the routes unusable, not the session. RFC 4271 section 6.3. */
function unusable({ mpReach }: WireAttributes): Defect[] {
  if (mpReach?.kind !== 'routes' || mpReach.nlri.count === 0 || isHost(mpReach.nextHop.address)) return []
  const { code: attribute } = ATTRIBUTES.mpReach
  const cause = 'the next hop of MP_REACH_NLRI is no address of a host'
  return [{ attribute, kind: 'value', action: 'treat-as-withdraw', cause, evidence: NO_EVIDENCE }]
}

interface Routes {
  readonly gone: readonly Nlri[]
  readonly announced: readonly Announcement[]
  /** Routes of families that were not agreed on, which are left out. */
  readonly unasked: readonly Defect[]
}

function routesOf(withdrawn: Nlri, nlri: Nlri, { mpReach, mpUnreach, nextHop }: WireAttributes, { families }: UpdateContext): Routes {
  const gone: Nlri[] = []
  const announced: Announcement[] = []
  const unasked: Defect[] = []
  const takesIpv4 = families.IPv4 !== undefined
  if (!takesIpv4 && withdrawn.count + nlri.count > 0)
    unasked.push(wholeMessage('not-negotiated', 'attribute-discard', 'IPv4 unicast was not agreed on'))
  if (takesIpv4 && withdrawn.count > 0) gone.push(withdrawn)
  if (mpUnreach?.kind === 'routes' && mpUnreach.nlri.count > 0) gone.push(mpUnreach.nlri)
  // A missing or malformed NEXT_HOP makes all of them withdrawn, and whose next hop it was going to be does not matter then.
  const address = nextHop ?? { family: 'IPv4', value: 0n }
  if (takesIpv4 && nlri.count > 0) announced.push({ nextHop: { address, linkLocal: undefined }, nlri })
  if (mpReach?.kind === 'routes' && mpReach.nlri.count > 0) announced.push({ nextHop: mpReach.nextHop, nlri: mpReach.nlri })
  for (const [key, foreign] of Object.entries({ mpReach, mpUnreach })) {
    if (foreign?.kind !== 'foreign') continue
    const { code: attribute, name } = ATTRIBUTES[key as 'mpReach' | 'mpUnreach']
    const cause = `${name} for AFI ${foreign.afi} SAFI ${foreign.safi}, which was not agreed on`
    unasked.push({ attribute, kind: 'not-negotiated', action: 'attribute-discard', cause, evidence: NO_EVIDENCE })
  }
  return { gone, announced, unasked }
}

/** What is left once the routes are taken out and AS numbers have four bytes. */
function pathAttributes(attributes: WireAttributes, { fourOctetAs }: UpdateContext): PathAttributes {
  const { mpReach, mpUnreach, nextHop, as4Path, as4Aggregator, asPath, aggregator, ...rest } = attributes
  const merged = fourOctetAs ? { ...(asPath && { asPath }), ...(aggregator && { aggregator }) } : mergeFourOctetAs(attributes)
  return { ...rest, ...merged }
}

/** An UPDATE with nothing in it, or with an empty MP_UNREACH_NLRI and nothing else. RFC 4724 section 2. */
function endOfRib(body: Uint8Array, { attributes, codes }: AttributeList, { families }: UpdateContext): Family | undefined {
  if (body.length === 4) return families.IPv4 && 'IPv4'
  const { mpUnreach } = attributes
  if (codes.size !== 1 || mpUnreach?.kind !== 'routes' || mpUnreach.nlri.count > 0) return undefined
  return readU16(body, 0) === 0 ? mpUnreach.nlri.family : undefined
}
