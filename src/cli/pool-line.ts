/** One Eip in one line: what it has, what is left of it, who may draw from it, and what is wrong. */
import { createPoolBook, type PoolBook } from '../allocator/pools.ts'
import type { AddressClaimObject } from '../api/address-claim.ts'
import type { EipObject } from '../api/eip.ts'
import type { LabelSelector } from '../api/label-selector.ts'
import { isDefaultEip, type Pool } from '../policy/pool.ts'
import { poolGives, poolSize } from '../policy/pool-ranges.ts'
import { claimIp, type LedgerState } from './ledger-state.ts'
import { type Cell, type Column, type Tone, toned } from './report.ts'
import { waitingFor, waitingServices } from './waiting.ts'

/** Numbers of addresses are text: a pool of IPv6 has more than JSON can count. */
export interface PoolLine {
  readonly name: string
  readonly addresses: readonly string[]
  readonly excluded: readonly string[]
  readonly protocol: string
  /** Addresses that are held in its name, those that it does not give any more included. */
  readonly used: number
  readonly free: string
  readonly total: string
  readonly ready: 'True' | 'False' | 'Unknown'
  readonly default: boolean
  readonly priority: number
  readonly boundTo: readonly string[]
  readonly waiting: number
  readonly order: string
  readonly reserved: number
  /** Held addresses that it does not give any more. */
  readonly draining: number
  /** Empty when all is well. */
  readonly reason: string
}

export const POOL_COLUMNS: readonly Column[] = [
  { title: 'NAME' },
  { title: 'ADDRESSES' },
  { title: 'PROTOCOL' },
  { title: 'USED' },
  { title: 'FREE' },
  { title: 'TOTAL' },
  { title: 'READY' },
  { title: 'DEFAULT' },
  { title: 'PRIORITY' },
  { title: 'BOUND TO' },
  { title: 'WAITING' },
  { title: 'EXCLUDED', wide: true },
  { title: 'RESERVED', wide: true },
  { title: 'DRAINING', wide: true },
  { title: 'ORDER', wide: true },
  { title: 'REASON' },
]

const EXPECTED_REASONS: ReadonlySet<string> = new Set(['Active'])

/** The lines of all Eips, in the order of their names. */
export function poolLines(state: LedgerState): readonly PoolLine[] {
  const pools = createPoolBook(state.eips, state.excluded)
  const waiting = waitingServices(state.services)
  const claims = Map.groupBy(state.claims, ({ spec }) => spec.eip)
  return state.eips
    .map((eip) => poolLine(eip, claims.get(eip.metadata.name) ?? [], pools, (name) => waitingFor(name, waiting)))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function poolLine(eip: EipObject, held: readonly AddressClaimObject[], pools: PoolBook, waiting: (pool: string) => number): PoolLine {
  const { metadata, spec, status } = eip
  const state = pools.get(metadata.name)
  const pool = state === undefined || state.kind === 'invalid' ? undefined : state.pool
  const inside = held.filter((claim) => {
    const ip = claimIp(claim)
    return ip !== undefined && pool !== undefined && poolGives(pool, ip)
  })
  const total = pool === undefined ? undefined : poolSize(pool)
  const left = total === undefined ? undefined : total - BigInt(inside.length)
  return {
    name: metadata.name,
    addresses: [spec.address, ...(spec.addresses ?? [])],
    excluded: spec.exclude ?? [],
    protocol: spec.protocol ?? 'bgp',
    used: held.length,
    free: left === undefined ? 'unknown' : String(left < 0n ? 0n : left),
    total: String(total ?? 'unknown'),
    ready: status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown',
    default: isDefaultEip(metadata.annotations),
    priority: spec.priority ?? 0,
    boundTo: pool === undefined ? [] : bindingOf(pool),
    waiting: waiting(metadata.name),
    order: spec.order ?? 'first',
    reserved: spec.reservations?.length ?? 0,
    draining: pool === undefined ? 0 : held.length - inside.length,
    reason: reasonOf(eip),
  }
}

/** The conditions that say something: Ready unless it is plain, and the others while they are True. */
function reasonOf({ status }: EipObject): string {
  const conditions = status?.conditions ?? []
  const saying = conditions.filter(({ type, status: value, reason }) =>
    type === 'Ready' ? value !== 'True' || !EXPECTED_REASONS.has(reason) : value === 'True',
  )
  const texts = saying.map(({ type, reason, message }) => `${type === 'Ready' ? reason : type}: ${message}`)
  return conditions.length === 0 ? 'the allocator has not seen it yet' : texts.join('; ')
}

/** Whom a pool serves unasked: namespaces by name, namespaces by labels, Services by labels. Empty for all, or for those that ask. */
export function bindingOf(pool: Pick<Pool, 'namespaces' | 'namespaceSelector' | 'serviceSelector'>): readonly string[] {
  return [
    ...pool.namespaces,
    ...(pool.namespaceSelector === undefined ? [] : [`namespaces(${selectorText(pool.namespaceSelector)})`]),
    ...(pool.serviceSelector === undefined ? [] : [`services(${selectorText(pool.serviceSelector)})`]),
  ]
}

/** A selector as kubectl's `-l` takes it; `all` for one without requirements. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`)
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`
  })
  return [...labels, ...expressions].join(',') || 'all'
}

const LONGEST_REASON = 160

/** A sentence may name every Service: a table has its beginning, `-o json` all of it. */
export const cut = (text: string): string => (text.length > LONGEST_REASON ? `${text.slice(0, LONGEST_REASON)}...` : text)

const readyTone = (ready: PoolLine['ready']): Tone => (ready === 'True' ? 'good' : ready === 'False' ? 'bad' : 'warn')

/** The cells of POOL_COLUMNS. */
export const poolCells = (line: PoolLine): readonly Cell[] => [
  line.name,
  line.addresses.join(','),
  line.protocol,
  String(line.used),
  toned(line.free, line.free === '0' ? 'warn' : undefined),
  line.total,
  toned(line.ready, readyTone(line.ready)),
  String(line.default),
  String(line.priority),
  line.boundTo.join(','),
  toned(String(line.waiting), line.waiting > 0 ? 'warn' : undefined),
  line.excluded.join(','),
  String(line.reserved),
  String(line.draining),
  line.order,
  cut(line.reason),
]
