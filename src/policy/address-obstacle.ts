/** What of an Eip and of the network stands against one address, whoever holds it. One rule for admission and for the allocator. */
import { formatIp, type Ip } from '../addr/ip.ts'
import { rangeContains } from '../addr/range.ts'
import type { Pool } from './pool.ts'
import { type Applicant, isPermitted } from './pool-match.ts'
import { isBuggy, poolGives, type ServiceName } from './pool-ranges.ts'
import type { Refusal } from './refusal.ts'
import type { Settings } from './settings.ts'

export interface AddressFacts {
  /** The Service that asks. */
  readonly service: ServiceName
  /** Undefined when its namespace is not known: then a fence keeps it out. */
  readonly applicant: Applicant | undefined
  /** Whether the settings exclude the address. */
  readonly isExcluded: (ip: Ip) => boolean
  /** The node whose address this is. */
  readonly nodeAt: (ip: Ip) => string | undefined
}

const isSame = (a: ServiceName, b: ServiceName): boolean => a.namespace === b.namespace && a.name === b.name

/** Whether the settings exclude the address. */
export const isExcludedBy = ({ exclude }: Pick<Settings, 'exclude'>, ip: Ip): boolean => exclude.some((range) => rangeContains(range, ip))

/** Why a pool does not give one of its addresses to anybody; undefined when it does. */
function exclusionOf(ip: Ip, pool: Pool, isExcluded: boolean): string | undefined {
  if (isExcluded) return 'the setting exclude'
  if (poolGives(pool, ip)) return undefined
  return pool.avoidBuggyIPs && isBuggy(ip) ? 'spec.avoidBuggyIPs' : 'spec.exclude'
}

/**
 * The refusal for an address that the pool has in its ranges: AddressReserved, PoolNotPermitted, AddressExcluded or AddressOfNode, in this
 * order. A reservation for the Service itself lets it through a fence.
 */
export function addressObstacle(ip: Ip, pool: Pool, { service, applicant, isExcluded, nodeAt }: AddressFacts): Refusal | undefined {
  const address = formatIp(ip)
  const keptFor = pool.reservations.get(address)
  const isKeptForUs = keptFor !== undefined && isSame(keptFor, service)
  if (keptFor !== undefined && !isKeptForUs) {
    return { code: 'AddressReserved', address, pool: pool.name, by: `${keptFor.namespace}/${keptFor.name}` }
  }
  const isLetIn = isKeptForUs || !pool.enforceNamespaces || (applicant !== undefined && isPermitted(pool, applicant))
  if (!isLetIn) return { code: 'PoolNotPermitted', pool: pool.name, namespace: service.namespace }
  const exclusion = exclusionOf(ip, pool, isExcluded(ip))
  if (exclusion !== undefined) return { code: 'AddressExcluded', address, pool: pool.name, by: exclusion }
  const node = nodeAt(ip)
  return node === undefined ? undefined : { code: 'AddressOfNode', address, node }
}
