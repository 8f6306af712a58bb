/**
 * Who holds which address: one list of holdings, read from the AddressClaims. Everything else here is an index derived from that list.
 * The cost of a search grows with the holdings (logarithmically), never with the size of a pool.
 */
import { createIntervalSet, type IntervalSet } from '../addr/interval-set.ts'
import { compareIp, type Family, formatIp, type Ip } from '../addr/ip.ts'
import type { AddressRange } from '../addr/range.ts'
import { type AddressClaimObject, type AddressClaimSpec, type Holder, parseClaimName } from '../api/address-claim.ts'
import { isNewer } from './freshness.ts'
import { serviceKey } from './service-key.ts'

/** One claimed address. `address` is the canonical text of `ip`. */
export interface Holding {
  readonly ip: Ip
  readonly address: string
  readonly claim: AddressClaimObject
}

/** What a decision may ask. Nothing here changes the ledger. */
export interface LedgerView {
  /** The holding of an address, whoever has it. */
  at(ip: Ip): Holding | undefined
  /** Every holding of a Service, by the Service's uid, lowest address first. */
  heldBy(uid: string): readonly Holding[]
  /** Whether somebody holds the address, or is about to. */
  isTaken(ip: Ip): boolean
  /** Whether the status of another Service shows the address: without a claim, nobody gets it by automatic choice. */
  isShownByAnother(ip: Ip, uid: string): boolean
  /** The lowest address of the range that is not taken; with `passEdges`, none that ends in .0 or .255. Undefined when there is none. */
  firstFree(range: AddressRange, passEdges?: boolean): Ip | undefined
  /** The highest one, likewise. */
  lastFree(range: AddressRange, passEdges?: boolean): Ip | undefined
  /** Holdings with a holder that states this sharing digest, in no order. */
  sharedBy(sharing: string): Iterable<Holding>
  /** How many addresses the Services of a namespace hold by claims that name this Eip. */
  countFor(eip: string, namespace: string): number
}

/** The ledger itself. All methods are synchronous, so that a choice and its reservation are one step. */
export interface Ledger extends LedgerView {
  /** Takes in a claim as read or written; an older version than the one held is ignored. Undefined when its name is no address. */
  upsert(claim: AddressClaimObject): Holding | undefined
  /** The watch, or an answer of the API server, says that this claim is gone. False when another one has the address by now. */
  remove(name: string, uid: string): boolean
  /** Like remove, for a deletion of our own: late events about the claim are ignored until `confirmRemoved`. */
  bury(name: string, uid: string): boolean
  confirmRemoved(uid: string): void
  /** Sets an address aside while its claim is being created; false when it is taken. */
  reserve(ip: Ip): boolean
  unreserve(ip: Ip): void
  /** A claim is being written: for `countFor` it is there already. */
  expect(name: string, spec: Pick<AddressClaimSpec, 'eip' | 'holders'>): void
  /** That write has been answered, and a claim that came of it is in the ledger. */
  unexpect(name: string): void
  /** Notes which addresses the status of a Service shows: nobody else gets them by automatic choice. */
  note(uid: string, shown: readonly Ip[]): void
  byName(name: string): Holding | undefined
  /** Holdings of any Service of this `namespace/name`, also of one that was deleted and whose name was taken again. */
  heldUnder(key: string): readonly Holding[]
  /** Holdings whose claim names this Eip, in no order. */
  inPool(eip: string): Iterable<Holding>
  countIn(eip: string): number
  all(): Iterable<Holding>
  readonly size: number
}

const tenant = (eip: string, namespace: string): string => `${eip} ${namespace}`
const slot = (ip: Ip): string => `${ip.family}/${ip.value.toString(16)}`
/** Sorts holdings by address, IPv4 first. */
export const byAddress = (a: Holding, b: Holding): number => compareIp(a.ip, b.ip)

