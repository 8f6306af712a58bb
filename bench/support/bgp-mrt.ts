/** Routes as a file that `gobgp mrt inject` takes: the only way to give it very many at once from a command line. */
import { ipFromBytes, ipToBytes } from '../../src/addr/ip.ts'
import { concat, u16, u32 } from '../../src/wire/bgp/bytes.ts'

/** TABLE_DUMP_V2 and two of its subtypes. RFC 6396 sections 4.3.1, 4.3.2. */
const TABLE_DUMP_V2 = 13
const SUBTYPE = { peerIndexTable: 1, ribIpv4Unicast: 2 } as const
const OFTEN_LOST = 3000
/** A peer with an IPv4 address and an AS of four bytes. */
const AS4 = 2
/** ORIGIN IGP, an empty AS_PATH; NEXT_HOP follows. */
const ATTRIBUTES = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4] as const

/**
 * `count` host routes from `first` on (an IPv4 address of four bytes), all by way of `nextHop`. Each is there more than once: gobgp 3.10 ends
 * before its server has taken the last several hundred of a file.
 */
export function mrtOf(first: Uint8Array, count: number, nextHop: Uint8Array): Uint8Array {
  const start = ipFromBytes(first)
  const attributes = [...ATTRIBUTES, ...nextHop]
  const entries = Array.from({ length: count }, (_, at) => {
    const prefix = ipToBytes({ family: 'IPv4', value: start.value + BigInt(at) })
    return record(SUBTYPE.ribIpv4Unicast, [
      ...u32(at),
      32,
      ...prefix,
      ...u16(1),
      ...u16(0),
      ...u32(0),
      ...u16(attributes.length),
      ...attributes,
    ])
  })
  const peer = [AS4, ...nextHop, ...nextHop, ...u32(65_001)]
  return concat([
    record(SUBTYPE.peerIndexTable, [...nextHop, ...u16(0), ...u16(1), ...peer]),
    ...Array<Uint8Array[]>(1 + Math.ceil(OFTEN_LOST / count))
      .fill(entries)
      .flat(),
  ])
}

const record = (subtype: number, body: readonly number[]): Uint8Array =>
  Uint8Array.from([...u32(0), ...u16(TABLE_DUMP_V2), ...u16(subtype), ...u32(body.length), ...body])
