/** Which pools a Service may draw from, when it names none and when it does. */
import type { Protocol } from '../api/eip.ts'
import { type Labels, matchesSelector } from './label-selector.ts'
import { compareAge } from './overlap.ts'
import type { Pool } from './pool.ts'

/** The Namespace of a Service: its name and its labels. */
export interface NamespaceFacts {
  readonly name: string
  readonly labels: Labels
}

/** What the binding of a pool looks at. */
export interface Applicant {
  readonly namespace: NamespaceFacts
  /** The labels of the Service itself. */
  readonly labels: Labels
}

/** The pools to try, in order, and how they were found. `ruledOut` are pools that only the protocol annotation kept away. */
export type Candidates =
  | { readonly kind: 'bound'; readonly pools: readonly Pool[] }
  | { readonly kind: 'default'; readonly pools: readonly [Pool] }
  | { readonly kind: 'none'; readonly ruledOut: readonly Pool[] }

type Binding = Pick<Pool, 'namespaces' | 'namespaceSelector' | 'serviceSelector'>

const bindsNamespaces = (pool: Binding): boolean => pool.namespaces.length > 0 || pool.namespaceSelector !== undefined

/** Whether the binding names the namespace, by name or by selector. One that names no namespaces names none. */
export function matchesNamespace(pool: Binding, namespace: NamespaceFacts): boolean {
  if (pool.namespaces.includes(namespace.name)) return true
  return pool.namespaceSelector !== undefined && matchesSelector(pool.namespaceSelector, namespace.labels)
}

/** Whether the pool is bound to anything: to namespaces, to Services, or to Services of some namespaces. */
export const isBound = (pool: Binding): boolean => bindsNamespaces(pool) || pool.serviceSelector !== undefined

/** Whether a pool is bound to this Service. Both parts of a binding must hold; a part that is not given holds. A pool without any is bound to none. */
export function matchesBinding(pool: Binding, { namespace, labels }: Applicant): boolean {
  if (!isBound(pool)) return false
  if (bindsNamespaces(pool) && !matchesNamespace(pool, namespace)) return false
  return pool.serviceSelector === undefined || matchesSelector(pool.serviceSelector, labels)
}

/** Whether nothing but its own labels keeps a Service out of the binding: its owner can change them. */
export const lacksOnlyLabels = (pool: Binding, { namespace, labels }: Applicant): boolean =>
  pool.serviceSelector !== undefined &&
  !matchesSelector(pool.serviceSelector, labels) &&
  (!bindsNamespaces(pool) || matchesNamespace(pool, namespace))

/** Whether the Service may have addresses of the pool at all, however it asks: a fence keeps all others out. */
export const isPermitted = (pool: Binding & Pick<Pool, 'enforceNamespaces'>, applicant: Applicant): boolean =>
  !pool.enforceNamespaces || matchesBinding(pool, applicant)

const byPriority = (a: Pool, b: Pool): number => a.priority - b.priority || (a.name < b.name ? -1 : 1)
const isOpen = (pool: Pool): boolean => !pool.disabled && !pool.deleting && pool.autoAssign

/** The default pool: of several, which only an absent webhook allows, the oldest and then the first by name. */
export function defaultPool(pools: Iterable<Pool>): Pool | undefined {
  const [first] = [...pools].filter((pool) => pool.isDefault && isOpen(pool)).toSorted(compareAge)
  return first
}

/**
 * The pools for a Service that names neither Eip nor address: those bound to it, by lower priority and then by name; only when none is
 * bound, the default pool. Disabled and deleting pools and those without autoAssign are no candidates. A bound pool that is full still
 * counts: OpenELB never falls back to the default, since whoever binds a pool does so for the addresses themselves.
 * `protocol`, the Service's annotation, keeps only pools of that protocol.
 */
export function candidatesFor(applicant: Applicant, pools: Iterable<Pool>, protocol?: Protocol): Candidates {
  const open = [...pools].filter(isOpen)
  const serves = (pool: Pool): boolean => protocol === undefined || pool.protocol === protocol
  const bound = open.filter((pool) => matchesBinding(pool, applicant)).toSorted(byPriority)
  const usable = bound.filter(serves)
  if (usable.length > 0) return { kind: 'bound', pools: usable }
  const found = defaultPool(open)
  const fallback = found !== undefined && isPermitted(found, applicant) ? found : undefined
  if (fallback !== undefined && serves(fallback)) return { kind: 'default', pools: [fallback] }
  return { kind: 'none', ruledOut: fallback === undefined ? bound : [...bound, fallback] }
}