/** A multimap that forgets empty keys. */
interface Index<V> {
  add(key: string, value: V): void
  delete(key: string, value: V): void
  get(key: string): ReadonlySet<V>
}

function createIndex<V>(): Index<V> {
  const sets = new Map<string, Set<V>>()
  const none: ReadonlySet<V> = new Set()
  return {
    add(key, value) {
      const set = sets.get(key)
      if (set === undefined) sets.set(key, new Set([value]))
      else set.add(value)
    },
    delete(key, value) {
      const set = sets.get(key)
      set?.delete(value)
      if (set?.size === 0) sets.delete(key)
    },
    get: (key) => sets.get(key) ?? none,
  }
}

/** Which addresses the statuses of Services show. */
function createShown() {
  const shownBy = createIndex<string>()
  const shown = new Map<string, readonly Ip[]>()
  return {
    note(uid: string, ips: readonly Ip[]): void {
      for (const ip of shown.get(uid) ?? []) shownBy.delete(slot(ip), uid)
      for (const ip of ips) shownBy.add(slot(ip), uid)
      if (ips.length === 0) shown.delete(uid)
      else shown.set(uid, ips)
    },
    byAnother(ip: Ip, uid: string): boolean {
      const uids = shownBy.get(slot(ip))
      return uids.size > (uids.has(uid) ? 1 : 0)
    },
  }
}

/** The one list, and its indexes by name, address, holder and pool. */
function createHoldings() {
  const byName = new Map<string, Holding>()
  const byIp = new Map<string, Holding>()
  const byHolder = createIndex<Holding>()
  const byKey = createIndex<Holding>()
  const byPool = createIndex<Holding>()
  const bySharing = createIndex<Holding>()
  const byTenant = createIndex<Holding>()
  /** Every index of one kind of key, with the keys of a holding in it. */
  const each = (holding: Holding, visit: (index: Index<Holding>, key: string) => void): void => {
    const { eip, holders } = holding.claim.spec
    visit(byPool, eip)
    for (const holder of holders) {
      visit(byHolder, holder.uid)
      visit(byKey, serviceKey(holder))
      visit(byTenant, tenant(eip, holder.namespace))
      if (holder.sharing !== undefined) visit(bySharing, holder.sharing)
    }
  }
  return {
    byName,
    byHolder,
    byKey,
    byPool,
    bySharing,
    byTenant,
    at: (ip: Ip): Holding | undefined => byIp.get(slot(ip)),
    insert(holding: Holding): void {
      byName.set(holding.claim.metadata.name, holding)
      byIp.set(slot(holding.ip), holding)
      each(holding, (index, key) => index.add(key, holding))
    },
    forget(holding: Holding): void {
      byName.delete(holding.claim.metadata.name)
      byIp.delete(slot(holding.ip))
      each(holding, (index, key) => index.delete(key, holding))
    },
  }
}

/** The taken addresses of each family: those held, and those set aside while their claims are being created. */
function createOccupancy(isHeld: (ip: Ip) => boolean) {
  const taken: Readonly<Record<Family, IntervalSet>> = { IPv4: createIntervalSet(), IPv6: createIntervalSet() }
  const reserved = new Set<string>()
  const freeUnlessNeeded = (ip: Ip): void => {
    if (!reserved.has(slot(ip)) && !isHeld(ip)) taken[ip.family].delete(ip.value)
  }
  return {
    of: (family: Family): IntervalSet => taken[family],
    freeUnlessNeeded,
    reserve(ip: Ip): boolean {
      if (!taken[ip.family].add(ip.value)) return false
      reserved.add(slot(ip))
      return true
    },
    unreserve(ip: Ip): void {
      reserved.delete(slot(ip))
      freeUnlessNeeded(ip)
    },
  }
}

type Expected = Pick<AddressClaimSpec, 'eip' | 'holders'>

