import { err, ok, type Result } from '../result.ts'
import { type AddressError, addressError, FAMILY_BITS, type Family, formatIp, type Ip, parseIp } from './ip.ts'
import type { AddressRange } from './range.ts'

/** A CIDR prefix. `base` has no host bits; `length` is 0..32 or 0..128. */
export interface Prefix {
  readonly family: Family
  readonly base: bigint
  readonly length: number
}

const PREFIX_LENGTH = /^(0|[1-9]\d{0,2})$/

/**
 * Reads `IP/length`. Host bits are masked away, as OpenELB does (10.0.0.9/29 is 10.0.0.8/29). Dotted masks and leading
 * zeros in the length are refused. Errors: BAD_ADDRESS for the part before the slash, BAD_PREFIX for the rest.
 * Source: RFC 4632 section 3.1, RFC 4291 section 2.3.
 */
export function parsePrefix(text: string): Result<Prefix, AddressError> {
  const slash = text.indexOf('/')
  if (slash < 0) return err(addressError('BAD_PREFIX', text, 'has no prefix length (write 192.0.2.0/24)'))
  const ip = parseIp(text.slice(0, slash))
  if (!ip.ok) return ip
  const { family, value } = ip.value
  const lengthText = text.slice(slash + 1)
  const bits = FAMILY_BITS[family]
  if (!PREFIX_LENGTH.test(lengthText) || Number(lengthText) > bits) {
    return err(addressError('BAD_PREFIX', text, `has a bad prefix length (${family} takes 0 to ${bits})`))
  }
  const length = Number(lengthText)
  return ok({ family, base: value & ~hostMask(family, length), length })
}

/** The prefix of the given length that contains the address; without a length, the one of the address alone. Host bits are masked away. */
export const prefixOf = ({ family, value }: Ip, length: number = FAMILY_BITS[family]): Prefix => ({
  family,
  base: value & ~hostMask(family, length),
  length,
})

/** The canonical text, such as 192.0.2.0/24. */
export const formatPrefix = (prefix: Prefix): string => `${formatIp({ family: prefix.family, value: prefix.base })}/${prefix.length}`

/** Whether the address is in the prefix. */
export const prefixContains = (prefix: Prefix, ip: Ip): boolean =>
  prefix.family === ip.family && (ip.value & ~hostMask(prefix.family, prefix.length)) === prefix.base

/** The prefix as a range, network and broadcast addresses included. */
export const prefixRange = (prefix: Prefix): AddressRange => ({
  family: prefix.family,
  first: prefix.base,
  last: prefix.base | hostMask(prefix.family, prefix.length),
})

const hostMask = (family: Family, length: number): bigint => (1n << BigInt(FAMILY_BITS[family] - length)) - 1n
