/** Whether an Eip may be stored. The texts before the first `: ` are OpenELB's where it has one. */
import { formatIp, parseIp } from '../addr/ip.ts'
import { type AddressRange, firstIp, lastIp, parseAddressRange, rangesOverlap } from '../addr/range.ts'
import type { EipObject, EipSpec } from '../api/eip.ts'
import { IS_DEFAULT_EIP } from '../api/service-annotations.ts'
import { findOverlap } from './overlap.ts'
import { isDefaultEip, type PoolError, readRange, toPool } from './pool.ts'
import { allow, refuse, type Verdict } from './verdict.ts'

/** Another Eip: one that is stored, or one that is being admitted at this moment. */
export interface OtherEip {
  readonly name: string
  /** Empty when it cannot be read: then it holds no address. */
  readonly ranges: readonly AddressRange[]
  readonly isDefault: boolean
  /** It was admitted a moment ago and is not stored yet, and may never be. */
  readonly pending?: boolean
}

/** Reads the parts of a stored Eip that other Eips must respect. */
export function toOtherEip(eip: EipObject): OtherEip {
  const pool = toPool(eip)
  // One without an interface is no pool, and its addresses are spoken for all the same.
  const range = readRange(eip.spec)
  const ranges = pool.ok ? pool.value.ranges : range.ok ? [range.value] : []
  return { name: eip.metadata.name, ranges, isDefault: isDefaultEip(eip.metadata.annotations) }
}

/** The longest label value of Kubernetes: the name of the Eip is written as one on its Services. */
const LONGEST_NAME = 63
const REACH = 'can_reach:'
/** A name that Linux accepts for a link: up to 15 bytes, none of them white space, a slash or a colon. */
const LINK_NAME = /^(?!\.{1,2}$)[!-.0-9;-~]{1,15}$/

const UNUSABLE = [
  ['0.0.0.0/8', 'they mean "this network"'],
  ['127.0.0.0/8', 'they are loopback addresses'],
  ['169.254.0.0/16', 'they are link-local addresses'],
  ['224.0.0.0/4', 'they are multicast addresses'],
  ['240.0.0.0/4', 'they are reserved'],
  ['::/127', 'they are the unspecified and the loopback address'],
  ['fe80::/10', 'they are link-local addresses'],
  ['ff00::/8', 'they are multicast addresses'],
] as const

function unusableWarnings(range: AddressRange): readonly string[] {
  return UNUSABLE.flatMap(([prefix, why]) => {
    const unusable = parseAddressRange(prefix)
    return unusable.ok && rangesOverlap(unusable.value, range)
      ? [`spec.address contains addresses of ${prefix}: ${why}, so no client reaches a Service by them`]
      : []
  })
}

function nameVerdict(name: string): Verdict | undefined {
  if (name.length <= LONGEST_NAME) return undefined
  return refuse(
    `the name of the Eip has ${name.length} characters`,
    `use at most ${LONGEST_NAME}, because it becomes the value of a label on the Services that get an address from it`,
  )
}

function interfaceVerdict(spec: EipSpec): Verdict | undefined {
  const text = spec.interface ?? ''
  if (text === '') return undefined
  if (text.startsWith(REACH)) {
    const target = parseIp(text.slice(REACH.length))
    return target.ok ? undefined : refuse('spec.interface is not valid', `${target.error.message}; write ${REACH} and one address`)
  }
  if (LINK_NAME.test(text)) return undefined
  const shown = text.length > 64 ? `${text.slice(0, 64)}...` : text
  return refuse(
    'spec.interface is not valid',
    `"${shown}" cannot be the name of a link; write a name such as eth0, or ${REACH} and one address`,
  )
}

const poolRefusal = (error: PoolError): Verdict => refuse(error.message, error.cure)

const PENDING_CURE = 'that one is being stored at this moment; try again in a few seconds'

function rangeText(range: AddressRange): string {
  const [first, last] = [formatIp(firstIp(range)), formatIp(lastIp(range))]
  return first === last ? first : `${first}-${last}`
}

