/**
 * The Internet checksum: the ones' complement of the ones' complement sum of all 16-bit words, an odd last byte taken as the high half
 * of a word. Over bytes that contain their own right checksum it is 0. `start` is a sum to begin from, as pseudoHeaderSum gives it.
 * Source: RFC 1071 section 1.
 */
export function internetChecksum(bytes: Uint8Array, start = 0): number {
  return ~fold(start + sumOf(bytes)) & 0xffff
}

/**
 * The sum over the pseudo-header of IPv6: both addresses (16 bytes each), the upper-layer length in bytes and the next header.
 * Source: RFC 8200 section 8.1.
 */
export function pseudoHeaderSum(source: Uint8Array, destination: Uint8Array, length: number, nextHeader: number): number {
  return sumOf(source) + sumOf(destination) + (length >>> 16) + (length & 0xffff) + nextHeader
}

/** Not folded: exact up to 2^37 words. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return sum
}

function fold(sum: number): number {
  let rest = sum
  while (rest > 0xffff) rest = Math.floor(rest / 0x10000) + (rest % 0x10000)
  return rest
}
