import { formatPrefix } from '../../../src/addr/prefix.ts'
import type { UpdateContext } from '../../../src/wire/bgp/context.ts'
import { entriesOf, type Nlri } from '../../../src/wire/bgp/nlri.ts'

/** Bytes of hexadecimal text; spaces are for the reader. */
export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** An attribute with the flags as given; its length field says what `claimed` says, or the truth. */
export function attribute(flags: number, code: number, value: string, claimed = hex(value).length): string {
  const length = (flags & 0x10) === 0 ? byte(claimed) : byte(claimed >> 8) + byte(claimed & 0xff)
  return byte(flags) + byte(code) + length + value.replaceAll(/\s/g, '')
}

const byte = (value: number): string => value.toString(16).padStart(2, '0')

/** The body of an UPDATE. The length fields say the truth, unless told otherwise. */
export function updateBody(fields: {
  readonly withdrawn?: string
  readonly attributes?: readonly string[]
  readonly nlri?: string
  readonly withdrawnLength?: number
  readonly attributesLength?: number
}): Uint8Array {
  const { withdrawn = '', attributes = [], nlri = '' } = fields
  const { withdrawnLength = hex(withdrawn).length, attributesLength = hex(attributes.join('')).length } = fields
  const [first, second] = [withdrawnLength, attributesLength].map((length) => byte(length >> 8) + byte(length & 0xff))
  return hex(`${first}${withdrawn}${second}${attributes.join('')}${nlri}`)
}

/** A session with both families and numbers of four bytes. */
export const context = (over: Partial<UpdateContext> = {}): UpdateContext => ({
  peering: 'external',
  fourOctetAs: true,
  families: { IPv4: { pathIds: false, extendedNextHop: false }, IPv6: { pathIds: false, extendedNextHop: false } },
  ...over,
})

/** The prefixes of lists, as text; with a path identifier `7@192.0.2.0/24`. */
export const prefixes = (lists: readonly Nlri[]): string[] =>
  lists.flatMap((nlri) =>
    [...entriesOf(nlri)].map(({ prefix, pathId }) => (pathId === undefined ? '' : `${pathId}@`) + formatPrefix(prefix)),
  )

/** The value of a success. */
export function value<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error, (_key, part) => (typeof part === 'bigint' ? `${part}` : part)))
  return result.value
}