function overlapVerdict(ranges: readonly AddressRange[], others: readonly OtherEip[]): Verdict | undefined {
  const rival = findOverlap(ranges, others)
  if (rival === undefined) return undefined
  return refuse(
    `eip address overlap with ${rival.name}`,
    rival.pending === true
      ? PENDING_CURE
      : `use addresses that no other Eip has (that one has ${rival.ranges.map(rangeText).join(', ')}), or delete that Eip first; ` +
          'a disabled one counts, because Services may hold its addresses',
  )
}

function defaultVerdict(others: readonly OtherEip[]): Verdict | undefined {
  const rival = others.find((other) => other.isDefault)
  if (rival === undefined) return undefined
  return refuse(
    'already exists a default EIP',
    rival.pending === true ? `${rival.name}; ${PENDING_CURE}` : `it is ${rival.name}; remove the annotation ${IS_DEFAULT_EIP} there first`,
  )
}

/** A text that somebody meant to be `true` makes no default Eip, and nothing else would say so. */
function defaultWarnings(eip: EipObject, before?: EipObject): readonly string[] {
  const text = eip.metadata.annotations?.[IS_DEFAULT_EIP] ?? ''
  const isClear = ['', 'true', 'false'].includes(text.toLowerCase())
  if (isClear || text === before?.metadata.annotations?.[IS_DEFAULT_EIP]) return []
  return [
    `the annotation ${IS_DEFAULT_EIP} is ${JSON.stringify(text.slice(0, 64))}, so ${eip.metadata.name} is no default Eip: write "true"`,
  ]
}

function validateCreate(eip: EipObject, others: readonly OtherEip[]): Verdict {
  const pool = toPool(eip)
  if (!pool.ok) return poolRefusal(pool.error)
  const { range, ranges, isDefault } = pool.value
  return (
    nameVerdict(eip.metadata.name) ??
    interfaceVerdict(eip.spec) ??
    overlapVerdict(ranges, others) ??
    (isDefault ? defaultVerdict(others) : undefined) ??
    allow(...unusableWarnings(range), ...defaultWarnings(eip))
  )
}

function validateUpdate(eip: EipObject, before: EipObject, others: readonly OtherEip[]): Verdict {
  if (eip.spec.address !== before.spec.address) {
    return refuse(
      'the address field is not allowed to be modified',
      `create another Eip for the new addresses, or delete ${eip.metadata.name} and create it again`,
    )
  }
  const pool = toPool(eip)
  // What was stored before may stay as it is: an Eip that slipped in while the webhook was away must still be editable.
  const was = toPool(before)
  if (!pool.ok && (was.ok || was.error.code !== pool.error.code)) return poolRefusal(pool.error)
  const becomesDefault = isDefaultEip(eip.metadata.annotations) && !isDefaultEip(before.metadata.annotations)
  return (
    (eip.spec.interface === before.spec.interface ? undefined : interfaceVerdict(eip.spec)) ??
    (becomesDefault ? defaultVerdict(others) : undefined) ??
    allow(...defaultWarnings(eip, before))
  )
}

/**
 * Says whether an Eip may be created (`before` undefined) or changed. `others` holds every other Eip, stored or being admitted, and not
 * this one. A change that touches neither the spec nor the default annotation is always allowed.
 */
export function validateEip(eip: EipObject, before: EipObject | undefined, others: readonly OtherEip[]): Verdict {
  return before === undefined ? validateCreate(eip, others) : validateUpdate(eip, before, others)
}

/**
 * Whether the answer depends on the other Eips, so that two of these reviews must not pass one another: creations, and changes that make
 * an Eip the default.
 */
export function needsSerialAdmission(eip: EipObject, before: EipObject | undefined): boolean {
  return before === undefined || (isDefaultEip(eip.metadata.annotations) && !isDefaultEip(before.metadata.annotations))
}

/** Deleting an Eip is always allowed; the warning says what becomes of the addresses that are in use. */
export function validateEipDelete(eip: EipObject): Verdict {
  const usage = eip.status?.usage ?? 0
  if (usage === 0) return allow()
  return allow(
    `${usage} address${usage === 1 ? '' : 'es'} of Eip ${eip.metadata.name} ${usage === 1 ? 'stays' : 'stay'} assigned and announced; ` +
      'nothing new is given from it; the same Eip, created again, takes back what it had',
  )
}
