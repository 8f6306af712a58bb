/** In which order the addresses of a pool became free, for the order least-recently-released. */
import { formatIp, type Ip, parseIp } from '../../addr/ip.ts'
import { type EipObject, type EipStatus, RELEASED_ENTRIES_MAX } from '../../api/eip.ts'
import type { Pool } from '../../policy/pool.ts'
import { poolContains } from '../../policy/pool-ranges.ts'
import type { PoolBook } from '../pools.ts'
import { timestamp } from '../timestamp.ts'

const textOf = (ms: number): string => timestamp({ nowMs: () => ms })

/** Addresses that drop out of a list, because RELEASED_ENTRIES_MAX others came after them, count as never given. */
export interface ReleasedLists {
  /** The address became free. */
  note(ip: Ip, pool: Pool, nowMs: number): void
  /** The address is held again. */
  forget(ip: Ip, pool: Pool): void
  /** Takes in what an earlier leader wrote in the statuses of Eips; `isTaken` leaves out what is held by now. */
  recall(eips: Iterable<EipObject>, book: Pick<PoolBook, 'get'>, isTaken: (ip: Ip) => boolean): void
  /** The addresses of a pool, oldest first; none for a pool whose order does not ask for it. */
  of(pool: string): readonly Ip[]
  /** The entries of a pool as its status has them. */
  ofPool(pool: Pool): NonNullable<EipStatus['released']>
}

interface Entry {
  readonly ip: Ip
  readonly atMs: number
}

/** Oldest first, by address. */
type List = Map<string, Entry>

const isOrdered = ({ order }: Pool): boolean => order === 'least-recently-released'

/** Creates empty lists. Those of Eips that `isThere` does not know any more are dropped when another Eip gets its list. */
export function createReleasedLists(isThere: (pool: string) => boolean): ReleasedLists {
  const lists = new Map<string, List>()
  function listOf(pool: string): List {
    const known = lists.get(pool)
    if (known !== undefined) return known
    for (const name of lists.keys()) if (!isThere(name)) lists.delete(name)
    const list: List = new Map()
    lists.set(pool, list)
    return list
  }
  return {
    note(ip, pool, nowMs) {
      if (!isOrdered(pool)) return
      const list = listOf(pool.name)
      const address = formatIp(ip)
      list.delete(address)
      list.set(address, { ip, atMs: nowMs })
      trim(list)
    },
    forget(ip, pool) {
      if (isOrdered(pool)) lists.get(pool.name)?.delete(formatIp(ip))
    },
    recall(eips, book, isTaken) {
      for (const eip of eips) {
        const { name } = eip.metadata
        const state = book.get(name)
        if (state === undefined || state.kind === 'invalid' || !isOrdered(state.pool)) continue
        const own = [...listOf(name).values()]
        const all = [...entriesOf(eip.status).filter(({ ip }) => !isTaken(ip)), ...own].toSorted((a, b) => a.atMs - b.atMs)
        const list: List = new Map()
        for (const entry of all) {
          const address = formatIp(entry.ip)
          list.delete(address)
          list.set(address, entry)
        }
        trim(list)
        lists.set(name, list)
      }
    },
    of: (pool) => [...(lists.get(pool)?.values() ?? [])].map(({ ip }) => ip),
    ofPool: (pool) =>
      isOrdered(pool)
        ? [...(lists.get(pool.name)?.values() ?? [])]
            .filter(({ ip }) => poolContains(pool, ip))
            .map(({ ip, atMs }) => ({ address: formatIp(ip), at: textOf(atMs) }))
        : [],
  }
}

function entriesOf(status: EipStatus | undefined): readonly Entry[] {
  return (status?.released ?? []).flatMap(({ address, at }) => {
    const ip = parseIp(address)
    const atMs = Date.parse(at)
    return ip.ok && !Number.isNaN(atMs) ? [{ ip: ip.value, atMs }] : []
  })
}

function trim(list: List): void {
  for (const address of list.keys()) {
    if (list.size <= RELEASED_ENTRIES_MAX) return
    list.delete(address)
  }
}
