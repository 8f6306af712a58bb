import { type Core, ping, sendHeartbeat } from './core.ts'
import type { Known } from './members.ts'

/** What is done by the clock: heartbeats, questions to whom has been silent, and to everybody after a start or a pause. */

/** How many others are asked about a silent speaker: its neighbours on the ring, which hear each of its heartbeats. */
const WITNESSES = 3
/** Between two questions to whom has not answered since a start or a pause. */
const ASK_AGAIN_MS = 50

export function sendHeartbeats(core: Core, nowMs: number): void {
  if (!core.opened || !core.listed || nowMs < core.nextHeartbeatMs) return
  const { heartbeatMs } = core.timing
  for (const node of core.ring.targets(core.turn)) {
    const known = core.members.get(node)
    if (known !== undefined) sendHeartbeat(core, known, nowMs)
  }
  core.turn += 1
  core.heartbeatMs = nowMs
  const next = core.nextHeartbeatMs + heartbeatMs
  core.nextHeartbeatMs = next > nowMs ? next : nowMs + heartbeatMs
}

/** On a ring most are known by hearsay, which comes later. */
function patienceMs({ ring, self, timing }: Core, { node }: Known): number {
  return ring.mesh || ring.neighboursOf(self).includes(node) ? timing.suspectMs : (timing.suspectMs + timing.deadMs) / 2
}

/** When a silent speaker is asked next; Infinity for one that is not silent, not alive, or was never heard. */
function askMs(core: Core, known: Known, nowMs: number): number {
  if (known.lastSignMs === undefined || !core.members.isAlive(known, nowMs)) return Number.POSITIVE_INFINITY
  const pingedMs = core.pingedMs.get(known.node) ?? Number.NEGATIVE_INFINITY
  return Math.max(known.lastSignMs + patienceMs(core, known), pingedMs + core.timing.askMs)
}

export function askSilent(core: Core, nowMs: number): void {
  for (const known of core.members.all()) {
    if (askMs(core, known, nowMs) > nowMs) continue
    ping(core, known, nowMs)
    const witnesses = core.ring.neighboursOf(known.node).flatMap((node) => core.members.get(node) ?? [])
    for (const witness of witnesses.filter((one) => core.members.isAlive(one, nowMs)).slice(0, WITNESSES)) ping(core, witness, nowMs)
  }
}

/** Peers whose words are waited for before answers are permitted again. */
export function awaited(core: Core): readonly Known[] {
  const { permission, expected, members, learnt } = core
  if (permission.kind !== 'asking') return []
  return [...members.all()].filter(
    ({ node, incarnation, endedMs }) =>
      expected.has(node) && endedMs === undefined && (incarnation === 0n || learnt.get(node) !== incarnation),
  )
}

export function askAwaited(core: Core, nowMs: number): void {
  for (const known of awaited(core)) {
    if (known.directMs !== undefined || nowMs - (core.invitedMs.get(known.node) ?? Number.NEGATIVE_INFINITY) < ASK_AGAIN_MS) continue
    core.invitedMs.set(known.node, nowMs)
    sendHeartbeat(core, known, nowMs)
  }
}

/** When one of these has something to do next, if nothing comes. */
export function nextRoundMs(core: Core, nowMs: number): number {
  let next = core.opened && core.listed ? core.nextHeartbeatMs : Number.POSITIVE_INFINITY
  for (const known of core.members.all()) next = Math.min(next, askMs(core, known, nowMs), core.members.nextMs(known, nowMs))
  if (core.permission.kind === 'asking') {
    next = Math.min(next, core.permission.untilMs)
    if (awaited(core).some(({ directMs }) => directMs === undefined)) next = Math.min(next, nowMs + ASK_AGAIN_MS)
  }
  return Math.min(next, core.ledger.nextMs())
}
