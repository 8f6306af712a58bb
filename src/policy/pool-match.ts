/** Which pools a Service may draw from when it names none. */
import type { Protocol } from '../api/eip.ts'
import { compareAge } from './overlap.ts'
import type { Pool } from './pool.ts'

/** The Namespace of a Service: its name and its labels. */
export interface NamespaceFacts {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** The pools to try, in order, and how they were found. `ruledOut` are pools that only the protocol annotation kept away. */
export type Candidates =
  | { readonly kind: 'bound'; readonly pools: readonly Pool[] }
  | { readonly kind: 'default'; readonly pools: readonly [Pool] }
  | { readonly kind: 'none'; readonly ruledOut: readonly Pool[] }

/** Whether a pool is bound to a namespace, by name or by selector. A pool without either is bound to none. */
export function matchesNamespace(pool: Pick<Pool, 'namespaces' | 'namespaceSelector'>, namespace: NamespaceFacts): boolean {
  if (pool.namespaces.includes(namespace.name)) return true
  const wanted = Object.entries(pool.namespaceSelector ?? {})
  return wanted.length > 0 && wanted.every(([key, value]) => namespace.labels[key] === value)
}

const byPriority = (a: Pool, b: Pool): number => a.priority - b.priority || (a.name < b.name ? -1 : 1)
const isOpen = (pool: Pool): boolean => !pool.disabled && !pool.deleting

/** The default pool: of several, which only an absent webhook allows, the oldest and then the first by name. */
export function defaultPool(pools: Iterable<Pool>): Pool | undefined {
  const [first] = [...pools].filter((pool) => pool.isDefault && isOpen(pool)).toSorted(compareAge)
  return first
}

/**
 * The pools for a Service that names neither Eip nor address: those bound to its namespace, by lower priority and then by name; only when
 * none is bound, the default pool. Disabled and deleting pools are no candidates. A bound pool that is full still counts: OpenELB never
 * falls back to the default, since whoever binds a pool to a namespace does so for the addresses themselves.
 * `protocol`, the Service's annotation, keeps only pools of that protocol.
 */
export function candidatesFor(namespace: NamespaceFacts, pools: Iterable<Pool>, protocol?: Protocol): Candidates {
  const open = [...pools].filter(isOpen)
  const serves = (pool: Pool): boolean => protocol === undefined || pool.protocol === protocol
  const bound = open.filter((pool) => matchesNamespace(pool, namespace)).toSorted(byPriority)
  const usable = bound.filter(serves)
  if (usable.length > 0) return { kind: 'bound', pools: usable }
  const fallback = defaultPool(open)
  if (fallback !== undefined && serves(fallback)) return { kind: 'default', pools: [fallback] }
  return { kind: 'none', ruledOut: fallback === undefined ? bound : [...bound, fallback] }
}
