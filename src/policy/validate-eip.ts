/** Whether an Eip may be stored. The texts before the first `: ` are OpenELB's where it has one. */
import { formatIp, parseIp } from '../addr/ip.ts'
import { type AddressRange, rangesOverlap, withoutRanges } from '../addr/range.ts'
import type { EipObject, EipSpec } from '../api/eip.ts'
import { IS_DEFAULT_EIP } from '../api/service-annotations.ts'
import { eipBgpFindings } from './bgp-announcement-findings.ts'
import { parseInterfaceText } from './interface-choice.ts'
import { findOverlap, type NamedRanges } from './overlap.ts'
import { isDefaultEip, type PoolError, toPool } from './pool.ts'
import { rangeFields, rangeText } from './pool-ranges.ts'
import { type Finding, type Verdict, verdictOf } from './verdict.ts'

/** Another Eip: one that is stored, or one that is being admitted at this moment. Without ranges when none can be read. */
export interface OtherEip extends NamedRanges {
  readonly isDefault: boolean
  /** It was admitted a moment ago and is not stored yet, and may never be. */
  readonly pending?: boolean
}

const rangesOf = (spec: EipSpec): readonly AddressRange[] => rangeFields(spec).map(({ range }) => range)

/** Reads the parts of a stored Eip that other Eips must respect. One that is no pool speaks for its addresses all the same. */
export const toOtherEip = ({ metadata, spec }: EipObject): OtherEip => ({
  name: metadata.name,
  ranges: rangesOf(spec),
  isDefault: isDefaultEip(metadata.annotations),
})

/** The longest label value of Kubernetes: the name of the Eip is written as one on its Services. */
const LONGEST_NAME = 63

function* nameFindings(name: string): Generator<Finding> {
  if (name.length <= LONGEST_NAME) return
  yield {
    refuse: `the name of the Eip has ${name.length} characters`,
    cure: `use at most ${LONGEST_NAME}, because it becomes the value of a label on the Services that get an address from it`,
  }
}

/** Each field is judged by itself, so that the sentence names the one that has to be mended. */
function* interfaceFindings({ interface: first = '', interfaces = [] }: EipSpec): Generator<Finding> {
  const fields = [['spec.interface', first], ...interfaces.map((text, at) => [`spec.interfaces[${at}]`, text])] as const
  for (const [field = '', text = ''] of fields) {
    if (text === '') continue
    const read = parseInterfaceText(text)
    if (!read.ok) yield { refuse: `${field} is not valid`, cure: read.error.problem }
  }
}

/** An address twice in one Eip: as a range, or as a reservation that is only written otherwise. */
function* repetitionFindings(spec: EipSpec): Generator<Finding> {
  const fields = rangeFields(spec)
  for (const [at, { field, range }] of fields.entries()) {
    const earlier = fields.slice(0, at).find((other) => rangesOverlap(other.range, range))
    if (earlier === undefined) continue
    yield {
      refuse: `${field} overlaps with ${earlier.field}`,
      cure: `write every address once (${rangeText(range)} and ${rangeText(earlier.range)} share some)`,
    }
  }
  const reserved = new Map<string, number>()
  for (const [at, { address }] of (spec.reservations ?? []).entries()) {
    const ip = parseIp(address)
    if (!ip.ok) continue
    const text = formatIp(ip.value)
    const earlier = reserved.get(text)
    if (earlier !== undefined) {
      yield {
        refuse: `spec.reservations[${at}] keeps ${text}, as spec.reservations[${earlier}] does`,
        cure: 'keep an address for one Service',
      }
    }
    reserved.set(text, at)
  }
}

const PENDING_CURE = 'that one is being stored at this moment; try again in a few seconds'
const RANGES_SHOWN = 4