const isOf = ({ eip, holders }: Expected, pool: string, namespace: string): boolean =>
  eip === pool && holders.some((holder) => holder.namespace === namespace)

/** Claims that are being written: a handful. Two Services of a namespace must not both get what its quota has left. */
function createExpected(list: ReturnType<typeof createHoldings>) {
  const expected = new Map<string, Expected>()
  const isHeld = (name: string, pool: string, namespace: string): boolean => {
    const known = list.byName.get(name)
    return known !== undefined && isOf(known.claim.spec, pool, namespace)
  }
  return {
    expect: (name: string, spec: Expected): void => void expected.set(name, spec),
    unexpect: (name: string): void => void expected.delete(name),
    countFor: (pool: string, namespace: string): number =>
      [...expected].filter(([name, spec]) => isOf(spec, pool, namespace) && !isHeld(name, pool, namespace)).length +
      list.byTenant.get(tenant(pool, namespace)).size,
  }
}

/** The writing half of the ledger; `buried` holds the uids of claims that we deleted and that the watch may still show. */
function createWriter(list: ReturnType<typeof createHoldings>, occupancy: ReturnType<typeof createOccupancy>) {
  const buried = new Set<string>()
  function remove(name: string, uid: string): boolean {
    const holding = list.byName.get(name)
    if (holding === undefined || holding.claim.metadata.uid !== uid) return false
    list.forget(holding)
    occupancy.freeUnlessNeeded(holding.ip)
    return true
  }
  return {
    upsert(claim: AddressClaimObject): Holding | undefined {
      const { name, uid, resourceVersion } = claim.metadata
      const known = list.byName.get(name)
      if (buried.has(uid)) return known
      if (known?.claim.metadata.uid === uid && !isNewer(resourceVersion, known.claim.metadata.resourceVersion)) return known
      const ip = parseClaimName(name)
      if (!ip.ok) return undefined
      if (known !== undefined) list.forget(known)
      const holding = { ip: ip.value, address: formatIp(ip.value), claim }
      list.insert(holding)
      occupancy.of(holding.ip.family).add(holding.ip.value)
      return holding
    },
    remove,
    bury(name: string, uid: string): boolean {
      buried.add(uid)
      return remove(name, uid)
    },
    confirmRemoved: (uid: string): void => {
      buried.delete(uid)
    },
  }
}

/** Creates an empty ledger. */
export function createLedger(): Ledger {
  const list = createHoldings()
  const occupancy = createOccupancy((ip) => list.at(ip) !== undefined)
  const shown = createShown()
  return {
    ...createWriter(list, occupancy),
    at: list.at,
    heldBy: (uid) => [...list.byHolder.get(uid)].toSorted(byAddress),
    isTaken: (ip) => occupancy.of(ip.family).has(ip.value),
    isShownByAnother: shown.byAnother,
    firstFree: (range, passEdges) => toIp(range, occupancy.of(range.family).firstGap(range.first, range.last, passEdges)),
    lastFree: (range, passEdges) => toIp(range, occupancy.of(range.family).lastGap(range.first, range.last, passEdges)),
    sharedBy: (sharing) => list.bySharing.get(sharing),
    ...createExpected(list),
    reserve: occupancy.reserve,
    unreserve: occupancy.unreserve,
    note: shown.note,
    byName: (name) => list.byName.get(name),
    heldUnder: (key) => [...list.byKey.get(key)].toSorted(byAddress),
    inPool: (eip) => list.byPool.get(eip),
    countIn: (eip) => list.byPool.get(eip).size,
    all: () => list.byName.values(),
    get size() {
      return list.byName.size
    },
  }
}

const toIp = ({ family }: AddressRange, value: bigint | undefined): Ip | undefined => (value === undefined ? undefined : { family, value })

/** The holder entry of one Service in a claim. */
export const holderOf = (holding: Holding, uid: string): Holder | undefined =>
  holding.claim.spec.holders.find((holder) => holder.uid === uid)
