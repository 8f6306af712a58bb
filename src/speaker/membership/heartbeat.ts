import { entriesPerPacket, type HeartbeatEntry } from '../../wire/membership.ts'
import type { Known, Members } from './members.ts'

/** A process that ended goes first among the entries for so long: everybody is to know it soon. */
const NEWS_MS = 1000

/** What one heartbeat says of the members. */
export interface EntriesRequest {
  readonly members: Members
  /** The name of this node: a long one leaves less room. */
  readonly sender: string
  readonly to: Known
  /** Which incarnation of the receiver this node has heard last; it proves that the heartbeat is no recording. */
  readonly echo: bigint
  /** Everybody hears everybody: each says only what it has heard itself, so a rumour ends with its source. */
  readonly mesh: boolean
  /** The number of the heartbeat: when there are more members than places, they take turns. */
  readonly turn: number
  readonly nowMs: number
}

/** The entries of a heartbeat. The first is the receiver's own: a heartbeat counts only for who finds its present incarnation there. */
export function heartbeatEntries({ members, sender, to, echo, mesh, turn, nowMs }: EntriesRequest): readonly HeartbeatEntry[] {
  const entry = (known: Known): HeartbeatEntry => ({
    id: known.id,
    incarnation: known.incarnation,
    ageMs: ageOf(known, mesh, nowMs),
    serving: known.serving,
    leaving: known.leaving,
    ended: known.endedMs !== undefined,
  })
  const others = [...members.all()].filter((known) => known !== to && known.incarnation > 0n)
  const first: HeartbeatEntry = { ...entry(to), incarnation: echo, ageMs: echo === to.incarnation ? ageOf(to, mesh, nowMs) : Infinity }
  return [first, ...chosen(others, entriesPerPacket(sender) - 1, turn, nowMs).map(entry)]
}

function chosen(others: readonly Known[], places: number, turn: number, nowMs: number): readonly Known[] {
  if (others.length <= places) return others
  const isNews = ({ endedMs }: Known): boolean => endedMs !== undefined && nowMs - endedMs < NEWS_MS
  const news = others.filter(isNews).slice(0, places)
  const rest = others.filter((known) => !isNews(known))
  const at = rest.length === 0 ? 0 : (turn * (places - news.length)) % rest.length
  return [...news, ...rest.slice(at), ...rest.slice(0, at)].slice(0, places)
}

function ageOf({ endedMs, directMs, freshMs }: Known, mesh: boolean, nowMs: number): number {
  const atMs = endedMs ?? (mesh ? directMs : freshMs)
  return atMs === undefined ? Number.POSITIVE_INFINITY : Math.max(0, nowMs - atMs)
}
