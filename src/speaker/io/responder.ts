import { type AddressKey, familyOfKey } from '../layer2/address-key.ts'
import type { Layer2Counters } from '../layer2/counters.ts'
import { announcementFrames, type GratuitousSchedule } from '../layer2/gratuitous.ts'
import type { SocketState, ToWorker } from '../layer2/message.ts'
import { respondArp } from '../layer2/respond-arp.ts'
import { respondNd } from '../layer2/respond-nd.ts'
import type { ResponderTable } from '../layer2/response.ts'
import type { SlottedLine, TablePort } from '../layer2/table.ts'
import { type FrameSocket, openFrameSocket } from './frame-socket.ts'
import type { Libc } from './libc.ts'
import { createSolicitedGroups, type SolicitedGroups } from './solicited-groups.ts'

/** Frames taken from one socket before the others get their turn. */
const FRAMES_A_TURN = 64
/** Gratuitous pairs sent before the next look at the sockets: a take-over of thousands must not delay an answer. */
const PAIRS_A_TURN = 32
const LONGEST_FRAME = 2048
const REOPEN_DELAY_MS = 500
const RESPOND = { IPv4: respondArp, IPv6: respondNd } as const

/** One family on one interface. */
interface Port {
  readonly is: TablePort
  readonly table: ResponderTable & { readonly addresses: Map<AddressKey, SlottedLine> }
  /** ARP is asked by broadcast; only IPv6 has groups. */
  readonly groups: SolicitedGroups | undefined
  socket: FrameSocket | undefined
  error: string | undefined
  retryAtMs: number
}

/** By family and interface index, as portKey makes it. */
type Ports = Map<string, Port>

const portKey = (interfaceIndex: number, address: AddressKey): string => `${familyOfKey(address)} ${interfaceIndex}`

