/** Wrong bytes that are nearly right: most inputs of pure chance would fall at the first check of a parser. */
import type { Random } from './random.ts'

/** No input is longer. */
export const MUTANT_MAX = 2048
/** Lengths, counts and numbers near which arithmetic goes wrong. */
const INTERESTING = [
  0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 253, 254, 255, 256, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x7fffffff, 0xffffffff,
]
const MOST_STEPS = 5
/** One input in so many is a seed as it is. */
const UNCHANGED_EVERY = 16

/** `bytes` is used from its start; `length` of them count. */
export interface Mutant {
  readonly bytes: Uint8Array
  length: number
}

/** Room for an input in the middle of a buffer of other bytes, at an odd place. */
export function createMutant(random: Random): Mutant {
  const around = new Uint8Array(MUTANT_MAX + 128)
  for (let at = 0; at < around.length; at++) around[at] = random.below(256)
  return { bytes: around.subarray(61, 61 + MUTANT_MAX), length: 0 }
}

type Step = (random: Random, mutant: Mutant, seeds: readonly Uint8Array[]) => void

const flip: Step = (random, { bytes, length }) => {
  const at = random.below(length)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
}

const replace: Step = (random, { bytes, length }) => {
  bytes[random.below(length)] = random.below(256)
}

/** Writes a number of one, two, four or eight bytes, in either byte order. */
const number: Step = (random, { bytes, length }) => {
  const width = 1 << random.below(4)
  const value = random.pick(INTERESTING)
  const start = random.below(length)
  const isBig = random.below(4) > 0
  for (let index = 0; index < width && start + index < length; index++) {
    const place = isBig ? width - 1 - index : index
    bytes[start + index] = place > 3 ? (value === 0xffffffff ? 0xff : 0) : value >>> (8 * place)
  }
}

const cut: Step = (random, mutant) => {
  mutant.length = random.below(mutant.length)
}

const extend: Step = (random, mutant) => {
  const more = 1 + random.below(random.below(8) === 0 ? 512 : 16)
  const end = Math.min(MUTANT_MAX, mutant.length + more)
  for (let at = mutant.length; at < end; at++) mutant.bytes[at] = random.below(256)
  mutant.length = end
}

/** The beginning of this one and the end of another. */
const splice: Step = (random, mutant, seeds) => {
  const other = random.pick(seeds)
  const from = random.below(other.length)
  const tail = other.subarray(from, from + MUTANT_MAX - mutant.length)
  const at = random.below(mutant.length)
  mutant.bytes.set(tail, at)
  mutant.length = Math.max(1, at + tail.length)
}

/** A block of it comes twice: one more entry of a list, whose count does not say so. */
const repeat: Step = (random, mutant) => {
  const from = random.below(mutant.length)
  const size = 1 + random.below(Math.min(64, mutant.length - from))
  if (mutant.length + size > MUTANT_MAX) return
  mutant.bytes.copyWithin(from + size, from, mutant.length)
  mutant.length += size
}

const remove: Step = (random, mutant) => {
  const from = random.below(mutant.length)
  const size = 1 + random.below(Math.min(64, mutant.length - from))
  mutant.bytes.copyWithin(from, from + size, mutant.length)
  mutant.length -= size
}

const STEPS: readonly Step[] = [flip, flip, replace, number, number, cut, extend, splice, repeat, remove]

/** Makes `mutant` one of the seeds, changed in up to MOST_STEPS ways. No seed is empty, or longer than MUTANT_MAX. */
export function mutate(random: Random, seeds: readonly Uint8Array[], mutant: Mutant): void {
  const seed = random.pick(seeds)
  mutant.bytes.set(seed)
  mutant.length = seed.length
  if (random.below(UNCHANGED_EVERY) === 0) return
  for (let steps = 1 + random.below(MOST_STEPS); steps > 0 && mutant.length > 0; steps--) random.pick(STEPS)(random, mutant, seeds)
}
