import type { NlriEntry } from '../../../wire/bgp/nlri.ts'

/**
 * The first of the messages that `pack` makes of the entries, and the entries that are in it; undefined when there are none. `pack` must take an
 * entry when it needs one: the one that it took and found no room for is not in the message.
 */
export function firstMessage<T extends NlriEntry>(
  entries: Iterable<T>,
  pack: (entries: Iterable<NlriEntry>) => Iterable<Uint8Array>,
): { readonly message: Uint8Array; readonly taken: readonly T[] } | undefined {
  const taken: T[] = []
  let isExhausted = false
  function* source() {
    for (const entry of entries) {
      taken.push(entry)
      yield entry
    }
    isExhausted = true
  }
  for (const message of pack(source())) return { message, taken: isExhausted ? taken : taken.slice(0, -1) }
  return undefined
}
