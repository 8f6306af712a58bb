/** Router solicitations and advertisements, which anybody on the link may send. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { ETHERNET_HEADER_LENGTH } from '../../../src/wire/ethernet.ts'
import { parseRouterMessage, serializeRouterMessage } from '../../../src/wire/icmpv6-ra.ts'
import { IPV6_HEADER_LENGTH } from '../../../src/wire/ipv6.ts'
import type { FuzzTarget } from './fuzz.ts'

const CHECKSUM_AT = 2
const CHECKSUM_END = 4

const FOLDER = new URL('../../vectors/ra/', import.meta.url)
const frameOf = (file: string): Uint8Array => {
  const { frame } = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as { readonly frame: string }
  return new Uint8Array(Buffer.from(frame.replaceAll(' ', ''), 'hex'))
}

/** What is taken is written again as it was, but for options, reserved bytes and the checksum. */
export const ROUTER_TARGET: FuzzTarget = {
  name: 'parseRouterMessage',
  seeds: readdirSync(FOLDER).map((file) => frameOf(file).subarray(ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH)),
  run(bytes, length) {
    const parsed = parseRouterMessage(bytes.subarray(0, length))
    if (!parsed.ok) return parsed.error.code === 'TRUNCATED' ? parsed.error.code : `${parsed.error.code} ${parsed.error.field}`
    const { kind, sourceMac } = parsed.value
    assert.ok(sourceMac === undefined || sourceMac.length === 6)
    const again = serializeRouterMessage(parsed.value)
    assert.deepEqual(parseRouterMessage(again), parsed)
    if (kind === 'router-advertisement') assert.deepEqual(again.slice(CHECKSUM_END, 16), bytes.slice(CHECKSUM_END, 16))
    assert.deepEqual(again.slice(0, CHECKSUM_AT), bytes.slice(0, CHECKSUM_AT))
    return kind
  },
}
