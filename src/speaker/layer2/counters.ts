import type { Observation } from './observation.ts'
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
  /** Notes an answer to a MAC (six bytes of `bytes` from `at` on), and its time of monotonicMs(). */
  answered(slot: number, atMs: number, bytes: Uint8Array, at: number): void
  /** Notes an announcement, and its time of monotonicMs(). */
  announced(slot: number, atMs: number): void
  /** What was noted last. */
  marks(slot: number): Pick<Observation, 'lastAnswer' | 'lastAnnouncementMs'>
  /** Sets all of a slot to 0, before it is given to another address. */
  clear(slot: number): void
  addGlobal(counter: GlobalCounter): void
  global(counter: GlobalCounter): number
}

const ADDRESS_COUNTERS = ['requests', 'responses', 'gratuitous'] as const
/** Times, and a MAC as a number of 48 bits; 0 is "never". */
const ADDRESS_MARKS = ['answeredMs', 'answeredMac', 'announcedMs'] as const
const ADDRESS_CELLS = [...ADDRESS_COUNTERS, ...ADDRESS_MARKS] as const
type AddressCell = (typeof ADDRESS_CELLS)[number]
export type AddressCounter = (typeof ADDRESS_COUNTERS)[number]

/** `heartbeat` is one turn of the Worker's loop; `installed` one applied table change; `rejected` a frame that the kernel did not take. */
const OWN_GLOBALS = ['heartbeat', 'installed', 'rejected'] as const
const GLOBAL_COUNTERS = [...OWN_GLOBALS, ...IGNORE_REASONS] as const
export type GlobalCounter = (typeof OWN_GLOBALS)[number] | IgnoreReason

/** As many addresses as one node can answer for. */
export const SLOTS = 262_144
const FIRST_ADDRESS = GLOBAL_COUNTERS.length
const placesOf = <Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map((name, at) => [name, at])) as Record<Name, number>
const GLOBAL_AT = placesOf<GlobalCounter>(GLOBAL_COUNTERS)
const CELL_AT = placesOf<AddressCell>(ADDRESS_CELLS)

/** Allocates the memory (12 MiB of address space, of which the kernel backs only what is touched), or looks at that of another thread. */
export function createLayer2Counters(memory = new SharedArrayBuffer((FIRST_ADDRESS + SLOTS * ADDRESS_CELLS.length) * 8)): Layer2Counters {
  const cells = new Float64Array(memory)
  const cell = (slot: number, of: AddressCell) => FIRST_ADDRESS + slot * ADDRESS_CELLS.length + CELL_AT[of]
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
    answered(slot, atMs, bytes, at) {
      cells[cell(slot, 'answeredMs')] = atMs
      cells[cell(slot, 'answeredMac')] = macNumber(bytes, at)
    },
    announced(slot, atMs) {
      cells[cell(slot, 'announcedMs')] = atMs
    },
    marks(slot) {
      const [answeredMs, announcedMs] = [read(cell(slot, 'answeredMs')), read(cell(slot, 'announcedMs'))]
      const toMac = macBytes(read(cell(slot, 'answeredMac')))
      return {
        lastAnswer: answeredMs === 0 ? undefined : { toMac, atMs: answeredMs },
        lastAnnouncementMs: announcedMs === 0 ? undefined : announcedMs,
      }
    },
    clear: (slot) => void cells.fill(0, cell(slot, 'requests'), cell(slot, 'requests') + ADDRESS_CELLS.length),
    addGlobal: (counter) => increment(GLOBAL_AT[counter]),
    global: (counter) => read(GLOBAL_AT[counter]),
  }
}

/** Exact: 48 bits fit a double. */
function macNumber(bytes: Uint8Array, at: number): number {
  let high = 0
  let low = 0
  for (let octet = 0; octet < 3; octet++) {
    high = (high << 8) | (bytes[at + octet] ?? 0)
    low = (low << 8) | (bytes[at + 3 + octet] ?? 0)
  }
  return high * 0x100_0000 + low
}

function macBytes(value: number): Uint8Array {
  const mac = new Uint8Array(6)
  for (let at = 5, rest = value; at >= 0; at--, rest = Math.floor(rest / 256)) mac[at] = rest % 256
  return mac
}
