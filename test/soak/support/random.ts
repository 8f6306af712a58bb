/** Random choices that a seed repeats. */
export interface Random {
  /** From 0 up to, not including, 1. */
  fraction(): number
  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number
  /** One of them; throws RangeError when there is none. */
  pick<T>(items: readonly T[]): T
  /** A stream of its own, so that concurrent actors do not disturb each other's choices. */
  fork(): Random
}

/** mulberry32: 32 bits of state, good enough to choose what to do next. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const fraction = (): number => next() / 2 ** 32
  const below = (end: number): number => Math.floor(fraction() * end)
  return {
    fraction,
    below,
    pick: (items) => {
      if (items.length === 0) throw new RangeError('nothing to pick from')
      return items[below(items.length)] as (typeof items)[number]
    },
    fork: () => createRandom(next()),
  }
}
