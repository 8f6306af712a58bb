import { type AddressKey, familyOfKey } from '../layer2/address-key.ts'
import type { SocketState } from '../layer2/message.ts'
import type { ResponderTable } from '../layer2/response.ts'
import type { SlottedLine, TableInterface, TablePort } from '../layer2/table.ts'
import { type FrameSocket, openFrameSocket } from './frame-socket.ts'
import type { Libc } from './libc.ts'
import { createSolicitedGroups, type SolicitedGroups } from './solicited-groups.ts'

const REOPEN_DELAY_MS = 500

/** One family on one interface. */
export interface Port {
  readonly is: TablePort
  readonly table: PortTable
  /** ARP is asked by broadcast; only IPv6 has groups. */
  readonly groups: SolicitedGroups | undefined
  socket: FrameSocket | undefined
  error: string | undefined
  retryAtMs: number
}

/** What one port answers for. */
export interface PortTable extends ResponderTable {
  readonly addresses: Map<AddressKey, SlottedLine>
}

/** The open sockets: one for each family on each interface that carries addresses, or on which one is asked for. Nothing here waits. */
export interface Ports {
  of(interfaceIndex: number, address: AddressKey): Port | undefined
  byFd(fd: number): Port | undefined
  /** Makes the ports those of the table, beside the ones that are kept. True when one was opened or closed. */
  want(wanted: readonly TablePort[], nowMs: number): boolean
  /** Opens a port for an address that is asked for, or keeps it open; `release` must follow. True when it was opened. */
  keep(on: TableInterface, address: AddressKey, nowMs: number): boolean
  /** True when the port was closed. */
  release(interfaceIndex: number, address: AddressKey, nowMs: number): boolean
  /** Adds an address to its port, and takes it out again. */
  addLine(line: SlottedLine): void
  removeLine(line: SlottedLine): void
  /** The socket is of no more use until the interface is back, and is opened anew then: ENETDOWN and the like. */
  drop(port: Port, error: string, nowMs: number): void
  /** Tries to open the sockets that are missing and due. True when one was tried. */
  reopen(nowMs: number): boolean
  /** Joins and leaves some of the groups for which that is due. True when that failed, or fails no more. */
  settleGroups(nowMs: number): boolean
  /** Whether a port has this MAC (6 bytes). */
  hasMac(mac: Uint8Array): boolean
  /** Milliseconds until a socket or a group is to be tried (again); Infinity when none is. */
  waitMs(nowMs: number): number
  fds(): readonly number[]
  states(): readonly SocketState[]
  /** Closes every socket. Idempotent. */
  close(): void
}

interface PortsOptions {
  readonly libc: Libc
  /** What a new port answers for besides its MAC and its addresses. */
  readonly table: (interfaceIndex: number) => Pick<ResponderTable, 'probing' | 'admits'>
  /** Every address of the table. */
  readonly lines: ReadonlyMap<AddressKey, SlottedLine>
}

interface State {
  readonly options: PortsOptions
  readonly open: Map<string, Port>
  wanted: readonly TablePort[]
  /** By key the port, and for how many probes it is kept. */
  readonly kept: Map<string, { readonly is: TablePort; probes: number }>
}

const keyOf = ({ family, index }: Pick<TablePort, 'family' | 'index'>): string => `${family} ${index}`
const portKey = (index: number, address: AddressKey): string => keyOf({ family: familyOfKey(address), index })

/** Creates an empty set. */
export function createPorts(options: PortsOptions): Ports {
  const state: State = { options, open: new Map(), wanted: [], kept: new Map() }
  const { open } = state
  const all = () => open.values()
  return {
    of: (interfaceIndex, address) => open.get(portKey(interfaceIndex, address)),
    byFd(fd) {
      for (const port of all()) if (port.socket?.fd === fd) return port
      return undefined
    },
    want(wanted, nowMs) {
      state.wanted = wanted
      return settle(state, nowMs)
    },
    keep: (on, address, nowMs) => keep(state, on, address, nowMs),
    release: (interfaceIndex, address, nowMs) => release(state, interfaceIndex, address, nowMs),
    addLine: (line) => void open.get(portKey(line.interfaceIndex, line.address))?.table.addresses.set(line.address, line),
    removeLine: ({ interfaceIndex, address }) => void open.get(portKey(interfaceIndex, address))?.table.addresses.delete(address),
    drop,
    reopen(nowMs) {
      const missing = [...all()].filter(({ socket, retryAtMs }) => socket === undefined && retryAtMs <= nowMs)
      for (const port of missing) openSocket(options.libc, port, nowMs)
      return missing.length > 0
    },
    settleGroups: (nowMs) => [...all()].filter(({ groups }) => groups?.work(nowMs) === true).length > 0,
    hasMac: (mac) => all().some(({ is }) => is.mac.every((byte, at) => byte === mac[at])),
    waitMs: (nowMs) => waitMs(open, nowMs),
    fds: () => [...all()].flatMap(({ socket }) => (socket === undefined ? [] : [socket.fd])),
    states: () => [...all()].map(stateOf),
    close() {
      for (const port of all()) closePort(port)
      open.clear()
    },
  }
}

