/**
 * What the allocator knows at this moment: the watches, corrected by its own writes that they have not shown yet, and the ledger and the
 * pools read from them. It tells its listener what a change may concern, and decides nothing.
 */
import type { Ip } from '../addr/ip.ts'
import { rangeContains } from '../addr/range.ts'
import type { AddressClaimObject } from '../api/address-claim.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import type { EipObject, EipStatus } from '../api/eip.ts'
import type { Pool } from '../policy/pool.ts'
import { DEFAULT_SETTINGS, type Settings } from '../policy/settings.ts'
import type { Obstacles } from './choose.ts'
import type { Facts } from './decide.ts'
import { followClaims } from './knowledge/claims.ts'
import { createPoolCache, followEips } from './knowledge/eips.ts'
import { createFreed } from './knowledge/freed.ts'
import { createHomes } from './knowledge/homes.ts'
import { followNamespaces } from './knowledge/namespaces.ts'
import { followNodes } from './knowledge/nodes.ts'
import { followServices } from './knowledge/services.ts'
import { followSettings } from './knowledge/settings.ts'
import { createTeller, type Listener, type Sources, type Watched } from './knowledge/sources.ts'
import type { Tally } from './knowledge/tally.ts'
import { createLedger, type Holding, type Ledger } from './ledger.ts'
import type { PoolBook } from './pools.ts'
import { freeAgain } from './waiters.ts'

export type { Listener, Sources, Watched }

export interface Knowledge {
  readonly ledger: Ledger
  readonly pools: PoolBook
  readonly settings: Settings
  service(key: string): ServiceObject | undefined
  services(): Iterable<ServiceObject>
  eip(name: string): EipObject | undefined
  eips(): Iterable<EipObject>
  /** What `decide` needs to know about a Service; `remembered` as in ChoiceFacts. */
  facts(service: ServiceObject, remembered: readonly Ip[]): Facts
  /** The holdings that count for an Eip. */
  tally(eip: string): Tally
  /** What the status of an Eip keeps of addresses that nobody holds. */
  history(pool: Pool): Required<Pick<EipStatus, 'released' | 'setAside'>>
  readonly obstacles: Obstacles
  readonly setAside: { readonly size: number; nextMs(): number | undefined }
  /** A term of leading begins: takes in what an earlier leader wrote down of addresses that nobody holds. */
  recall(): void
  /** Addresses that were set aside until now are free again. */
  expireSetAside(): void
  /** Whether a watch has shown the end of the Service with this uid. */
  sawEnd(uid: string): boolean
  /** Note the answer of a write, or of a read past the watch. */
  noteService(service: ServiceObject): void
  noteServiceGone(key: string, uid: string): void
  noteClaim(claim: AddressClaimObject): void
  /** The same for a claim that somebody else wrote. */
  noteFoundClaim(claim: AddressClaimObject): void
  noteClaimGone(holding: Holding): void
  noteEip(eip: EipObject): void
  noteEipGone(name: string): void
  /** What is known by our own requests only. Normally the watch confirms each of them within milliseconds. */
  unconfirmed(): { readonly holdings: readonly Holding[]; readonly services: readonly ServiceObject[] }
  /** Where changes are told from now on, and at once that the settings cannot be read, if they cannot; undefined ends it. */
  listen(listener: Listener | undefined): void
  /** Ends all subscriptions. Idempotent. */
  close(): void
}

export interface KnowledgeOptions {
  /** The time in ms since 1970. Without it releases have no time, only their order, and nothing that was set aside is ever over. */
  readonly nowMs?: () => number
  /** What holds where the ConfigMap says nothing. */
  readonly unset?: Settings
}

/** Creates the knowledge over sources that may be empty still, and follows them. */
export function createKnowledge(sources: Sources, ownNamespace: string, options: KnowledgeOptions = {}): Knowledge {
  const followers = follow(sources, options)
  const { ledger, tell, pools, settings, homes, freed, services, eips, claims, obstacles } = followers
  return {
    ledger,
    obstacles,
    get pools() {
      return pools.book()
    },
    get settings() {
      return settings.current()
    },
    service: services.get,
    services: () => sources.services.values(),
    eip: eips.get,
    eips: () => sources.eips.values(),
    facts(service, remembered) {
      const name = service.metadata.namespace ?? ''
      const found = sources.namespaces.get(name)
      const namespace = found === undefined ? undefined : { name, labels: found.metadata.labels ?? {} }
      const now = { pools: pools.book(), settings: settings.current(), released: freed.released.of }
      return { service, namespace, ledger, remembered, ownNamespace, obstacles, ...now }
    },
    tally: homes.tally,
    history: (pool) => ({ released: freed.released.ofPool(pool), setAside: freed.setAside.ofPool(pool) }),
    setAside: freed.setAside,
    recall: () => freed.recall(sources.eips.values()),
    expireSetAside() {
      for (const ip of freed.expire()) followers.tellFree(ip)
    },
    sawEnd: services.sawEnd,
    noteService: services.note,
    noteServiceGone: services.noteGone,
    noteClaim: claims.note,
    noteFoundClaim: claims.noteFound,
    noteClaimGone: claims.noteGone,
    noteEip: eips.note,
    noteEipGone: eips.noteGone,
    listen(listener) {
      tell.to(listener)
      const problem = settings.problem()
      if (problem !== undefined) listener?.badSettings(problem)
    },
    unconfirmed: () => ({ holdings: claims.unconfirmed(), services: services.unconfirmed() }),
    close: followers.close,
  }
}

/** One follower per source, and what is derived from them. */
function follow(sources: Sources, { nowMs = () => 0, unset = DEFAULT_SETTINGS }: KnowledgeOptions) {
  const tell = createTeller()
  const ledger = createLedger()
  const pools = createPoolCache(sources.eips, () => settings.current())
  const homes = createHomes(ledger, pools.book)
  const onPools = (): void => {
    pools.forget()
    homes.reset()
  }
  const settings = followSettings(sources.settings, unset, tell, onPools)
  const freed = createFreed(ledger, pools.book, nowMs)
  const services = followServices(sources.services, ledger, pools.book, tell)
  const eips = followEips(sources.eips, { ledger, tell, book: pools.book, onPools })
  const claims = followClaims(sources.claims, { ledger, homes, tell, onHeld: freed.onHeld, onFreed: freed.onFreed })
  const nodes = followNodes(sources.nodes, pools.book, tell)
  const obstacles: Obstacles = {
    nodeOf: nodes.nodeOf,
    setAsideUntil: freed.setAside.until,
    isExcluded: (ip) => settings.current().exclude.some((range) => rangeContains(range, ip)),
  }
  const ends = [services.close, eips.close, claims.close, followNamespaces(sources.namespaces, tell), nodes.close, settings.close]
  const close = (): void => {
    for (const end of ends) end()
  }
  const tellFree = (ip: Ip): void => {
    const pool = pools.book().containing(ip)
    if (pool !== undefined) tell.eip(pool.name)
    tell.happened(freeAgain(ip, pools.book()))
  }
  return { ledger, tell, pools, settings, homes, freed, services, eips, claims, obstacles, tellFree, close }
}
