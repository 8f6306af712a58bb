import type { Family } from '../../addr/ip.ts'
import type { AddressKey } from './address-key.ts'

/** What the main thread tells the Worker to answer for, and the difference between two such tables. */

/** One interface that carries addresses. `mac` is 6 bytes. */
export interface TableInterface {
  readonly index: number
  readonly name: string
  readonly mac: Uint8Array
}

/** One family on one interface: what a socket is opened for. */
export interface TablePort extends TableInterface {
  readonly family: Family
}

/** One address to answer for. A new `burst` text starts the gratuitous frames again. */
export interface TableLine {
  readonly address: AddressKey
  readonly interfaceIndex: number
  readonly burst: string
}

/** One address that this node must answer for. `text` is its canonical text, `address` the same as a key. */
export interface Layer2Line {
  readonly text: string
  readonly address: AddressKey
  readonly interface: TableInterface
  /** A new text sends the gratuitous frames again: it names the epoch, the MAC and how often the link came up. */
  readonly burst: string
}

export interface Table {
  readonly ports: readonly TablePort[]
  readonly lines: ReadonlyMap<AddressKey, TableLine>
}

/** A TableLine with its row of counters in the shared memory. */
export interface SlottedLine extends TableLine {
  readonly slot: number
}

/** The ports in full (they are few), of the lines only what changed (they may be many thousands). */
export interface TableChange {
  readonly ports: readonly TablePort[]
  readonly upsert: readonly TableLine[]
  readonly remove: readonly AddressKey[]
}

export const EMPTY_TABLE: Table = { ports: [], lines: new Map() }

const samePort = (a: TablePort, b: TablePort): boolean =>
  a.family === b.family && a.index === b.index && a.name === b.name && a.mac.every((byte, at) => byte === b.mac[at])

const sameLine = (a: TableLine, b: TableLine | undefined): boolean =>
  b !== undefined && a.interfaceIndex === b.interfaceIndex && a.burst === b.burst

/** What turns `before` into `after`, or undefined when they are the same. */
export function tableChange(before: Table, after: Table): TableChange | undefined {
  const upsert = [...after.lines.values()].filter((line) => !sameLine(line, before.lines.get(line.address)))
  const remove = [...before.lines.keys()].filter((address) => !after.lines.has(address))
  const portsSame =
    before.ports.length === after.ports.length && after.ports.every((one) => before.ports.some((other) => samePort(one, other)))
  return portsSame && upsert.length === 0 && remove.length === 0 ? undefined : { ports: after.ports, upsert, remove }
}
