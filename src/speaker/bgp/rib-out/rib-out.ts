import type { Family } from '../../../addr/ip.ts'
import { familyOf } from '../../../wire/bgp/iana.ts'
import type { Outbound, SessionTerms } from '../outbound.ts'
import type { RouteVerdict } from '../peer-report.ts'
import type { BgpLine } from '../route.ts'
import type { PeerSettings } from '../settings.ts'
import { createFamilyOut, type FamilyOut } from './family-out.ts'
import type { LineChanges, LineTable } from './line-table.ts'
import { createJudge, type DrainPhase } from './offer.ts'
import { verdictOf } from './why.ts'

/** What one peer is told of the lines of a table. It holds nothing but memory: who needs it no more drops it. */
export interface RibOut extends Outbound {
  /** What LineTable.follow() found; to be told to every RibOut of the table. Next() may have something afterwards. */
  changed(changes: LineChanges): void
  /** Other settings for the same peer. Only routes that they change are told again. */
  configure(peer: PeerSettings): void
  /** The node leaves, for good. A phase is over when next() has nothing more. Intervals do not count. */
  drain(phase: DrainPhase): void
  /** Why the peer is, or is not, told of a line of the table. */
  why(line: BgpLine): RouteVerdict
  /** Prefixes of which a route is not told because no message has room for its attributes. */
  oversized(): number
}

interface State {
  readonly table: LineTable
  peer: PeerSettings
  drain: DrainPhase | undefined
  session: { readonly terms: SessionTerms; readonly families: readonly FamilyOut[]; of(family: Family): FamilyOut | undefined } | undefined
}

export function createRibOut(peer: PeerSettings, table: LineTable): RibOut {
  const state: State = { table, peer, drain: undefined, session: undefined }
  const families = () => state.session?.families ?? []
  return {
    established(terms) {
      state.session = sessionOf(state, terms)
    },
    ended() {
      state.session = undefined
    },
    next: (nowMs) => next(state, nowMs),
    waitMs: (nowMs) => least(families().map((one) => one.waitMs(nowMs))),
    refresh({ afi, safi, subtype }) {
      const family = familyOf(afi, safi)
      if (subtype === 'request' && family !== undefined) state.session?.of(family)?.refresh()
    },
    counts: () => counts(state),
    changed({ changed, gone }) {
      for (const one of families()) {
        one.remove(gone)
        one.mark(changed)
      }
    },
    configure: (settings) => configure(state, settings),
    drain(phase) {
      state.drain = phase
      rule(state, true)
    },
    why: (line) => verdictOf(line, state.peer, state.session && { family: state.session.of(line.prefix.family) }),
    oversized: () => families().reduce((sum, one) => sum + one.counts().oversized, 0),
  }
}

const FAMILIES = ['IPv4', 'IPv6'] as const

function sessionOf({ table, peer, drain }: State, terms: SessionTerms): NonNullable<State['session']> {
  const agreed = FAMILIES.filter((family) => terms.agreement.send.families[family] !== undefined)
  const outs = new Map(
    agreed.map((family) => {
      const out = createFamilyOut(family, terms, table, createJudge(family, peer, terms, drain, table.pool))
      out.setInterval(peer.times.advertisementMs)
      return [family, out] as const
    }),
  )
  return { terms, families: [...outs.values()], of: (family) => outs.get(family) }
}

/** Withdrawals of all families come before all else. */
function next({ session, table }: State, nowMs: number): Uint8Array | undefined {
  if (session === undefined || !table.isReady()) return undefined
  for (const family of session.families) {
    const message = family.withdrawal()
    if (message !== undefined) return message
  }
  for (const family of session.families) {
    const message = family.announcement(nowMs)
    if (message !== undefined) return message
  }
  return undefined
}

function configure(state: State, peer: PeerSettings): void {
  const before = state.peer
  state.peer = peer
  for (const family of state.session?.families ?? []) family.setInterval(peer.times.advertisementMs)
  if (rulesOf(before) !== rulesOf(peer)) rule(state, false)
}

/** All of the settings that decide which routes are told, and how. */
const rulesOf = ({ name, role, nextHop, policy, families }: PeerSettings): string =>
  JSON.stringify([name, role, nextHop, policy.text, families.map(({ family, addPathSend }) => [family, addPathSend])])

function rule({ session, peer, drain, table }: State, atOnce: boolean): void {
  if (session === undefined) return
  for (const family of FAMILIES) session.of(family)?.rule(createJudge(family, peer, session.terms, drain, table.pool), atOnce)
}

function counts({ session, peer, table }: State): ReturnType<Outbound['counts']> {
  if (session === undefined) {
    const told = new Set(peer.families.map(({ family }) => family))
    const waiting = table.lines().filter(({ prefix, peers }) => told.has(prefix.family) && peers?.includes(peer.name) !== false)
    return { announced: 0, pending: waiting.length, byFamily: { IPv4: 0, IPv6: 0 } }
  }
  const [IPv4, IPv6] = FAMILIES.map((family) => session.of(family)?.counts() ?? { announced: 0, pending: 0 })
  const byFamily = { IPv4: IPv4?.announced ?? 0, IPv6: IPv6?.announced ?? 0 }
  return { announced: byFamily.IPv4 + byFamily.IPv6, pending: (IPv4?.pending ?? 0) + (IPv6?.pending ?? 0), byFamily }
}

function least(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait) => wait !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