/** Carries frames between the sockets of the interfaces and the pure rules; all on one thread, none of it waits. */
export interface Responder {
  /** True while a port of the table has no socket. */
  readonly broken: boolean
  /** Makes table and sockets those of the change. */
  apply(change: (ToWorker & { kind: 'change' })['change'], nowMs: number): void
  /** Answers what waits on one socket. True when the socket had to be closed. */
  serve(fd: number, readable: boolean, failed: boolean, nowMs: number): boolean
  /** Tries to open the sockets that are missing and due. True when one was tried. */
  reopen(nowMs: number): boolean
  /** Joins and leaves some of the groups for which that is due. True when that failed, or fails no more. */
  settleGroups(nowMs: number): boolean
  sendGratuitous(nowMs: number): void
  /** Milliseconds until a gratuitous pair is due, or a group has to be joined or left. */
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
  const ports: Ports = new Map()
  const lines = new Map<AddressKey, SlottedLine>()
  const buffer = new Uint8Array(LONGEST_FRAME)
  const byFd = (fd: number) => ports.values().find((port) => port.socket?.fd === fd)
  return {
    get broken() {
      return ports.values().some((port) => port.socket === undefined)
    },
    apply(change, nowMs) {
      applyPorts(parts, ports, lines, change.ports, nowMs)
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
    settleGroups(nowMs) {
      let changed = false
      for (const { groups } of ports.values()) if (groups?.work(nowMs) === true) changed = true
      return changed
    },
    sendGratuitous(nowMs) {
      for (const address of parts.schedule.due(nowMs, PAIRS_A_TURN)) sendPair(parts, ports, lines.get(address), address, nowMs)
    },
    waitMs(nowMs) {
      let least = parts.schedule.waitMs(nowMs) ?? Infinity
      for (const { groups } of ports.values()) least = Math.min(least, groups?.waitMs(nowMs) ?? Infinity)
      return least === Infinity ? undefined : least
    },
    fds: () => [...ports.values()].flatMap(({ socket }) => (socket === undefined ? [] : [socket.fd])),
    states: () => [...ports.values()].map(stateOf),
    close() {
      for (const port of ports.values()) closePort(port)
      ports.clear()
    },
  }
}

const stateOf = ({ is: { index, family, name }, error, groups }: Port): SocketState => ({
  interfaceIndex: index,
  family,
  name,
  error: error ?? groups?.error,
})

function applyPorts(
  parts: Parts,
  ports: Ports,
  lines: ReadonlyMap<AddressKey, SlottedLine>,
  wanted: readonly TablePort[],
  nowMs: number,
): void {
  const next = new Map(wanted.map((one) => [`${one.family} ${one.index}`, one]))
  for (const [key, port] of ports) {
    if (next.has(key)) continue
    closePort(port)
    ports.delete(key)
  }
  for (const [key, one] of next) {
    const before = ports.get(key)
    const port = before === undefined ? newPort(parts, one, lines) : changedPort(before, one)
    ports.set(key, port)
    if (port.socket === undefined) openSocket(parts, port, nowMs)
  }
}

const changedPort = (port: Port, is: TablePort): Port => ({ ...port, is, table: { ...port.table, mac: is.mac }, retryAtMs: 0 })

/** With the lines that name it already. */
function newPort({ libc }: Parts, is: TablePort, lines: ReadonlyMap<AddressKey, SlottedLine>): Port {
  const own = [...lines].filter(([address, line]) => line.interfaceIndex === is.index && familyOfKey(address) === is.family)
  const groups = is.family === 'IPv6' ? createSolicitedGroups(libc, is.index) : undefined
  for (const [address] of own) if (typeof address === 'bigint') groups?.add(address)
  return { is, table: { mac: is.mac, addresses: new Map(own) }, groups, socket: undefined, error: undefined, retryAtMs: 0 }
}

function closePort(port: Port): void {
  port.socket?.close()
  port.groups?.close()
}

function openSocket(parts: Parts, port: Port, nowMs: number): void {
  try {
    port.socket = openFrameSocket(parts.libc, port.is.index, port.is.family)
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
  port.groups?.reset()
  port.error = error
  port.retryAtMs = nowMs + REOPEN_DELAY_MS
  return true
}

function removeLine(parts: Parts, ports: Ports, lines: Map<AddressKey, SlottedLine>, address: AddressKey): void {
  const line = lines.get(address)
  if (line === undefined) return
  lines.delete(address)
  const port = ports.get(portKey(line.interfaceIndex, address))
  port?.table.addresses.delete(address)
  if (typeof address === 'bigint') port?.groups?.remove(address)
  parts.schedule.stop(address)
}

function setLine(parts: Parts, ports: Ports, lines: Map<AddressKey, SlottedLine>, line: SlottedLine, nowMs: number): void {
  const { address, interfaceIndex } = line
  // A line that stays on its interface keeps its group: to leave it for a moment is to miss a solicitation.
  if (lines.get(address)?.interfaceIndex !== interfaceIndex) {
    removeLine(parts, ports, lines, address)
    if (typeof address === 'bigint') ports.get(portKey(interfaceIndex, address))?.groups?.add(address)
  }
  lines.set(address, line)
  ports.get(portKey(interfaceIndex, address))?.table.addresses.set(address, line)
  parts.schedule.start(address, nowMs)
}

/** Answers up to FRAMES_A_TURN waiting frames. True when the socket failed and was closed. */
function answer(parts: Parts, port: Port, socket: FrameSocket, buffer: Uint8Array, nowMs: number): boolean {
  const respond = RESPOND[port.is.family]
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

function sendPair(parts: Parts, ports: Ports, line: SlottedLine | undefined, address: AddressKey, nowMs: number): void {
  const port = line === undefined ? undefined : ports.get(portKey(line.interfaceIndex, address))
  if (line === undefined || port?.socket === undefined) {
    parts.schedule.failed(address, nowMs)
    return
  }
  for (const frame of announcementFrames(port.is.mac, address)) {
    if (port.socket.send(frame) === undefined) continue
    parts.counters.addGlobal('rejected')
    parts.schedule.failed(address, nowMs)
    return
  }
  parts.counters.add(line.slot, 'gratuitous')
  parts.schedule.sent(address, nowMs)
}