const stateOf = ({ is: { index, family, name }, error, groups }: Port): SocketState => ({
  interfaceIndex: index,
  family,
  name,
  error: error ?? groups?.error,
})

function waitMs(open: ReadonlyMap<string, Port>, nowMs: number): number {
  let least = Infinity
  for (const { socket, retryAtMs, groups } of open.values()) {
    if (socket === undefined) least = Math.min(least, Math.max(0, retryAtMs - nowMs))
    least = Math.min(least, groups?.waitMs(nowMs) ?? Infinity)
  }
  return least
}

function keep(state: State, on: TableInterface, address: AddressKey, nowMs: number): boolean {
  const is = { ...on, family: familyOfKey(address) }
  const kept = state.kept.get(keyOf(is)) ?? { is, probes: 0 }
  kept.probes++
  state.kept.set(keyOf(is), kept)
  return settle(state, nowMs)
}

function release(state: State, interfaceIndex: number, address: AddressKey, nowMs: number): boolean {
  const key = portKey(interfaceIndex, address)
  const kept = state.kept.get(key)
  if (kept === undefined) return false
  kept.probes--
  if (kept.probes === 0) state.kept.delete(key)
  return settle(state, nowMs)
}

/** Closes and opens what is not as wanted. What the table says of an interface is newer than what a probe said. */
function settle({ options, open, wanted, kept }: State, nowMs: number): boolean {
  const next = new Map([...[...kept.values()].map(({ is }) => is), ...wanted].map((one) => [keyOf(one), one]))
  let changed = false
  for (const [key, port] of open) {
    if (next.has(key)) continue
    closePort(port)
    open.delete(key)
    changed = true
  }
  for (const [key, is] of next) {
    const before = open.get(key)
    if (before !== undefined && isSame(before.is, is)) continue
    const port = before === undefined ? newPort(options, is) : { ...before, is, table: { ...before.table, mac: is.mac }, retryAtMs: 0 }
    open.set(key, port)
    if (port.socket === undefined) openSocket(options.libc, port, nowMs)
    changed = true
  }
  return changed
}

const isSame = (a: TablePort, b: TablePort): boolean => a.name === b.name && a.mac.every((byte, at) => byte === b.mac[at])

/** With the lines that name it already. */
function newPort({ libc, table, lines }: PortsOptions, is: TablePort): Port {
  const own = [...lines].filter(([address, line]) => line.interfaceIndex === is.index && familyOfKey(address) === is.family)
  const groups = is.family === 'IPv6' ? createSolicitedGroups(libc, is.index) : undefined
  for (const [address] of own) if (typeof address === 'bigint') groups?.add(address)
  const port = { is, groups, socket: undefined, error: undefined, retryAtMs: 0 }
  return { ...port, table: { mac: is.mac, addresses: new Map(own), ...table(is.index) } }
}

function closePort(port: Port): void {
  port.socket?.close()
  port.groups?.close()
}

function openSocket(libc: Libc, port: Port, nowMs: number): void {
  try {
    port.socket = openFrameSocket(libc, port.is.index, port.is.family)
    port.error = undefined
  } catch (error) {
    port.error = error instanceof Error ? error.message : String(error)
    port.retryAtMs = nowMs + REOPEN_DELAY_MS
  }
}

function drop(port: Port, error: string, nowMs: number): void {
  port.socket?.close()
  port.socket = undefined
  port.groups?.reset()
  port.error = error
  port.retryAtMs = nowMs + REOPEN_DELAY_MS
}
