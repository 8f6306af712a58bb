/** Reads and writes numbers in network byte order. What lies behind the end of `bytes` reads as zero, so no read leaves the array. */

export const readU16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

export const readU32 = (bytes: Uint8Array, at: number): number => readU16(bytes, at) * 0x1_0000 + readU16(bytes, at + 2)

/** One byte, as a list to spread. Throws RangeError on a number that has no place in it, as the other two do: a bug of the caller. */
export const u8 = (value: number): [number] => [bounded(value, 0xff)]

export const u16 = (value: number): [number, number] => {
  bounded(value, 0xffff)
  return [value >>> 8, value & 0xff]
}

export const u32 = (value: number): [number, number, number, number] => {
  bounded(value, 0xffff_ffff)
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Each whole word of four bytes; what is left over is not read. */
export function readWords(bytes: Uint8Array): number[] {
  const words: number[] = []
  for (let at = 0; at + 4 <= bytes.length; at += 4) words.push(readU32(bytes, at))
  return words
}

export const writeWords = (words: readonly number[]): Uint8Array => concat(words.map((word) => Uint8Array.from(u32(word))))

/** The text of UTF-8, or undefined when it is not. RFC 3629 section 3: no overlong forms, no surrogates. */
export function readUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function bounded(value: number, most: number): number {
  if (!Number.isInteger(value) || value < 0 || value > most) throw new RangeError(`${value} is not in 0..${most}`)
  return value
}
