import { IGNORE_REASONS, type IgnoreReason } from './response.ts'

/**
 * Counters that the Worker writes and the main thread reads, in shared memory: a message a second per address would cost the hot loop
 * more than the frames. One writer, so plain additions suffice; 64-bit floats count exactly to 2^53 and are read in one piece on both
 * architectures that we are built for.
 */
export interface Layer2Counters {
  readonly memory: SharedArrayBuffer
  add(slot: number, counter: AddressCounter): void
  ofAddress(slot: number): Readonly<Record<AddressCounter, number>>
  /** Sets the three counters of a slot to 0, before it is given to another address. */
  clear(slot: number): void
  addGlobal(counter: GlobalCounter): void
  global(counter: GlobalCounter): number
}

const ADDRESS_COUNTERS = ['requests', 'responses', 'gratuitous'] as const
export type AddressCounter = (typeof ADDRESS_COUNTERS)[number]

/** `heartbeat` is one turn of the Worker's loop; `installed` one applied table change; `rejected` a frame that the kernel did not take. */
const OWN_GLOBALS = ['heartbeat', 'installed', 'rejected'] as const
const GLOBAL_COUNTERS = [...OWN_GLOBALS, ...IGNORE_REASONS] as const
export type GlobalCounter = (typeof OWN_GLOBALS)[number] | IgnoreReason

/** As many addresses as one node can answer for. */
export const SLOTS = 262_144
const FIRST_ADDRESS = GLOBAL_COUNTERS.length

/** Allocates the memory (6 MiB of address space, of which the kernel backs only what is touched), or looks at that of another thread. */
export function createLayer2Counters(
  memory = new SharedArrayBuffer((FIRST_ADDRESS + SLOTS * ADDRESS_COUNTERS.length) * 8),
): Layer2Counters {
  const cells = new Float64Array(memory)
  const cell = (slot: number, counter: AddressCounter) => FIRST_ADDRESS + slot * ADDRESS_COUNTERS.length + ADDRESS_COUNTERS.indexOf(counter)
  const globalCell = (counter: GlobalCounter) => GLOBAL_COUNTERS.indexOf(counter)
  const read = (at: number): number => cells[at] ?? 0
  const increment = (at: number): void => {
    cells[at] = read(at) + 1
  }
  return {
    memory,
    add: (slot, counter) => increment(cell(slot, counter)),
    ofAddress: (slot) => ({
      requests: read(cell(slot, 'requests')),
      responses: read(cell(slot, 'responses')),
      gratuitous: read(cell(slot, 'gratuitous')),
    }),
    clear: (slot) => void cells.fill(0, cell(slot, 'requests'), cell(slot, 'gratuitous') + 1),
    addGlobal: (counter) => increment(globalCell(counter)),
    global: (counter) => read(globalCell(counter)),
  }
}
