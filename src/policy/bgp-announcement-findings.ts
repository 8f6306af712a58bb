/** How addresses are announced by BGP: what is wrong in `spec.bgp` of an Eip, and in the annotations of a Service. */
import { prefixOf, prefixRange } from '../addr/prefix.ts'
import { type AddressRange, firstIp, lastIp, withoutRanges } from '../addr/range.ts'
import { formatCommunity, parseCommunity } from '../api/bgp-community.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import type { EipSpec } from '../api/eip.ts'
import { BGP_COMMUNITIES, BGP_LOCAL_PREF, BGP_MED, BGP_PEERS } from '../api/service-annotations.ts'
import { rangeFields, rangeText } from './pool-ranges.ts'
import type { Finding } from './verdict.ts'

const MAX_32 = 0xffff_ffff
const SHOWN = 64
/** The name of any object of a kind of ours: a DNS subdomain (RFC 1123). */
const OBJECT_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/
const NAME_CURE = 'write the names of BgpPeers'
const COMMUNITY_CURE = 'write 65000:1, large:65000:1:2, rt:65000:1, ro:65000:1 or a well-known name such as no-export'

const quoted = (text: string): string => JSON.stringify(text.slice(0, SHOWN))

/** A list in an Eip: each entry by itself, so that the sentence names the one that has to be mended. */
function* listFindings({ bgp }: EipSpec): Generator<Finding> {
  const seen = new Map<string, number>()
  for (const [at, text] of (bgp?.communities ?? []).entries()) {
    const community = parseCommunity(text)
    if (!community.ok) {
      yield { refuse: `spec.bgp.communities[${at}] is ${quoted(text)}, which is no community`, cure: COMMUNITY_CURE }
      continue
    }
    const canonical = formatCommunity(community.value)
    const earlier = seen.get(canonical)
    if (earlier !== undefined) yield { warn: `spec.bgp.communities[${at}] says what spec.bgp.communities[${earlier}] does` }
    seen.set(canonical, at)
  }
  for (const [at, name] of (bgp?.peers ?? []).entries()) {
    if (!OBJECT_NAME.test(name)) yield { refuse: `spec.bgp.peers[${at}] is ${quoted(name)}, which is no name`, cure: NAME_CURE }
  }
}

/** Whoever announces a prefix takes the traffic to all of it: one that is wider than the Eip would take that of others. */
function* aggregationFindings(spec: EipSpec): Generator<Finding> {
  const lengths = { IPv4: spec.bgp?.aggregationLength, IPv6: spec.bgp?.aggregationLengthV6 } as const
  const names = { IPv4: 'aggregationLength', IPv6: 'aggregationLengthV6' } as const
  const fields = rangeFields(spec)
  const ranges = fields.map(({ range }) => range)
  for (const { field, range } of fields) {
    const length = lengths[range.family]
    if (length === undefined) continue
    const strange = [firstIp(range), lastIp(range)].flatMap((ip) => withoutRanges(prefixRange(prefixOf(ip, length)), ranges))
    const [first] = strange as readonly AddressRange[]
    if (first !== undefined) {
      yield {
        refuse: `spec.bgp.${names[range.family]} is ${length}, and such a prefix of ${field} has addresses that the Eip has not (${rangeText(first)})`,
        cure: 'use a greater length, or ranges of whole prefixes',
      }
      return
    }
  }
}

/** What is wrong in `spec.bgp`. */
export function* eipBgpFindings(spec: EipSpec): Generator<Finding> {
  if (spec.bgp === undefined) return
  yield* listFindings(spec)
  yield* aggregationFindings(spec)
}

/** What the block is good for without BGP. */
export function* eipBgpWarnings({ protocol = 'bgp', bgp }: EipSpec): Generator<string> {
  if (bgp !== undefined && protocol !== 'bgp') yield `spec.bgp has no effect with spec.protocol ${protocol}`
}

/** The annotations of a Service that speak of BGP. */
export const BGP_ANNOTATIONS: readonly string[] = [BGP_COMMUNITIES, BGP_PEERS, BGP_LOCAL_PREF, BGP_MED]

const words = (text: string | undefined): readonly string[] => (text ?? '').split(',').flatMap((word) => word.trim() || [])

/** A value that cannot be read is refused: a route without the `no-export` that somebody meant goes further than it may. */
export function* bgpAnnotationFindings({ metadata }: ServiceObject): Generator<Finding> {
  const { annotations = {} } = metadata
  for (const text of words(annotations[BGP_COMMUNITIES])) {
    if (!parseCommunity(text).ok) yield { refuse: `${BGP_COMMUNITIES}: ${quoted(text)} is no community`, cure: COMMUNITY_CURE }
  }
  for (const name of words(annotations[BGP_PEERS])) {
    if (!OBJECT_NAME.test(name)) yield { refuse: `${BGP_PEERS}: ${quoted(name)} is no name`, cure: NAME_CURE }
  }
  for (const key of [BGP_LOCAL_PREF, BGP_MED]) {
    const text = annotations[key]?.trim() ?? ''
    const isNumber = /^\d{1,10}$/.test(text) && Number(text) <= MAX_32
    if (text !== '' && !isNumber) yield { refuse: `${key}: ${quoted(text)} is no number`, cure: `write 0 to ${MAX_32}, or leave it out` }
  }
}
