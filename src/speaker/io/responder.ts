import type { Fence } from '../fence.ts'
import type { AddressKey } from '../layer2/address-key.ts'
import { createConflicts } from '../layer2/conflict.ts'
import type { Layer2Counters } from '../layer2/counters.ts'
import { createGratuitousSchedule } from '../layer2/gratuitous.ts'
import type { AnnouncementPlan, FromWorker, SocketState, ToWorker } from '../layer2/message.ts'
import { createProbes } from '../layer2/probe.ts'
import { createRateLimit } from '../layer2/rate-limit.ts'
import type { SlottedLine } from '../layer2/table.ts'
import { type Announcing, announceDue, startProbe } from './announcing.ts'
import { type Answering, answerFrames, createAnswering } from './answering.ts'
import type { Libc } from './libc.ts'
import { createPorts, type Ports } from './ports.ts'

/** How soon a fence that keeps frames back is looked at again: the thread that opens it wakes nobody. */
const FENCE_LOOK_MS = 5
const MOST_CLAIMS_TOLD = 256

/** Carries frames between the sockets of the interfaces and the pure rules; all on one thread, none of it waits. */
export interface Responder {
  /** Makes table and sockets those of the change. True when a socket was opened or closed. */
  apply(change: (ToWorker & { kind: 'change' })['change']): boolean
  /** Begins to ask for an address. True when a socket was opened. */
  startProbe(probe: ToWorker & { kind: 'probe' }): boolean
  /** True when a socket was closed. */
  endProbe(id: number): boolean
  /** Answers what waits on one socket. True when the socket had to be closed. */
  serve(fd: number, readable: boolean, failed: boolean): boolean
  /** Sends what is due, and opens, joins and leaves what is due. True when a socket, or what is known of one, is another one. */
  work(): boolean
  /** What the other thread is to know, once. */
  news(): readonly FromWorker[]
  /** Frames come in a flood and get no answers: to let some gather before the next look is cheaper for everybody. */
  readonly isFlooded: boolean
  /** Milliseconds until there is something to do; Infinity when there is nothing. */
  waitMs(): number
  fds(): readonly number[]
  states(): readonly SocketState[]
  /** Closes every socket. Idempotent. */
  close(): void
}

export interface ResponderOptions {
  readonly libc: Libc
  readonly counters: Layer2Counters
  /** Without one everything may be sent. */
  readonly fence: Fence | undefined
  readonly plan: AnnouncementPlan
  /** Milliseconds of the clock that the fence is on. */
  readonly now: () => number
  /** Gives numbers in [0, 1). */
  readonly random: () => number
}

interface Parts extends Answering, Announcing {
  readonly lines: Map<AddressKey, SlottedLine>
}

/** Creates a responder without interfaces. Throws SystemCallError when there is no memory for frames. */
export function createResponder(options: ResponderOptions): Responder {
  const parts = createParts(options)
  const { ports, probes, now } = parts
  return {
    apply: (change) => apply(parts, change),
    startProbe: (probe) => startProbe(parts, probe, now()),
    endProbe(id) {
      const probe = probes.end(id)
      return probe === undefined ? false : stopAsking(parts, probe.interfaceIndex, probe.address)
    },
    serve: (fd, readable, failed) => serve(parts, fd, readable, failed),
    work() {
      const reopened = ports.reopen(now())
      const regrouped = ports.settleGroups(now())
      announceDue(parts, now())
      return reopened || regrouped
    },
    news: () => news(parts),
    get isFlooded() {
      return parts.gauge.isFlooded
    },
    waitMs: () => waitMs(parts),
    fds: () => ports.fds(),
    states: () => ports.states(),
    close: () => ports.close(),
  }
}

