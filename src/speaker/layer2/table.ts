/** What the main thread tells the Worker to answer for, and the difference between two such tables. */

/** One interface that carries addresses. `mac` is 6 bytes. */
export interface TableInterface {
  readonly index: number
  readonly name: string
  readonly mac: Uint8Array
}

/** One IPv4 address (unsigned number) to answer for. A new `burst` text starts the gratuitous frames again. */
export interface TableLine {
  readonly address: number
  readonly interfaceIndex: number
  readonly burst: string
}

/** One address that this node must answer for. `text` is its canonical text, `address` the same as an unsigned 32-bit number. */
export interface Layer2Line {
  readonly text: string
  readonly address: number
  readonly interface: TableInterface
  /** A new text sends the gratuitous frames again: it names the epoch, the MAC and how often the link came up. */
  readonly burst: string
}

export interface Table {
  readonly interfaces: readonly TableInterface[]
  readonly lines: ReadonlyMap<number, TableLine>
}

/** A TableLine with its row of counters in the shared memory. */
export interface SlottedLine extends TableLine {
  readonly slot: number
}

/** The interfaces in full (they are few), of the lines only what changed (they may be many thousands). */
export interface TableChange {
  readonly interfaces: readonly TableInterface[]
  readonly upsert: readonly TableLine[]
  readonly remove: readonly number[]
}

export const EMPTY_TABLE: Table = { interfaces: [], lines: new Map() }

const sameInterface = (a: TableInterface, b: TableInterface): boolean =>
  a.index === b.index && a.name === b.name && a.mac.every((byte, at) => byte === b.mac[at])

const sameLine = (a: TableLine, b: TableLine | undefined): boolean =>
  b !== undefined && a.interfaceIndex === b.interfaceIndex && a.burst === b.burst

/** What turns `before` into `after`, or undefined when they are the same. */
export function tableChange(before: Table, after: Table): TableChange | undefined {
  const upsert = [...after.lines.values()].filter((line) => !sameLine(line, before.lines.get(line.address)))
  const remove = [...before.lines.keys()].filter((address) => !after.lines.has(address))
  const interfacesSame =
    before.interfaces.length === after.interfaces.length &&
    after.interfaces.every((one) => before.interfaces.some((other) => sameInterface(one, other)))
  return interfacesSame && upsert.length === 0 && remove.length === 0 ? undefined : { interfaces: after.interfaces, upsert, remove }
}
