/**
 * What the allocator knows at this moment: the watches, corrected by its own writes that they have not shown yet, and the ledger and the
 * pools read from them. It tells its listener what a change may concern, and decides nothing.
 */
import type { Ip } from '../addr/ip.ts'
import { type AddressRange, rangeContains } from '../addr/range.ts'
import type { AddressClaimObject } from '../api/address-claim.ts'
import type { ConfigMapObject, NamespaceObject, ServiceObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { readRange } from '../policy/pool.ts'
import { DEFAULT_SETTINGS, parseSettings, type Settings } from '../policy/settings.ts'
import type { Facts } from './decide.ts'
import { createFreshObjects } from './freshness.ts'
import { createLedger, type Holding, type Ledger } from './ledger.ts'
import { createPoolBook, type PoolBook, poolFingerprint } from './pools.ts'
import { shownAddresses } from './request.ts'
import { serviceKey } from './service-key.ts'
import type { Happening } from './waiters.ts'

/** A collection that somebody keeps up to date: an informer, or a Map in a test. */
export interface Watched<T> {
  get(key: string): T | undefined
  values(): Iterable<T>
  subscribe(listener: (change: { readonly key: string; readonly before: T | undefined; readonly after: T | undefined }) => void): () => void
}

export interface Sources {
  readonly services: Watched<ServiceObject>
  readonly namespaces: Watched<NamespaceObject>
  readonly eips: Watched<EipObject>
  readonly claims: Watched<AddressClaimObject>
  /** At most one object: the ConfigMap of the settings. */
  readonly settings: Watched<ConfigMapObject>
}

/** Who works on what changes. Calls are synchronous and in the order of the changes. */
export interface Listener {
  /** Look at this Service again. */
  service(key: string): void
  /** The status of this Eip may have changed. */
  eip(name: string): void
  /** Somebody may be waiting for this. */
  happened(happening: Happening): void
  /** Every Service may be decided differently now. */
  everything(): void
  /** The settings cannot be read; the former ones stay. */
  badSettings(message: string): void
}

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
  /** Whether a watch has shown the end of the Service with this uid. */
  sawEnd(uid: string): boolean
  /** Note the answer of a write, or of a read past the watch. */
  noteService(service: ServiceObject): void
  noteClaim(claim: AddressClaimObject): void
  noteClaimGone(holding: Holding): void
  noteEip(eip: EipObject): void
  noteEipGone(name: string): void
  /** Holdings known by our own writes only. Normally the watch confirms each of them within milliseconds. */
  unconfirmed(): readonly Holding[]
  /** Where changes are told from now on, and at once that the settings cannot be read, if they cannot; undefined ends it. */
  listen(listener: Listener | undefined): void
  /** Ends all subscriptions. Idempotent. */
  close(): void
}

/** Uids of Services whose end was seen; the oldest are forgotten, and cost a read when they are asked for after all. */
const ENDS_REMEMBERED = 16_384

/** Creates the knowledge over sources that may be empty still, and follows them. */
export function createKnowledge(sources: Sources, ownNamespace: string): Knowledge {
  const ledger = createLedger()
  const tell = createTeller()
  const pools = createPoolCache(sources.eips)
  const settings = createSettingsCache(sources.settings, tell)
  const services = followServices(sources.services, ledger, tell)
  const eips = followEips(sources.eips, ledger, pools, tell)
  const claims = followClaims(sources.claims, ledger, pools, tell)
  const namespaces = followNamespaces(sources.namespaces, tell)
  const ends = [services.close, eips.close, claims.close, namespaces, settings.close]
  return {
    ledger,
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
      return {
        service,
        namespace,
        pools: pools.book(),
        ledger,
        remembered,
        settings: settings.current(),
        ownNamespace,
        obstacles: { nodeOf: () => undefined, setAsideUntil: () => undefined, isExcluded: () => false },
        sharing: { service: services.get, statedBy: () => [] },
      }
    },
    sawEnd: services.sawEnd,
    noteService: services.note,
    noteClaim: claims.note,
    noteClaimGone: claims.noteGone,
    noteEip: eips.note,
    noteEipGone: eips.noteGone,
    listen(listener) {
      tell.to(listener)
      const problem = settings.problem()
      if (problem !== undefined) listener?.badSettings(problem)
    },
    unconfirmed: () =>
      [...ledger.all()].filter(({ claim }) => sources.claims.get(claim.metadata.name)?.metadata.uid !== claim.metadata.uid),
    close() {
      for (const end of ends) end()
    },
  }
}

type Teller = Listener & { to(listener: Listener | undefined): void }

function createTeller(): Teller {
  let listener: Listener | undefined
  return {
    to: (next) => {
      listener = next
    },
    service: (key) => listener?.service(key),
    eip: (name) => listener?.eip(name),
    happened: (happening) => listener?.happened(happening),
    everything: () => listener?.everything(),
    badSettings: (message) => listener?.badSettings(message),
  }
}

function createPoolCache(eips: Watched<EipObject>) {
  let book: PoolBook | undefined
  return {
    book: (): PoolBook => {
      book ??= createPoolBook(eips.values())
      return book
    },
    forget: () => {
      book = undefined
    },
  }
}

function createSettingsCache(watched: Watched<ConfigMapObject>, tell: Teller) {
  let current = DEFAULT_SETTINGS
  let problem: string | undefined
  const read = (map: ConfigMapObject | undefined): void => {
    const parsed = parseSettings(map?.data)
    problem = parsed.ok ? undefined : parsed.error.message
    if (!parsed.ok) {
      tell.badSettings(parsed.error.message)
      return
    }
    const changed = parsed.value.adopt !== current.adopt
    current = parsed.value
    if (changed) tell.everything()
  }
  for (const map of watched.values()) read(map)
  return { current: () => current, problem: () => problem, close: watched.subscribe(({ after }) => read(after)) }
}