function createParts(options: ResponderOptions): Parts {
  const { libc, counters, fence, plan, now, random } = options
  const lines = new Map<AddressKey, SlottedLine>()
  const probes = createProbes(random)
  const limit = createRateLimit()
  const answering = createAnswering(libc)
  const table = (index: number) => ({
    probing: { has: (address: AddressKey) => probes.has(address, index) },
    admits: (frame: Uint8Array) => limit.admits(frame, ETHERNET_SOURCE_AT, answering.turn.nowMs),
  })
  const ports: Ports = createPorts({ libc, lines, table })
  const isOpen = (nowMs: number): boolean => fence === undefined || fence.isOpen(nowMs)
  const schedule = createGratuitousSchedule(plan)
  return { ...answering, counters, isOpen, now, lines, ports, probes, conflicts: createConflicts(), schedule }
}

const ETHERNET_SOURCE_AT = 6

function apply(parts: Parts, change: (ToWorker & { kind: 'change' })['change']): boolean {
  const nowMs = parts.now()
  const changed = parts.ports.want(change.ports, nowMs)
  for (const address of change.remove) removeLine(parts, address)
  for (const line of change.upsert) setLine(parts, line, nowMs)
  parts.counters.addGlobal('installed')
  return changed
}

function removeLine({ lines, ports, schedule, conflicts }: Parts, address: AddressKey): void {
  const line = lines.get(address)
  if (line === undefined) return
  lines.delete(address)
  ports.removeLine(line)
  if (typeof address === 'bigint') ports.of(line.interfaceIndex, address)?.groups?.remove(address)
  schedule.stop(address)
  conflicts.forget(address)
}

function setLine(parts: Parts, line: SlottedLine, nowMs: number): void {
  const { lines, ports } = parts
  const { address, interfaceIndex } = line
  // A line that stays on its interface keeps its group: to leave it for a moment is to miss a solicitation.
  if (lines.get(address)?.interfaceIndex !== interfaceIndex) {
    removeLine(parts, address)
    if (typeof address === 'bigint') ports.of(interfaceIndex, address)?.groups?.add(address)
  }
  lines.set(address, line)
  ports.addLine(line)
  parts.schedule.start(address, nowMs)
}

function serve(parts: Parts, fd: number, readable: boolean, failed: boolean): boolean {
  const port = parts.ports.byFd(fd)
  if (port?.socket === undefined) return false
  if (!failed) return readable && answerFrames(parts, port, port.socket)
  parts.ports.drop(port, port.socket.takeError()?.message ?? 'socket failed', parts.now())
  return true
}

function stopAsking({ ports, now }: Parts, interfaceIndex: number, address: AddressKey): boolean {
  if (typeof address === 'bigint') ports.of(interfaceIndex, address)?.groups?.remove(address)
  return ports.release(interfaceIndex, address, now())
}

function news(parts: Parts): readonly FromWorker[] {
  const results = parts.probes.results()
  const claims = parts.conflicts.news()
  if (results.length === 0 && claims.length === 0) return NO_NEWS
  const told: FromWorker[] = []
  for (let at = 0; at < claims.length; at += MOST_CLAIMS_TOLD) {
    told.push({ kind: 'foreign-claims', claims: claims.slice(at, at + MOST_CLAIMS_TOLD) })
  }
  let closed = false
  for (const { id, address, interfaceIndex, takenBy, error } of results) {
    closed = stopAsking(parts, interfaceIndex, address) || closed
    told.push({ kind: 'probed', id, takenBy, error })
  }
  if (closed) told.push({ kind: 'sockets', states: parts.ports.states() })
  return told
}

const NO_NEWS: readonly FromWorker[] = []

function waitMs({ schedule, conflicts, probes, ports, isOpen, now }: Parts): number {
  const nowMs = now()
  const frames = Math.min(schedule.waitMs(nowMs) ?? Infinity, conflicts.waitMs(nowMs) ?? Infinity)
  const allowed = isOpen(nowMs) ? frames : Math.max(frames, FENCE_LOOK_MS)
  return Math.min(allowed, probes.waitMs(nowMs) ?? Infinity, ports.waitMs(nowMs))
}
