import type { Layer2Counters } from '../layer2/counters.ts'
import { type GratuitousSchedule, gratuitousFrames } from '../layer2/gratuitous.ts'
import type { SocketState, ToWorker } from '../layer2/message.ts'
import { type ResponderTable, respond } from '../layer2/respond.ts'
import type { SlottedLine, TableInterface } from '../layer2/table.ts'
import { type FrameSocket, openArpSocket } from './frame-socket.ts'
import type { Libc } from './libc.ts'

/** Frames taken from one socket before the others get their turn. */
const FRAMES_A_TURN = 64
/** Gratuitous pairs sent before the next look at the sockets: a take-over of thousands must not delay an answer. */
const PAIRS_A_TURN = 32
const LONGEST_FRAME = 2048
const REOPEN_DELAY_MS = 500

interface Port {
  readonly interface: TableInterface
  readonly table: ResponderTable & { readonly addresses: Map<number, SlottedLine> }
  socket: FrameSocket | undefined
  error: string | undefined
  retryAtMs: number
}

/** Carries frames between the sockets of the interfaces and the pure rules; all on one thread, none of it waits. */
export interface Responder {
  /** True while an interface of the table has no socket. */
  readonly broken: boolean
  /** Makes table and sockets those of the change. */
  apply(change: (ToWorker & { kind: 'change' })['change'], nowMs: number): void
  /** Answers what waits on one socket. True when the socket had to be closed. */
  serve(fd: number, readable: boolean, failed: boolean, nowMs: number): boolean
  /** Tries to open the sockets that are missing and due. True when one was tried. */
  reopen(nowMs: number): boolean
  sendGratuitous(nowMs: number): void
  /** Milliseconds until a gratuitous pair is due. */
  waitMs(nowMs: number): number | undefined
  fds(): readonly number[]
  states(): readonly SocketState[]
  /** Closes every socket. Idempotent. */
  close(): void
}

interface Parts {
  readonly libc: Libc
  readonly counters: Layer2Counters
  readonly schedule: GratuitousSchedule
}

/** Creates a responder without interfaces. */
export function createResponder(parts: Parts): Responder {
  const ports = new Map<number, Port>()
  const lines = new Map<number, SlottedLine>()
  const buffer = new Uint8Array(LONGEST_FRAME)
  const byFd = (fd: number) => ports.values().find((port) => port.socket?.fd === fd)
  return {
    get broken() {
      return ports.values().some((port) => port.socket === undefined)
    },
    apply(change, nowMs) {
      applyInterfaces(parts, ports, lines, change.interfaces, nowMs)
      for (const address of change.remove) removeLine(parts, ports, lines, address)
      for (const line of change.upsert) setLine(parts, ports, lines, line, nowMs)
      parts.counters.addGlobal('installed')
    },
    serve(fd, readable, failed, nowMs) {
      const port = byFd(fd)
      if (port?.socket === undefined) return false
      if (failed) return dropSocket(port, port.socket.takeError()?.message ?? 'socket failed', nowMs)
      return readable ? answer(parts, port, port.socket, buffer, nowMs) : false
    },
    reopen(nowMs) {
      const missing = [...ports.values()].filter((port) => port.socket === undefined && port.retryAtMs <= nowMs)
      for (const port of missing) openSocket(parts, port, nowMs)
      return missing.length > 0
    },
    sendGratuitous(nowMs) {
      for (const address of parts.schedule.due(nowMs, PAIRS_A_TURN)) sendPair(parts, ports, lines.get(address), address, nowMs)
    },
    waitMs: (nowMs) => parts.schedule.waitMs(nowMs),
    fds: () => [...ports.values()].flatMap(({ socket }) => (socket === undefined ? [] : [socket.fd])),
    states: () =>
      [...ports.values()].map((port) => ({ interfaceIndex: port.interface.index, name: port.interface.name, error: port.error })),
    close() {
      for (const port of ports.values()) port.socket?.close()
      ports.clear()
    },
  }
}

