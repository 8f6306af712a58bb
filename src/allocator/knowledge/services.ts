/** The Services: the watch, corrected by our own writes, and the addresses that their statuses show. */
import type { Family, Ip } from '../../addr/ip.ts'
import type { ServiceObject } from '../../api/core-objects.ts'
import { createFreshObjects } from '../freshness.ts'
import type { Ledger } from '../ledger.ts'
import type { PoolBook } from '../pools.ts'
import { shownAddresses } from '../request.ts'
import { serviceKey } from '../service-key.ts'
import { freeAgain } from '../waiters.ts'
import type { Teller, Watched } from './sources.ts'

/** Uids of Services whose end was seen; the oldest are forgotten, and cost a read when they are asked for after all. */
const ENDS_REMEMBERED = 16_384

const FAMILIES: readonly Family[] = ['IPv4', 'IPv6']

export interface ServicesFollower {
  get(key: string): ServiceObject | undefined
  /** Whether the end of the Service with this uid was seen. */
  sawEnd(uid: string): boolean
  /** Notes the answer of a write, or of a read past the watch. */
  note(service: ServiceObject): void
  /** The API server says that the Service of this uid is gone. */
  noteGone(key: string, uid: string): void
  /** Services known by our own requests only. */
  unconfirmed(): readonly ServiceObject[]
  close(): void
}

/** Follows the Services; what they show goes into the ledger. */
export function followServices(watched: Watched<ServiceObject>, ledger: Ledger, book: () => PoolBook, tell: Teller): ServicesFollower {
  const fresh = createFreshObjects<ServiceObject>()
  const ends = createEnds()
  const shown = createShownNotes(ledger, book, tell)
  const end = (uid: string): void => {
    ends.add(uid)
    shown.note(uid, [])
  }
  const show = (service: ServiceObject): void => shown.note(service.metadata.uid, keptFromOthers(service))
  for (const service of watched.values()) show(service)
  const close = watched.subscribe(({ key, before, after }) => {
    const echo = fresh.isEcho(key, after)
    fresh.watched(key, after)
    if (before !== undefined && before.metadata.uid !== after?.metadata.uid) end(before.metadata.uid)
    const latest = fresh.latest(key, after)
    if (latest !== undefined) show(latest)
    if (echo) return
    tell.service(key)
    tell.happened({ kind: 'service-changed', service: key })
  })
  return {
    get: (key) => fresh.latest(key, watched.get(key)),
    note(service) {
      // The answer to a write may come after the watch has shown the end of the Service: it must not come back to life.
      if (ends.has(service.metadata.uid)) return
      const key = serviceKey(service.metadata)
      fresh.put(key, service)
      const latest = fresh.latest(key, watched.get(key))
      if (latest !== undefined) show(latest)
    },
    noteGone(key, uid) {
      fresh.drop(key, uid)
      if (watched.get(key)?.metadata.uid !== uid) end(uid)
      tell.service(key)
      tell.happened({ kind: 'service-changed', service: key })
    },
    sawEnd: ends.has,
    unconfirmed: () => fresh.values().filter((own) => watched.get(serviceKey(own.metadata))?.metadata.uid !== own.metadata.uid),
    close,
  }
}

/**
 * Of what a Service shows, the first address of each family: none of ours has more, and whoever may patch a status must not close a pool to
 * all others with a single Service.
 */
function keptFromOthers(service: ServiceObject): readonly Ip[] {
  const shown = shownAddresses(service)
  return FAMILIES.flatMap((family) => shown.find((ip) => ip.family === family) ?? [])
}

/** The last uids that came to an end. */
function createEnds() {
  const ended = new Set<string>()
  return {
    add(uid: string): void {
      ended.add(uid)
      const [oldest] = ended
      if (ended.size > ENDS_REMEMBERED && oldest !== undefined) ended.delete(oldest)
    },
    has: (uid: string): boolean => ended.has(uid),
  }
}

/** What each Service shows. An address without a claim that nobody shows any more is free from then on, and somebody may wait for it. */
function createShownNotes(ledger: Ledger, book: () => PoolBook, tell: Teller) {
  const shownBy = new Map<string, readonly Ip[]>()
  const isStill = (ip: Ip, among: readonly Ip[]): boolean => among.some((other) => other.family === ip.family && other.value === ip.value)
  return {
    note(uid: string, ips: readonly Ip[]): void {
      const gone = (shownBy.get(uid) ?? []).filter((ip) => !isStill(ip, ips))
      ledger.note(uid, ips)
      if (ips.length === 0) shownBy.delete(uid)
      else shownBy.set(uid, ips)
      for (const ip of gone) {
        if (ledger.isTaken(ip) || ledger.isShownByAnother(ip, '')) continue
        tell.happened(freeAgain(ip, book()))
      }
    },
  }
}
