/** One Eip: what it gives, to whom, and who waits for it. */

import type { PoolState } from '../../allocator/pools.ts'
import type { EipObject } from '../../api/eip.ts'
import { poolFamilies } from '../../policy/pool-ranges.ts'
import type { PoolLine } from '../pool-line.ts'
import type { WaitingService } from '../waiting.ts'
import { type Section, section } from './section.ts'

export interface PoolFacts {
  readonly eip: EipObject
  readonly state: PoolState | undefined
  readonly line: PoolLine
  /** Those whose reason names the Eip. */
  readonly waiting: readonly WaitingService[]
}

const MOST_WAITING = 10

export function explainPool({ eip, state, line, waiting }: PoolFacts): readonly Section[] {
  const { spec, status } = eip
  const more = waiting.length - MOST_WAITING
  return [
    ...section('Eip', [`${line.name}, ${line.protocol}${spec.interface === undefined ? '' : ` on ${spec.interface}`}`]),
    ...section('Addresses', [
      ...line.addresses,
      ...line.excluded.map((range) => `without ${range}`),
      ...(spec.avoidBuggyIPs === true ? ['without those that end in .0 or .255'] : []),
    ]),
    ...section('Room', [
      `${line.free} of ${line.total} free, ${line.used} held${line.draining > 0 ? `, ${line.draining} of them outside of its ranges` : ''}`,
    ]),
    ...section('Serves', servesLines(state, line)),
    ...section('Gives', [
      `${ORDERS[spec.order ?? 'first']}${spec.quota?.perNamespace === undefined ? '' : `, at most ${spec.quota.perNamespace} to one namespace`}`,
    ]),
    ...section(
      'Reserved',
      (spec.reservations ?? []).map(({ address, namespace, name }) => `${address} for ${namespace}/${name}`),
    ),
    ...section(
      'Set aside',
      (status?.setAside ?? []).map(({ address, until, message }) => `${address} until ${until}: ${message}`),
    ),
    ...section(
      'Conditions',
      (status?.conditions ?? []).map(({ type, status: value, reason, message }) => `${type}=${value} ${reason}: ${message}`),
    ),
    ...section(
      'Waiting',
      [...waiting.slice(0, MOST_WAITING).map(({ service, reason }) => `${service} (${reason})`), ...(more > 0 ? [`and ${more} more`] : [])],
      'warn',
    ),
  ]
}

const ORDERS = {
  first: 'the lowest free address first',
  last: 'the highest free address first',
  'least-recently-released': 'the address first that was free for the longest time',
  hash: 'the address that the name of the Service leads to',
} as const

function servesLines(state: PoolState | undefined, line: PoolLine): readonly string[] {
  if (state === undefined || state.kind === 'invalid') return ['nobody: it cannot be read']
  if (state.kind === 'overlap') return [`nobody: it overlaps with the older ${state.with}`]
  const { pool } = state
  if (pool.deleting || pool.disabled) return [pool.deleting ? 'nobody new: it is being deleted' : 'nobody new: it is disabled']
  const bound = line.boundTo.length > 0 ? [`Services of ${line.boundTo.join(', ')}, priority ${line.priority}`] : []
  const asked = pool.enforceNamespaces
    ? 'and nobody else (spec.enforceNamespaces)'
    : 'Services that ask for it, or for one of its addresses'
  const unasked = pool.autoAssign ? [...bound, ...(pool.isDefault ? ['as the default Eip, Services that no Eip is bound to'] : [])] : []
  return [...unasked, asked, `${poolFamilies(pool).join(' and ') || 'no family'}`]
}