function applyInterfaces(
  parts: Parts,
  ports: Map<number, Port>,
  lines: Map<number, SlottedLine>,
  interfaces: readonly TableInterface[],
  nowMs: number,
): void {
  const wanted = new Map(interfaces.map((one) => [one.index, one]))
  for (const [index, port] of ports) {
    if (wanted.has(index)) continue
    port.socket?.close()
    ports.delete(index)
  }
  for (const one of interfaces) {
    const before = ports.get(one.index)
    const addresses = before?.table.addresses ?? new Map([...lines].filter(([, line]) => line.interfaceIndex === one.index))
    const port: Port = { interface: one, table: { mac: one.mac, addresses }, socket: before?.socket, error: before?.error, retryAtMs: 0 }
    ports.set(one.index, port)
    if (port.socket === undefined) openSocket(parts, port, nowMs)
  }
}

function openSocket(parts: Parts, port: Port, nowMs: number): void {
  try {
    port.socket = openArpSocket(parts.libc, port.interface.index)
    port.error = undefined
  } catch (error) {
    port.error = error instanceof Error ? error.message : String(error)
    port.retryAtMs = nowMs + REOPEN_DELAY_MS
  }
}

/** ENETDOWN and the like: the socket is of no more use until the interface is back, and is opened anew then. */
function dropSocket(port: Port, error: string, nowMs: number): true {
  port.socket?.close()
  port.socket = undefined
  port.error = error
  port.retryAtMs = nowMs + REOPEN_DELAY_MS
  return true
}

function removeLine(parts: Parts, ports: Map<number, Port>, lines: Map<number, SlottedLine>, address: number): void {
  const line = lines.get(address)
  if (line === undefined) return
  lines.delete(address)
  ports.get(line.interfaceIndex)?.table.addresses.delete(address)
  parts.schedule.stop(address)
}

function setLine(parts: Parts, ports: Map<number, Port>, lines: Map<number, SlottedLine>, line: SlottedLine, nowMs: number): void {
  removeLine(parts, ports, lines, line.address)
  lines.set(line.address, line)
  ports.get(line.interfaceIndex)?.table.addresses.set(line.address, line)
  parts.schedule.start(line.address, nowMs)
}

/** Answers up to FRAMES_A_TURN waiting frames. True when the socket failed and was closed. */
function answer(parts: Parts, port: Port, socket: FrameSocket, buffer: Uint8Array, nowMs: number): boolean {
  for (let turn = 0; turn < FRAMES_A_TURN; turn++) {
    const received = socket.receive(buffer)
    if (received === 'empty') return false
    if (typeof received !== 'number') return dropSocket(port, received.message, nowMs)
    const response = respond(buffer.subarray(0, received), port.table)
    const slot = response.address === undefined ? undefined : port.table.addresses.get(response.address)?.slot
    if (slot !== undefined && (response.kind === 'reply' || response.reason === 'bad-sender')) parts.counters.add(slot, 'requests')
    if (response.kind === 'ignore') parts.counters.addGlobal(response.reason)
    else if (socket.send(response.frame) !== undefined) parts.counters.addGlobal('rejected')
    else if (slot !== undefined) parts.counters.add(slot, 'responses')
  }
  return false
}

function sendPair(parts: Parts, ports: ReadonlyMap<number, Port>, line: SlottedLine | undefined, address: number, nowMs: number): void {
  const port = line === undefined ? undefined : ports.get(line.interfaceIndex)
  if (line === undefined || port?.socket === undefined) {
    parts.schedule.failed(address, nowMs)
    return
  }
  const ip = Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address)
  for (const frame of gratuitousFrames(port.interface.mac, ip)) {
    if (port.socket.send(frame) === undefined) continue
    parts.counters.addGlobal('rejected')
    parts.schedule.failed(address, nowMs)
    return
  }
  parts.counters.add(line.slot, 'gratuitous')
  parts.schedule.sent(address, nowMs)
}
