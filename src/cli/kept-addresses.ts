/** Addresses of pools that nobody holds and that are not free either. */
import { formatIp, type Ip, parseIp } from '../addr/ip.ts'
import { type AddressRange, firstIp, rangeSize, withoutRanges } from '../addr/range.ts'
import { createPoolBook } from '../allocator/pools.ts'
import type { Pool } from '../policy/pool.ts'
import { isBuggy, rangeText } from '../policy/pool-ranges.ts'
import { claimIp, type LedgerState } from './ledger-state.ts'

export interface KeptAddress {
  /** The first one, to sort by. */
  readonly ip: Ip
  /** One address, or `first-last`. */
  readonly address: string
  readonly eip: string
  readonly state: 'Reserved' | 'Excluded' | 'SetAside'
  /** For whom it is reserved. */
  readonly service: string
  readonly says: string
}

/** Ranges above this size are not looked through for addresses that end in 0 or 255. */
const SMALL_RANGE = 4096n

function reserved(pool: Pool, held: ReadonlySet<string>): readonly KeptAddress[] {
  return [...pool.reservations]
    .filter(([address]) => !held.has(address))
    .flatMap(([address, { namespace, name }]): KeptAddress[] => {
      const ip = parseIp(address)
      const says = 'kept for that Service by spec.reservations'
      return ip.ok ? [{ ip: ip.value, address, eip: pool.name, state: 'Reserved', service: `${namespace}/${name}`, says }] : []
    })
}

const excludedLine = (pool: Pool, range: AddressRange, says: string): KeptAddress => ({
  ip: firstIp(range),
  address: rangeText(range),
  eip: pool.name,
  state: 'Excluded',
  service: '',
  says,
})

function excluded(pool: Pool, everywhere: readonly AddressRange[]): readonly KeptAddress[] {
  const own = pool.ranges.flatMap((range, at) => withoutRanges(range, [...pool.usable, ...pool.ranges.slice(0, at)]))
  const common = pool.usable.flatMap((range) => withoutRanges(range, withoutRanges(range, everywhere)))
  return [
    ...own.map((range) => excludedLine(pool, range, 'by spec.exclude')),
    ...common.map((range) => excludedLine(pool, range, 'by the setting exclude of openelb-config')),
    ...(pool.avoidBuggyIPs ? buggy(pool) : []),
  ]
}

function buggy(pool: Pool): readonly KeptAddress[] {
  const small = pool.usable.filter((range) => range.family === 'IPv4' && rangeSize(range) <= SMALL_RANGE)
  return small.flatMap((range) => {
    const found: KeptAddress[] = []
    for (let value = range.first; value <= range.last; value++) {
      const ip: Ip = { family: range.family, value }
      if (isBuggy(ip)) found.push(excludedLine(pool, { family: range.family, first: value, last: value }, 'by spec.avoidBuggyIPs'))
    }
    return found
  })
}

/** Of every Eip that can be read, in the order of the Eips: reserved and not held, excluded, set aside. */
export function keptAddresses({ eips, claims, excluded: everywhere }: Omit<LedgerState, 'services'>): readonly KeptAddress[] {
  // Without the setting, so that each exclusion is told with what excludes.
  const pools = createPoolBook(eips)
  const held = new Set(
    claims.flatMap((claim) => {
      const ip = claimIp(claim)
      return ip === undefined ? [] : [formatIp(ip)]
    }),
  )
  return eips.flatMap((eip) => {
    const state = pools.get(eip.metadata.name)
    const aside = (eip.status?.setAside ?? []).flatMap(({ address, until, message }): KeptAddress[] => {
      const ip = parseIp(address)
      if (!ip.ok) return []
      const says = `until ${until}: ${message}`
      return [{ ip: ip.value, address: formatIp(ip.value), eip: eip.metadata.name, state: 'SetAside', service: '', says }]
    })
    if (state === undefined || state.kind === 'invalid') return aside
    return [...reserved(state.pool, held), ...excluded(state.pool, everywhere), ...aside]
  })
}
