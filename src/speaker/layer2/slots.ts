import type { AddressKey } from './address-key.ts'
import { type Layer2Counters, SLOTS } from './counters.ts'

/** Which row of the shared counters belongs to which address. */
export interface Slots {
  /** Gives an address a row of zeros, unless it has one. Throws RangeError when more than SLOTS addresses are held at once. */
  take(address: AddressKey, text: string): void
  free(address: AddressKey): void
  /** The row of a held address; throws RangeError for another one, which is a bug. */
  of(address: AddressKey): number
  entries(): Iterable<readonly [text: string, slot: number]>
}

/** Creates the register. A freed row is reused as late as possible: the other thread may still count into it for a moment. */
export function createSlots(counters: Pick<Layer2Counters, 'clear'>, size = SLOTS): Slots {
  const held = new Map<AddressKey, { readonly slot: number; readonly text: string }>()
  const freed: number[] = []
  let fresh = 0
  return {
    take(address, text) {
      if (held.has(address)) return
      const slot = fresh < size ? fresh++ : freed.shift()
      if (slot === undefined) throw new RangeError(`more than ${size} addresses on one node`)
      counters.clear(slot)
      held.set(address, { slot, text })
    },
    free(address) {
      const entry = held.get(address)
      if (entry === undefined) return
      held.delete(address)
      freed.push(entry.slot)
    },
    of(address) {
      const entry = held.get(address)
      if (entry === undefined) throw new RangeError(`address ${address} has no counters`)
      return entry.slot
    },
    *entries() {
      for (const { slot, text } of held.values()) yield [text, slot] as const
    },
  }
}
