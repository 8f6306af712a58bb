/** An Eip as the rules see it: parsed once at the edge, typed inside. */
import { type AddressRange, parseAddressRange } from '../addr/range.ts'
import type { AddressOrder, EipObject, EipSpec, Protocol } from '../api/eip.ts'
import type { LabelSelector } from '../api/label-selector.ts'
import { IS_DEFAULT_EIP } from '../api/service-annotations.ts'
import { err, ok, type Result } from '../result.ts'
import { interfaceText, LONGEST_INTERFACE_TEXT } from './interface-choice.ts'
import { readSelectorOrMap, selectorProblem } from './label-selector.ts'
import { type PoolRanges, readPoolRanges } from './pool-ranges.ts'

export interface Pool extends PoolRanges {
  readonly name: string
  readonly uid: string
  /** RFC 3339 text of the API server, second resolution: orders pools by age. */
  readonly created: string
  /** spec.address alone. */
  readonly range: AddressRange
  readonly protocol: Protocol
  /** What spec.interface and spec.interfaces say together, for `parseInterfaceText`; always there for layer2 and vip. */
  readonly interface?: string
  readonly disabled: boolean
  readonly deleting: boolean
  readonly isDefault: boolean
  /** Lower is preferred, among the pools bound to one namespace. */
  readonly priority: number
  /** Namespaces by name that this pool is bound to. */
  readonly namespaces: readonly string[]
  /** Which Namespaces it is bound to by their labels; absent when the pool has no selector. */
  readonly namespaceSelector?: LabelSelector
  /** Which Services it is bound to by their labels; absent when the pool has no selector. An empty one selects all. */
  readonly serviceSelector?: LabelSelector
  /** Only Services that the binding selects get addresses, however they ask. */
  readonly enforceNamespaces: boolean
  /** False: only Services that ask for this pool, or for one of its addresses, get one. */
  readonly autoAssign: boolean
  readonly order: AddressOrder
  /** How many addresses the Services of one namespace may hold together; absent when there is no limit. */
  readonly quotaPerNamespace?: number
  readonly onShrink: 'keep' | 'evict'
  readonly spec: EipSpec
}

/** Why an Eip cannot be a pool. `message` is OpenELB's text for it. */
export interface PoolError {
  readonly code: 'BAD_ADDRESS' | 'INTERFACE_REQUIRED' | 'INTERFACE_TOO_LONG' | 'BAD_RANGE' | 'BAD_SELECTOR'
  readonly message: string
  readonly cure: string
}

const ADDRESS_FORMS = 'spec.address takes one address, a prefix such as 192.0.2.0/24, or a range such as 192.0.2.10-192.0.2.20'
const INTERFACE_CURE =
  'set spec.interface to the name of the link in the network of these addresses, such as eth0, or to can_reach:<address>'

const NO_SPEC: EipSpec = { address: '' }

/** OpenELB's text about an address that it cannot read. */
export const BAD_ADDRESS_TEXT = 'invalid eip address format'
/** OpenELB's text about a layer2 or vip Eip without an interface. */
export const INTERFACE_REQUIRED_TEXT = 'if protocol is layer2 or vip, interface should not be empty'

/** Whether the annotations make an Eip the default. OpenELB's webhook took any case and its allocator only `true`; here both take any case. */
export function isDefaultEip(annotations: Readonly<Record<string, string>> | undefined): boolean {
  return annotations?.[IS_DEFAULT_EIP]?.toLowerCase() === 'true'
}

/** Reads `spec.address`. Error: BAD_ADDRESS, also when it is no text at all. */
export function readRange(spec: { readonly address?: unknown }): Result<AddressRange, PoolError> {
  if (typeof spec.address !== 'string') return err({ code: 'BAD_ADDRESS', message: BAD_ADDRESS_TEXT, cure: ADDRESS_FORMS })
  const range = parseAddressRange(spec.address)
  if (range.ok) return range
  return err({ code: 'BAD_ADDRESS', message: BAD_ADDRESS_TEXT, cure: `${range.error.message}; ${ADDRESS_FORMS}` })
}

