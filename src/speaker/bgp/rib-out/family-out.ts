import type { Family } from '../../../addr/ip.ts'
import { AFI, SAFI_UNICAST } from '../../../wire/bgp/iana.ts'
import { serializeRouteRefresh } from '../../../wire/bgp/route-refresh.ts'
import { packRoutes, packWithdrawals, serializeEndOfRib } from '../../../wire/bgp/update-pack.ts'
import type { SessionTerms } from '../outbound.ts'
import type { BgpLine } from '../route.ts'
import { type AdjRibOut, createAdjRibOut, type Entry, type Group } from './adj-rib-out.ts'
import { type AdvertisementInterval, createAdvertisementInterval } from './advertisement-interval.ts'
import { firstMessage } from './first-message.ts'
import type { LineTable } from './line-table.ts'
import type { Judge, Judgement } from './offer.ts'
import { NOTHING } from './route-pool.ts'

/** The routes of one family for one session, from Established to its end. */
export interface FamilyOut {
  /** Lines of the family that have changed, or that are judged anew. */
  mark(lines: Iterable<BgpLine>): void
  /** Lines of the family that are no more. */
  remove(lines: Iterable<BgpLine>): void
  /** Other rules for all lines; `atOnce`: intervals do not count for what they change. */
  rule(judge: Judge, atOnce: boolean): void
  setInterval(ms: number): void
  refresh(): void
  /**
   * The next message that withdraws, and the next of another kind; undefined: none is due now, or there is so much to judge that others come
   * first (waitMs() is 0 then). The first is to be asked first.
   */
  withdrawal(): Uint8Array | undefined
  announcement(nowMs: number): Uint8Array | undefined
  waitMs(nowMs: number): number | undefined
  judge(line: BgpLine): Judgement
  entry(text: string): Entry | undefined
  /** Whether anything of the prefix waits to be said. */
  isPending(text: string): boolean
  /** Prefixes that the peer has, that wait, and that are not told because their attributes are too long. */
  counts(): { readonly announced: number; readonly pending: number; readonly oversized: number }
}

interface State {
  readonly family: Family
  readonly terms: SessionTerms
  readonly table: LineTable
  readonly rib: AdjRibOut
  readonly interval: AdvertisementInterval
  /** Texts of lines to judge. */
  readonly dirty: Set<string>
  /** Texts of which something waits, dirty ones among them. */
  readonly open: Set<string>
  readonly oversized: Set<string>
  /** As many prefixes fill a message, or nearly. */
  readonly messageful: number
  judge: Judge
  /** `table`: the first one. `refresh`: one that the peer asked for. */
  phase: 'table' | 'refresh' | 'told'
  /** The peer has asked for all of it again, and that has not begun. */
  isAsked: boolean
}

/** The whole family waits to be told. */
export function createFamilyOut(family: Family, terms: SessionTerms, table: LineTable, judge: Judge): FamilyOut {
  const state = newState(family, terms, table, judge)
  const { rib, interval, open, oversized } = state
  const mark = (lines: Iterable<BgpLine>) => markAll(state, lines)
  mark(ofFamily(state))
  return {
    mark,
    remove: (lines) => removeAll(state, lines),
    rule(next, atOnce) {
      state.judge = next
      if (atOnce) rib.release(interval.clear())
      mark(ofFamily(state))
    },
    setInterval: (ms) => interval.set(ms),
    refresh() {
      state.isAsked = true
    },
    withdrawal: () => withdrawal(state),
    announcement: (nowMs) => announcement(state, nowMs),
    waitMs: (nowMs) => (state.dirty.size > 0 && table.isReady() ? 0 : interval.waitMs(nowMs)),
    judge: (line) => state.judge.judge(line),
    entry: (text) => rib.get(text),
    isPending: (text) => open.has(text),
    counts: () => ({ announced: rib.told(), pending: open.size, oversized: oversized.size }),
  }
}

/** Header and lengths of an UPDATE; a host prefix with its length, and the bytes of a path identifier. */
const LEAST_UPDATE = 23
const HOST_ENTRY = { IPv4: 5, IPv6: 17 } as const
const PATH_ID = 4
/** Some 10 ms of work; then others have their turn, and next() is called again at once because waitMs() is 0. */
const LINES_AT_ONCE = 5000

function newState(family: Family, terms: SessionTerms, table: LineTable, judge: Judge): State {
  const interval = createAdvertisementInterval()
  const open = new Set<string>()
  const entryLength = HOST_ENTRY[family] + (terms.agreement.send.families[family]?.pathIds === true ? PATH_ID : 0)
  return {
    family,
    terms,
    table,
    rib: createAdjRibOut(interval, (text) => open.delete(text)),
    interval,
    dirty: new Set(),
    open,
    oversized: new Set(),
    messageful: Math.floor((terms.agreement.longestSent - LEAST_UPDATE) / entryLength),
    judge,
    phase: 'table',
    isAsked: false,
  }
}

const ofFamily = ({ table, family }: State) => table.lines().filter(({ prefix }) => prefix.family === family)