function* overlapFindings(ranges: readonly AddressRange[], others: readonly OtherEip[]): Generator<Finding> {
  const rival = findOverlap(ranges, others)
  if (rival === undefined) return
  const shown = rival.ranges.slice(0, RANGES_SHOWN).map(rangeText).join(', ')
  const has = rival.ranges.length > RANGES_SHOWN ? `${shown} and ${rival.ranges.length - RANGES_SHOWN} more` : shown
  yield {
    refuse: `eip address overlap with ${rival.name}`,
    cure:
      rival.pending === true
        ? PENDING_CURE
        : `use addresses that no other Eip has (that one has ${has}), or delete that Eip first; ` +
          'a disabled one counts, because Services may hold its addresses',
  }
}

function* defaultFindings(others: readonly OtherEip[]): Generator<Finding> {
  const rival = others.find((other) => other.isDefault)
  if (rival === undefined) return
  yield {
    refuse: 'already exists a default EIP',
    cure:
      rival.pending === true
        ? `${rival.name}; ${PENDING_CURE}`
        : `it is ${rival.name}; remove the annotation ${IS_DEFAULT_EIP} there first`,
  }
}

const poolFinding = ({ message, cure }: PoolError): Finding => ({ refuse: message, cure })

function* creationFindings(eip: EipObject, others: readonly OtherEip[]): Generator<Finding> {
  const pool = toPool(eip)
  if (!pool.ok) {
    yield poolFinding(pool.error)
    return
  }
  yield* nameFindings(eip.metadata.name)
  yield* interfaceFindings(eip.spec)
  yield* repetitionFindings(eip.spec)
  yield* eipBgpFindings(eip.spec)
  yield* overlapFindings(pool.value.ranges, others)
  if (pool.value.isDefault) yield* defaultFindings(others)
}

const becomesDefault = (eip: EipObject, before: EipObject): boolean =>
  isDefaultEip(eip.metadata.annotations) && !isDefaultEip(before.metadata.annotations)

/** The addresses that the Eip did not have before. */
function grownRanges(eip: EipObject, before: EipObject): readonly AddressRange[] {
  const had = rangesOf(before.spec)
  return rangesOf(eip.spec).flatMap((range) => withoutRanges(range, had))
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** What was stored before may stay as it is: an Eip that slipped in while the webhook was away must still be editable. */
function* changeFindings(eip: EipObject, before: EipObject, others: readonly OtherEip[]): Generator<Finding> {
  const [is, was] = [eip.spec, before.spec]
  if (is.address !== was.address) {
    yield {
      refuse: 'the address field is not allowed to be modified',
      cure: `add ranges by spec.addresses, create another Eip for the new addresses, or delete ${eip.metadata.name} and create it again`,
    }
  }
  const [pool, old] = [toPool(eip), toPool(before)]
  if (!pool.ok && (old.ok || !isSame(old.error, pool.error))) yield poolFinding(pool.error)
  if (!isSame([is.interface, is.interfaces], [was.interface, was.interfaces])) yield* interfaceFindings(is)
  if (!isSame([is.addresses, is.reservations], [was.addresses, was.reservations])) yield* repetitionFindings(is)
  if (!isSame([is.bgp, is.addresses], [was.bgp, was.addresses])) yield* eipBgpFindings(is)
  yield* overlapFindings(grownRanges(eip, before), others)
  if (becomesDefault(eip, before)) yield* defaultFindings(others)
}

/**
 * Says whether an Eip may be created (`before` undefined) or changed. `others` holds every other Eip, stored or being admitted, and not
 * this one. A change that touches neither the spec nor the default annotation is always allowed.
 */
export const validateEip = (eip: EipObject, before: EipObject | undefined, others: readonly OtherEip[]): Verdict =>
  verdictOf(before === undefined ? creationFindings(eip, others) : changeFindings(eip, before, others))

/**
 * Whether the answer depends on the other Eips, so that two of these reviews must not pass one another: creations, and changes by which an
 * Eip gets more addresses or becomes the default.
 */
export const needsSerialAdmission = (eip: EipObject, before: EipObject | undefined): boolean =>
  before === undefined || becomesDefault(eip, before) || grownRanges(eip, before).length > 0