function followServices(watched: Watched<ServiceObject>, ledger: Ledger, tell: Teller) {
  const fresh = createFreshObjects<ServiceObject>()
  const ended = new Set<string>()
  const end = (uid: string): void => {
    ledger.note(uid, [])
    ended.add(uid)
    const [oldest] = ended
    if (ended.size > ENDS_REMEMBERED && oldest !== undefined) ended.delete(oldest)
  }
  const show = (service: ServiceObject): void => ledger.note(service.metadata.uid, shownAddresses(service))
  for (const service of watched.values()) show(service)
  const close = watched.subscribe(({ key, before, after }) => {
    const echo = fresh.isEcho(key, after)
    fresh.watched(key, after)
    if (before !== undefined && before.metadata.uid !== after?.metadata.uid) end(before.metadata.uid)
    const latest = fresh.latest(key, after)
    if (latest !== undefined) show(latest)
    if (!echo) tell.service(key)
  })
  return {
    get: (key: string) => fresh.latest(key, watched.get(key)),
    note(service: ServiceObject): void {
      // The answer to a write may come after the watch has shown the end of the Service: it must not come back to life.
      if (ended.has(service.metadata.uid)) return
      const key = serviceKey(service.metadata)
      fresh.put(key, service)
      const latest = fresh.latest(key, watched.get(key))
      if (latest !== undefined) show(latest)
    },
    sawEnd: (uid: string) => ended.has(uid),
    close,
  }
}

function followEips(watched: Watched<EipObject>, ledger: Ledger, pools: ReturnType<typeof createPoolCache>, tell: Teller) {
  const fresh = createFreshObjects<EipObject>()
  const close = watched.subscribe(({ key, before, after }) => {
    const echo = fresh.isEcho(key, after)
    fresh.watched(key, after)
    const same = before !== undefined && after !== undefined && poolFingerprint(before) === poolFingerprint(after)
    if (same) {
      if (!echo) tell.eip(key)
      return
    }
    pools.forget()
    // The standing of others may change with it: an overlap begins or ends.
    for (const eip of watched.values()) tell.eip(eip.metadata.name)
    for (const holder of holdersAround(ledger, key, [before, after])) tell.service(holder)
    tell.happened({ kind: 'pool-changed', pool: key })
  })
  return {
    get: (name: string) => fresh.latest(name, watched.get(name)),
    note: (eip: EipObject) => fresh.put(eip.metadata.name, eip),
    noteGone: (name: string) => fresh.watched(name, undefined),
    close,
  }
}

/** Services that hold an address in the name of this Eip, or in one of its ranges. */
function holdersAround(ledger: Ledger, name: string, eips: readonly (EipObject | undefined)[]): ReadonlySet<string> {
  const ranges = eips.flatMap((eip): AddressRange[] => {
    const range = eip === undefined ? undefined : readRange(eip.spec)
    return range?.ok ? [range.value] : []
  })
  const keys = new Set<string>()
  for (const { claim, ip } of ledger.all()) {
    if (claim.spec.eip !== name && !ranges.some((range) => rangeContains(range, ip))) continue
    for (const holder of claim.spec.holders) keys.add(serviceKey(holder))
  }
  return keys
}

function followClaims(watched: Watched<AddressClaimObject>, ledger: Ledger, pools: ReturnType<typeof createPoolCache>, tell: Teller) {
  const tellHolders = (claim: AddressClaimObject): void => {
    for (const holder of claim.spec.holders) tell.service(serviceKey(holder))
  }
  const released = (holding: Holding): void => {
    const home = pools.book().containing(holding.ip)?.name
    const names = new Set([holding.claim.spec.eip, ...(home === undefined ? [] : [home])])
    for (const name of names) tell.eip(name)
    tell.happened({ kind: 'released', address: holding.address, pools: [...names] })
  }
  const take = (claim: AddressClaimObject): void => {
    const before = ledger.byName(claim.metadata.name)
    const after = ledger.upsert(claim)
    if (before === after) return
    if (before !== undefined && before.claim.spec.eip !== claim.spec.eip) tell.eip(before.claim.spec.eip)
    tell.eip(claim.spec.eip)
  }
  for (const claim of watched.values()) ledger.upsert(claim)
  const close = watched.subscribe(({ before, after }) => {
    if (after !== undefined) {
      const known = ledger.byName(after.metadata.name)
      take(after)
      if (ledger.byName(after.metadata.name) !== known) tellHolders(after)
      return
    }
    if (before === undefined) return
    const { name, uid } = before.metadata
    ledger.confirmRemoved(uid)
    const holding = ledger.byName(name)
    if (holding === undefined || !ledger.remove(name, uid)) return
    released(holding)
    tellHolders(before)
  })
  return {
    note: take,
    noteGone(holding: Holding): void {
      const { name, uid } = holding.claim.metadata
      // A claim that the watch never showed has no deletion event either: there is nothing to be ignored.
      const isWatched = watched.get(name)?.metadata.uid === uid
      if (isWatched ? ledger.bury(name, uid) : ledger.remove(name, uid)) released(holding)
    },
    close,
  }
}

function followNamespaces(watched: Watched<NamespaceObject>, tell: Teller): () => void {
  return watched.subscribe(({ key, before, after }) => {
    const same = JSON.stringify(before?.metadata.labels) === JSON.stringify(after?.metadata.labels)
    if (before === undefined || !same) tell.happened({ kind: 'namespace-changed', namespace: key })
  })
}