/** One that is back before the peer heard that it was gone is judged before anything is said. */
function markAll({ family, dirty, open, rib }: State, lines: Iterable<BgpLine>): void {
  for (const { prefix, text } of lines) {
    if (prefix.family !== family) continue
    const entry = rib.get(text)
    if (entry?.wanted.length === 0) rib.want(text, prefix, entry.told, 0)
    dirty.add(text)
    open.add(text)
  }
}

/** They go to the head of all: an address that is gone must not get traffic. Nothing is judged and nothing is announced, so no clock is needed. */
function removeAll({ family, dirty, open, oversized, rib }: State, lines: Iterable<BgpLine>): void {
  for (const { prefix, text } of lines) {
    if (prefix.family !== family) continue
    dirty.delete(text)
    oversized.delete(text)
    open.add(text)
    rib.want(text, undefined, NOTHING, 0)
  }
}

function withdrawal({ family, terms, rib }: State): Uint8Array | undefined {
  if (rib.withdrawals.size === 0) return undefined
  const { send, longestSent } = terms.agreement
  const made = firstMessage(excess(rib.withdrawals), (entries) => packWithdrawals(family, entries, send, longestSent))
  for (const { entry, pathId } of made?.taken ?? []) rib.withdrawn(entry, pathId)
  return made?.message
}

function* excess(entries: Iterable<Entry>) {
  for (const entry of entries) {
    for (const { pathId } of entry.told) {
      if (!entry.wanted.some((route) => route.pathId === pathId)) yield { entry, prefix: entry.prefix, pathId }
    }
  }
}

/** Markers, and announcements, of which those that fill a message come first. */
function announcement(state: State, nowMs: number): Uint8Array | undefined {
  const { rib, interval, dirty } = state
  if (!state.table.isReady()) return undefined
  rib.release(interval.due(nowMs))
  if (state.phase === 'told' && state.isAsked) {
    const begin = beginRefresh(state)
    if (begin !== undefined) return begin
  }
  const full = judgeDirty(state, nowMs)
  // What was judged may have made withdrawals.
  const gone = withdrawal(state)
  if (gone !== undefined) return gone
  if (full === undefined && dirty.size > 0) return undefined
  const group = full ?? firstOf(rib.groups)
  return group === undefined ? end(state) : announce(state, group, nowMs)
}

/** Judges until a group fills a message, which is returned, or until it has been enough for once, or until nothing is left to judge. */
function judgeDirty(state: State, nowMs: number): Group | undefined {
  const { dirty, rib, table, messageful } = state
  let left = LINES_AT_ONCE
  for (const text of dirty) {
    if (left-- === 0) return undefined
    dirty.delete(text)
    const line = table.get(text)
    const offer = line === undefined ? NOTHING : judged(state, line)
    rib.want(text, line?.prefix, offer, nowMs)
    const group = rib.groups.get(offer[0]?.key ?? '')
    if (group !== undefined && group.entries.size >= messageful) return group
  }
  return undefined
}

function judged({ judge, oversized }: State, line: BgpLine) {
  const { offer, reason } = judge.judge(line)
  if (reason === 'attributes-too-long') oversized.add(line.text)
  else oversized.delete(line.text)
  return offer
}

function firstOf(groups: ReadonlyMap<string, Group>): Group | undefined {
  for (const group of groups.values()) return group
  return undefined
}

function announce({ terms, rib }: State, { route, entries }: Group, nowMs: number): Uint8Array | undefined {
  const { send, longestSent } = terms.agreement
  const { pathId } = route
  const waiting = entries.values().map((entry) => ({ entry, prefix: entry.prefix, pathId }))
  const made = firstMessage(waiting, (list) => {
    const packed = packRoutes({ ...route, entries: list }, send, longestSent)
    if (!packed.ok) throw new RangeError(`attributes of ${packed.error.length} bytes were offered`)
    return packed.value
  })
  for (const { entry } of made?.taken ?? []) rib.announced(entry, route, nowMs)
  return made?.message
}

/**
 * Everything counts as not told. Between BoRR and EoRR where both sides know them (RFC 7313 section 4). A request within a table waits for its
 * end: BoRR must not come before End-of-RIB, and a peer that asks again has changed its mind about what it has taken already.
 */
function beginRefresh(state: State): Uint8Array | undefined {
  const { rib, dirty, open, interval } = state
  state.isAsked = false
  state.phase = 'refresh'
  interval.clear()
  for (const entry of rib.entries()) {
    entry.again = true
    dirty.add(entry.text)
    open.add(entry.text)
  }
  return marker(state, 'begin')
}

/** The table is told. RFC 4724 section 2, RFC 7313 section 4. */
function end(state: State): Uint8Array | undefined {
  const { phase } = state
  state.phase = 'told'
  if (phase === 'table') return serializeEndOfRib(state.family)
  return phase === 'refresh' ? marker(state, 'end') : undefined
}

const marker = ({ terms, family }: State, subtype: 'begin' | 'end'): Uint8Array | undefined =>
  terms.agreement.enhancedRouteRefresh ? serializeRouteRefresh({ afi: AFI[family], safi: SAFI_UNICAST, subtype }) : undefined