function readInterface(spec: EipSpec, protocol: Protocol): Result<string | undefined, PoolError> {
  const text = interfaceText(spec)
  if (text === undefined) {
    if (protocol === 'bgp') return ok(undefined)
    return err({ code: 'INTERFACE_REQUIRED', message: INTERFACE_REQUIRED_TEXT, cure: INTERFACE_CURE })
  }
  if (text.length <= LONGEST_INTERFACE_TEXT) return ok(text)
  const message = `spec.interface and spec.interfaces have ${text.length} characters together`
  return err({
    code: 'INTERFACE_TOO_LONG',
    message,
    cure: `use at most ${LONGEST_INTERFACE_TEXT}: a pattern such as eth* names many links`,
  })
}

type Binding = Pick<Pool, 'namespaces' | 'namespaceSelector' | 'serviceSelector' | 'priority' | 'enforceNamespaces' | 'autoAssign'>

const SELECTOR_CURE = 'write matchLabels, or matchExpressions with key, operator (In, NotIn, Exists, DoesNotExist) and values'

const badSelector = (field: string, problem: string): Result<never, PoolError> =>
  err({ code: 'BAD_SELECTOR', message: `${field} is not valid`, cure: `${problem}; ${SELECTOR_CURE}` })

const nodeSelectorFields = ({ nodeSelectors = [], preferredNodes = [] }: EipSpec) => [
  ...nodeSelectors.map((selector, at) => ({ field: `spec.nodeSelectors[${at}]`, selector })),
  ...preferredNodes.map(({ selector }, at) => ({ field: `spec.preferredNodes[${at}].selector`, selector })),
]

function readBinding(spec: EipSpec): Result<Binding, PoolError> {
  const namespaces = readSelectorOrMap(spec.namespaceSelector)
  if (!namespaces.ok) return badSelector('spec.namespaceSelector', namespaces.error)
  const problem = selectorProblem(spec.serviceSelector ?? {})
  if (problem !== undefined) return badSelector('spec.serviceSelector', problem)
  for (const { field, selector } of nodeSelectorFields(spec)) {
    const nodeProblem = selectorProblem(selector)
    if (nodeProblem !== undefined) return badSelector(field, nodeProblem)
  }
  return ok({
    namespaces: spec.namespaces ?? [],
    ...(namespaces.value !== undefined && { namespaceSelector: namespaces.value }),
    ...(spec.serviceSelector !== undefined && { serviceSelector: spec.serviceSelector }),
    priority: spec.priority ?? 0,
    enforceNamespaces: spec.enforceNamespaces ?? false,
    autoAssign: spec.autoAssign ?? true,
  })
}

function readPoolSpec(range: AddressRange, spec: EipSpec): Result<PoolRanges & Binding, PoolError> {
  const ranges = readPoolRanges(range, spec)
  if (!ranges.ok) {
    const { field, message } = ranges.error
    return err({ code: 'BAD_RANGE', message: `${field} is not valid`, cure: message })
  }
  const binding = readBinding(spec)
  return binding.ok ? ok({ ...ranges.value, ...binding.value }) : binding
}

/**
 * Reads an Eip. It was accepted by the schema, and perhaps not by the webhook, which can be away.
 * Errors: BAD_ADDRESS, then INTERFACE_REQUIRED or INTERFACE_TOO_LONG, then BAD_RANGE and BAD_SELECTOR for the fields that OpenELB does not have.
 */
export function toPool(eip: EipObject): Result<Pool, PoolError> {
  // OpenELB's CustomResourceDefinition lets the spec be missing, and what is stored stays as it is.
  const { metadata, spec = NO_SPEC } = eip
  const range = readRange(spec)
  if (!range.ok) return range
  // An absent protocol means bgp, as OpenELB has it.
  const protocol = spec.protocol ?? 'bgp'
  const link = readInterface(spec, protocol)
  if (!link.ok) return link
  const read = readPoolSpec(range.value, spec)
  if (!read.ok) return read
  const quotaPerNamespace = spec.quota?.perNamespace
  return ok({
    ...read.value,
    name: metadata.name,
    uid: metadata.uid,
    created: metadata.creationTimestamp,
    range: range.value,
    protocol,
    ...(link.value !== undefined && { interface: link.value }),
    disabled: spec.disable ?? false,
    deleting: metadata.deletionTimestamp !== undefined,
    isDefault: isDefaultEip(metadata.annotations),
    order: spec.order ?? 'first',
    ...(quotaPerNamespace !== undefined && { quotaPerNamespace }),
    onShrink: spec.onShrink ?? 'keep',
    spec,
  })
}
