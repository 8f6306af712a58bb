import type { Conflicts } from '../layer2/conflict.ts'
import type { Layer2Counters } from '../layer2/counters.ts'
import { createFloodGauge, type FloodGauge } from '../layer2/flood-gauge.ts'
import type { Probes } from '../layer2/probe.ts'
import { respondArp } from '../layer2/respond-arp.ts'
import { respondNd } from '../layer2/respond-nd.ts'
import { createResponse, type Response } from '../layer2/response.ts'
import { createFrameBatch, type FrameBatch } from './frame-batch.ts'
import type { FrameSocket } from './frame-socket.ts'
import type { Libc } from './libc.ts'
import type { Port, Ports } from './ports.ts'

/** Frames taken from one socket before the others get their turn. */
const FRAMES_A_TURN = 64
const LONGEST_FRAME = 2048
const RESPOND = { IPv4: respondArp, IPv6: respondNd } as const
const NO_SLOT = -1

/** What frames are answered with; made once, filled again and again. */
export interface Workspace {
  readonly incoming: FrameBatch
  readonly outgoing: FrameBatch
  readonly response: Response
  /** By reply of the turn the row of counters of its address. */
  readonly slots: Int32Array
  readonly turn: { nowMs: number }
  readonly gauge: FloodGauge
}

export interface Answering extends Workspace {
  readonly counters: Layer2Counters
  readonly ports: Ports
  readonly probes: Probes
  readonly conflicts: Conflicts
  readonly now: () => number
  /** Whether this node may send at that time. */
  readonly isOpen: (nowMs: number) => boolean
}

/** Throws SystemCallError when there is no memory. */
export function createAnswering(libc: Libc): Workspace {
  return {
    incoming: createFrameBatch(libc, FRAMES_A_TURN, LONGEST_FRAME),
    outgoing: createFrameBatch(libc, FRAMES_A_TURN, LONGEST_FRAME),
    response: createResponse(),
    slots: new Int32Array(FRAMES_A_TURN),
    turn: { nowMs: 0 },
    gauge: createFloodGauge(),
  }
}

/** Answers up to FRAMES_A_TURN waiting frames. True when the socket failed and was closed. */
export function answerFrames(parts: Answering, port: Port, socket: FrameSocket): boolean {
  const { incoming, outgoing, response, slots, turn, ports } = parts
  turn.nowMs = parts.now()
  const received = incoming.receive(socket.fd)
  if (typeof received !== 'number') {
    ports.drop(port, received.message, turn.nowMs)
    return true
  }
  const respond = RESPOND[port.is.family]
  let replies = 0
  for (let at = 0; at < received; at++) {
    const frame = incoming.frames[at]
    const reply = outgoing.frames[replies]
    if (frame === undefined || reply === undefined) break
    response.frame = reply
    const verdict = respond(frame, incoming.lengthOf(at), port.table, response)
    const slot = count(parts, port)
    if (verdict !== 'reply') continue
    outgoing.setLength(replies, response.length)
    slots[replies++] = slot
  }
  if (replies > 0) sendReplies(parts, socket, replies)
  parts.gauge.note(received - replies, turn.nowMs)
  return false
}

/** Counts what came of a frame, and passes on what others have to know. Gives the row of counters of the address. */
function count(parts: Answering, port: Port): number {
  const { response, counters, conflicts, probes, turn } = parts
  const { verdict, address } = response
  const slot = address === undefined ? NO_SLOT : (port.table.addresses.get(address)?.slot ?? NO_SLOT)
  if (verdict === 'reply') {
    if (slot !== NO_SLOT) counters.add(slot, 'requests')
    return slot
  }
  if (verdict === 'taken' || verdict === 'foreign-claim') {
    // A node that has two interfaces on one wire hears itself.
    if (address === undefined || parts.ports.hasMac(response.mac)) counters.addGlobal('own-frame')
    else if (verdict === 'taken') probes.heard(address, port.is.index, response.mac)
    else {
      counters.addGlobal('foreign-claim')
      conflicts.heard(address, response.mac, turn.nowMs)
    }
    return slot
  }
  if (slot !== NO_SLOT && (verdict === 'bad-sender' || verdict === 'rate-limited')) counters.add(slot, 'requests')
  counters.addGlobal(verdict)
  return slot
}

function sendReplies({ outgoing, slots, counters, isOpen, now }: Answering, socket: FrameSocket, replies: number): void {
  const nowMs = now()
  if (!isOpen(nowMs)) {
    for (let at = 0; at < replies; at++) counters.addGlobal('fenced')
    return
  }
  const rejected = outgoing.send(socket.fd, replies, (at) => {
    slots[at] = NO_SLOT
  })
  for (let at = 0; at < rejected; at++) counters.addGlobal('rejected')
  for (let at = 0; at < replies; at++) {
    const [slot, frame] = [slots[at] ?? NO_SLOT, outgoing.frames[at]]
    if (slot === NO_SLOT || frame === undefined) continue
    counters.add(slot, 'responses')
    counters.answered(slot, nowMs, frame, 0)
  }
}
