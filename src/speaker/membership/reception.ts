import type { HeartbeatEntry, MembershipPacket } from '../../wire/membership.ts'
import { answer, beginIncarnation, type Core, send, sendHeartbeat } from './core.ts'
import type { Rejection } from './effect.ts'
import { PROCESS_STEP } from './incarnation.ts'
import { isLastBatch } from './ledger.ts'
import type { Known } from './members.ts'
import type { Freshness } from './replay.ts'

type Heartbeat = Extract<MembershipPacket, { readonly kind: 'heartbeat' }>
type Words = Extract<MembershipPacket, { readonly kind: 'words' }>

/** Takes a packet whose seal is right; `ip` is where it came from. */
export function receive(core: Core, packet: MembershipPacket, ip: string, nowMs: number): void {
  const reason = take(core, packet, ip, nowMs)
  if (reason !== undefined) core.effects.push({ kind: 'rejected', reason })
}

/** Gives why the packet counts for nothing. */
function take(core: Core, packet: MembershipPacket, ip: string, nowMs: number): Rejection | undefined {
  const known = core.members.get(packet.sender)
  if (packet.sender === core.self) return 'own'
  if (known === undefined) return 'stranger'
  const freshness = core.replays.accept(packet.sender, packet.incarnation, packet.sequence)
  if (freshness === 'repeated') return freshness
  switch (packet.kind) {
    case 'heartbeat':
      return takeHeartbeat(core, known, packet, { ip, freshness, nowMs })
    case 'ping':
      // Who is not proved yet gets the answer as well: it is how it gets to know our incarnation.
      introduce(core, known, packet.incarnation, { ip, freshness, nowMs })
      return undefined
    case 'words':
      return freshness === 'fresh' ? takeWords(core, known, packet, ip) : freshness
    case 'confirm':
      if (freshness === 'fresh') core.ledger.confirm(packet.sender, packet.batch)
      return freshness === 'fresh' ? undefined : freshness
    case 'hello':
    case 'welcome':
      return 'malformed' // They belong on streams.
  }
}

interface Reception {
  readonly ip: string
  readonly freshness: Exclude<Freshness, 'repeated'>
  readonly nowMs: number
}

function takeHeartbeat(core: Core, known: Known, packet: Heartbeat, reception: Reception): Rejection | undefined {
  const { ip, freshness, nowMs } = reception
  const [own, ...others] = packet.entries
  const knowsUs = own?.id === core.id && own.incarnation === core.incarnation
  if (knowsUs && freshness !== 'former') {
    if (freshness === 'unknown') {
      core.replays.begin(packet.sender, packet.incarnation)
      core.replays.accept(packet.sender, packet.incarnation, packet.sequence)
    }
    core.echoed = true
    core.claimed.delete(packet.sender)
    believe(core, known, packet, others, reception)
    return undefined
  }
  if (own?.id === core.id && own.incarnation > core.incarnation && !core.echoed) {
    // The clock was set back since our last life, so nobody believes in this one: it follows that one.
    beginIncarnation(core, own.incarnation + PROCESS_STEP)
    sendHeartbeat(core, known, nowMs, { ip, echo: packet.incarnation })
  } else {
    introduce(core, known, packet.incarnation, reception)
  }
  return freshness === 'fresh' ? 'unknown' : freshness
}

function believe(core: Core, known: Known, heartbeat: Heartbeat, others: readonly HeartbeatEntry[], { ip, nowMs }: Reception): void {
  const { incarnation, serving, leaving } = heartbeat
  const wasSilent = known.directMs === undefined || nowMs - known.directMs >= core.timing.deadMs
  const isFirst = core.members.heard(known.node, { incarnation, serving, leaving, ip }, nowMs)
  if (wasSilent) core.ledger.hasten(known.node)
  // It may not know us yet, and what it says to us counts for nothing until it does.
  if (isFirst) sendHeartbeat(core, known, nowMs)
  for (const entry of others) {
    if (entry.id === core.id) continue
    if (entry.id !== known.id) core.members.told(entry, nowMs)
    else if (entry.ended) core.members.ended(known.node, nowMs)
  }
}

/**
 * Answers with a heartbeat that tells the sender our incarnation, and that we know of its own. A former incarnation is told the present
 * one: should the sender's clock have been set back, it begins a later one.
 */
function introduce(core: Core, known: Known, incarnation: bigint, { ip, freshness, nowMs }: Reception): void {
  if (freshness === 'fresh') answer(core, known, nowMs)
  else {
    const echo = freshness === 'former' ? known.incarnation : incarnation
    if (echo > known.incarnation) core.claimed.set(known.node, echo)
    answer(core, known, nowMs, { ip, echo })
  }
}

function takeWords(core: Core, known: Known, packet: Words, ip: string): Rejection | undefined {
  if (known.directMs === undefined) return 'unheard'
  if (packet.words.length > 0) core.effects.push({ kind: 'words', node: known.node, words: packet.words })
  if (isLastBatch(packet.batch)) core.learnt.set(known.node, known.incarnation)
  send(core, ip, { kind: 'confirm', batch: packet.batch })
  return undefined
}
