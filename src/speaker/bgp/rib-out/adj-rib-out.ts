import type { Prefix } from '../../../addr/prefix.ts'
import type { AdvertisementInterval } from './advertisement-interval.ts'
import { NOTHING, type Offer, type Route, sameRoute } from './route-pool.ts'

/** One prefix at one peer. */
export interface Entry {
  readonly text: string
  prefix: Prefix
  /** What the peer has. */
  told: Offer
  /** What it is to have. */
  wanted: Offer
  /** It asked for everything again: what it was told counts as not told. */
  again: boolean
}

/** Prefixes that wait to be told the same. */
export interface Group {
  readonly route: Route
  readonly entries: Set<Entry>
}

/**
 * What a peer was told of one family and what it is to be told: Adj-RIB-Out (RFC 4271 section 3.2) with the difference as a queue. A prefix that
 * changes while it waits is told once, with its newest contents; one that goes before it was told is never spoken of.
 */
export interface AdjRibOut {
  /** What the peer is to have of a prefix from now on. `prefix` is undefined only where nothing is wanted. */
  want(text: string, prefix: Prefix | undefined, offer: Offer, nowMs: number): void
  /** The peer was sent this route of the prefix, or its withdrawal. */
  announced(entry: Entry, route: Route, nowMs: number): void
  withdrawn(entry: Entry, pathId: number | undefined): void
  /** Held changes whose interval is over join the queue. */
  release(texts: readonly string[]): void
  get(text: string): Entry | undefined
  entries(): Iterable<Entry>
  /** Prefixes with something to withdraw now. */
  readonly withdrawals: ReadonlySet<Entry>
  /** By the key of the route; none is empty. */
  readonly groups: ReadonlyMap<string, Group>
  /** Prefixes of which the peer has a route. */
  told(): number
}

interface State {
  readonly entries: Map<string, Entry>
  readonly withdrawals: Set<Entry>
  readonly groups: Map<string, Group>
  readonly interval: AdvertisementInterval
  readonly onSettled: (text: string) => void
  told: number
}

/** `onSettled`: nothing of the prefix waits any more. */
export function createAdjRibOut(interval: AdvertisementInterval, onSettled: (text: string) => void): AdjRibOut {
  const state: State = { entries: new Map(), withdrawals: new Set(), groups: new Map(), interval, onSettled, told: 0 }
  return {
    want: (text, prefix, offer, nowMs) => want(state, text, prefix, offer, nowMs),
    announced(entry, route, nowMs) {
      interval.told(entry.text, nowMs)
      setTold(state, entry, [...entry.told.filter(({ pathId }) => pathId !== route.pathId), route])
      unqueueRoute(state, entry, route)
      proceed(state, entry)
    },
    withdrawn(entry, pathId) {
      setTold(
        state,
        entry,
        entry.told.filter((route) => route.pathId !== pathId),
      )
      proceed(state, entry)
    },
    release(texts) {
      for (const text of texts) {
        const entry = state.entries.get(text)
        if (entry !== undefined) queueNews(state, entry)
      }
    },
    get: (text) => state.entries.get(text),
    entries: () => state.entries.values(),
    withdrawals: state.withdrawals,
    groups: state.groups,
    told: () => state.told,
  }
}

function want(state: State, text: string, prefix: Prefix | undefined, offer: Offer, nowMs: number): void {
  const entry = state.entries.get(text) ?? newEntry(state, text, prefix, offer)
  if (entry === undefined) {
    state.onSettled(text)
    return
  }
  if (prefix !== undefined) entry.prefix = prefix
  // What has its place in the queue keeps it: a table would end without it otherwise.
  const isQueued = waitsInGroup(state, entry)
  unqueue(state, entry)
  entry.wanted = offer
  const hasNews = entry.again ? offer.length > 0 : offer.some((route) => !isTold(entry, route))
  if (hasNews && (isQueued || !state.interval.hold(text, nowMs))) queueNews(state, entry)
  proceed(state, entry)
}

/** Undefined: there is nothing to be known about. */
function newEntry(state: State, text: string, prefix: Prefix | undefined, offer: Offer): Entry | undefined {
  if (prefix === undefined || offer.length === 0) return undefined
  const entry: Entry = { text, prefix, told: NOTHING, wanted: NOTHING, again: false }
  state.entries.set(text, entry)
  return entry
}

const waitsInGroup = ({ groups }: State, entry: Entry): boolean => entry.wanted.some(({ key }) => groups.get(key)?.entries.has(entry))

const isTold = ({ told }: Entry, route: Route): boolean => told.some((one) => sameRoute(one, route))

function queueNews({ groups }: State, entry: Entry): void {
  for (const route of entry.wanted) {
    if (!entry.again && isTold(entry, route)) continue
    const group = groups.get(route.key)
    if (group === undefined) groups.set(route.key, { route, entries: new Set([entry]) })
    else group.entries.add(entry)
  }
}

function unqueue(state: State, entry: Entry): void {
  for (const route of entry.wanted) unqueueRoute(state, entry, route)
  state.withdrawals.delete(entry)
  state.interval.drop(entry.text)
}

function unqueueRoute({ groups }: State, entry: Entry, { key }: Route): void {
  const group = groups.get(key)
  if (group?.entries.delete(entry) === true && group.entries.size === 0) groups.delete(key)
}

/** Whether the peer has ways that it is not to have. */
const hasExcess = ({ told, wanted }: Entry): boolean => told.some(({ pathId }) => !has(wanted, pathId))
const has = (offer: Offer, id: number | undefined): boolean => offer.some(({ pathId }) => pathId === id)

/**
 * After every change of an entry: an old way is withdrawn at once where nothing is wanted or a wanted way is there already; otherwise the new way
 * comes first, so that the prefix is never without one.
 */
function proceed(state: State, entry: Entry): void {
  const { told, wanted, text } = entry
  const excess = hasExcess(entry)
  const mayWithdraw = excess && (wanted.length === 0 || told.some(({ pathId }) => has(wanted, pathId)))
  if (mayWithdraw) state.withdrawals.add(entry)
  else state.withdrawals.delete(entry)
  if (excess || state.interval.isHeld(text) || waitsInGroup(state, entry)) return
  entry.again = false
  // The same routes: now as the object that others hold too.
  entry.told = wanted
  if (wanted.length === 0) state.entries.delete(text)
  state.onSettled(text)
}

function setTold(state: State, entry: Entry, told: Offer): void {
  state.told += Math.sign(told.length) - Math.sign(entry.told.length)
  entry.told = told
}
