import { err, ok, type Result } from '../result.ts'
import { internetChecksum, pseudoHeaderSum } from './checksum.ts'
import type { CodecError } from './codec-error.ts'
import { IPV6_HEADER_LENGTH, type Ipv6Packet, isMulticast, isUnspecified, parseIpv6, serializeIpv6 } from './ipv6.ts'

export const ICMPV6 = 58
/** What every message of neighbour discovery is sent with: a router would have made it less, so it comes from this link. */
export const ND_HOP_LIMIT = 255

/** A Neighbor Solicitation. Addresses are 16 bytes. A `source` of `::` means duplicate address detection; then there is no MAC. */
export interface NeighborSolicitation {
  readonly kind: 'solicitation'
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly target: Uint8Array
  /** 6 bytes, of the option Source Link-Layer Address. */
  readonly sourceMac: Uint8Array | undefined
}

/** A Neighbor Advertisement. The three flags are R, S and O of the RFC. */
export interface NeighborAdvertisement {
  readonly kind: 'advertisement'
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly target: Uint8Array
  readonly router: boolean
  readonly solicited: boolean
  readonly override: boolean
  /** 6 bytes, of the option Target Link-Layer Address. */
  readonly targetMac: Uint8Array | undefined
}

export type NeighborMessage = NeighborSolicitation | NeighborAdvertisement

const TYPE = { solicitation: 135, advertisement: 136 } as const
const FLAG = { router: 0x80, solicited: 0x40, override: 0x20 } as const
const OPTION = { sourceMac: 1, targetMac: 2 } as const
/** Type, code, checksum, flags or reserved, target. */
const FIXED_LENGTH = 24
/** Options are counted in units of 8 bytes; an Ethernet address with its type and length is one. */
const UNIT = 8

const bad = (at: number, field: string, got: number): Result<never, CodecError> => err({ code: 'BAD_FIELD', at, field, got })

/**
 * Reads one solicitation or advertisement from the IPv6 packet that starts `bytes` (an Ethernet payload), with every check that the RFC
 * asks of a receiver: hop limit 255, checksum, code, lengths, a target that is no group, and what `::` and groups rule out. Unknown
 * options are skipped, as are link-layer addresses that are not of 6 bytes; of two equal options the first counts. A message behind
 * extension headers is refused as another protocol. The result shares memory with `bytes`.
 * Errors: TRUNCATED, or BAD_FIELD with the offset from the start of `bytes`. Source: RFC 4861 sections 4.3, 4.4, 4.6, 7.1.1 and 7.1.2.
 */
export function parseNeighborMessage(bytes: Uint8Array): Result<NeighborMessage, CodecError> {
  const packet = parseIpv6(bytes)
  if (!packet.ok) return packet
  const refused = refusal(packet.value)
  if (refused !== undefined) return refused
  const { source, destination, payload } = packet.value
  const macs = parseOptions(payload)
  if (!macs.ok) return macs
  const target = payload.subarray(8, FIXED_LENGTH)
  if (payload[0] === TYPE.advertisement) {
    const flags = payload[4] ?? 0
    const solicited = (flags & FLAG.solicited) !== 0
    if (solicited && isMulticast(destination)) return bad(IPV6_HEADER_LENGTH + 4, 'solicited flag to a group', flags)
    const [router, override] = [(flags & FLAG.router) !== 0, (flags & FLAG.override) !== 0]
    return ok({ kind: 'advertisement', source, destination, target, router, solicited, override, targetMac: macs.value.targetMac })
  }
  const { sourceMac } = macs.value
  if (isUnspecified(source)) {
    if (!isSolicitedNodeGroup(destination)) return bad(24, 'destination of a probe', destination[0] ?? 0)
    if (sourceMac !== undefined) return bad(IPV6_HEADER_LENGTH + FIXED_LENGTH, 'link-layer address of a probe', OPTION.sourceMac)
  }
  return ok({ kind: 'solicitation', source, destination, target, sourceMac })
}

/** The checks that both messages have in common. */
function refusal({ nextHeader, hopLimit, source, destination, payload }: Ipv6Packet): Result<never, CodecError> | undefined {
  if (nextHeader !== ICMPV6) return bad(6, 'next header', nextHeader)
  if (hopLimit !== ND_HOP_LIMIT) return bad(7, 'hop limit', hopLimit)
  if (isMulticast(source)) return bad(8, 'source', source[0] ?? 0)
  const at = IPV6_HEADER_LENGTH
  if (payload.length < FIXED_LENGTH) return err({ code: 'TRUNCATED', at, need: FIXED_LENGTH, have: payload.length })
  const [type = 0, code = 0] = payload
  if (type !== TYPE.solicitation && type !== TYPE.advertisement) return bad(at, 'type', type)
  if (code !== 0) return bad(at + 1, 'code', code)
  if (isMulticast(payload.subarray(8))) return bad(at + 8, 'target', payload[8] ?? 0)
  const rest = internetChecksum(payload, pseudoHeaderSum(source, destination, payload.length, ICMPV6))
  return rest === 0 ? undefined : bad(at + 2, 'checksum', rest)
}

interface LinkAddresses {
  sourceMac: Uint8Array | undefined
  targetMac: Uint8Array | undefined
}

function parseOptions(payload: Uint8Array): Result<LinkAddresses, CodecError> {
  const macs: LinkAddresses = { sourceMac: undefined, targetMac: undefined }
  for (let offset = FIXED_LENGTH; offset < payload.length; ) {
    const at = IPV6_HEADER_LENGTH + offset
    const have = payload.length - offset
    if (have < 2) return err({ code: 'TRUNCATED', at, need: 2, have })
    const length = (payload[offset + 1] ?? 0) * UNIT
    if (length === 0) return bad(at + 1, 'option length', 0)
    if (length > have) return err({ code: 'TRUNCATED', at, need: length, have })
    const mac = length === UNIT ? payload.subarray(offset + 2, offset + UNIT) : undefined
    if (payload[offset] === OPTION.sourceMac) macs.sourceMac ??= mac
    if (payload[offset] === OPTION.targetMac) macs.targetMac ??= mac
    offset += length
  }
  return ok(macs)
}

/**
 * The inverse of parseNeighborMessage: a whole IPv6 packet with hop limit 255 and its checksum. Throws RangeError on an address of a
 * wrong length, which is a bug of the caller.
 */
export function serializeNeighborMessage(message: NeighborMessage): Uint8Array {
  const isSolicitation = message.kind === 'solicitation'
  const mac = isSolicitation ? message.sourceMac : message.targetMac
  if (message.target.length !== 16 || (mac !== undefined && mac.length !== 6)) throw new RangeError('16 bytes of address, 6 of MAC')
  const payload = new Uint8Array(FIXED_LENGTH + (mac === undefined ? 0 : UNIT))
  payload[0] = TYPE[message.kind]
  if (!isSolicitation) {
    for (const flag of ['router', 'solicited', 'override'] as const) if (message[flag]) payload[4] = (payload[4] ?? 0) | FLAG[flag]
  }
  payload.set(message.target, 8)
  if (mac !== undefined) {
    payload.set([isSolicitation ? OPTION.sourceMac : OPTION.targetMac, 1], FIXED_LENGTH)
    payload.set(mac, FIXED_LENGTH + 2)
  }
  const { source, destination } = message
  const checksum = internetChecksum(payload, pseudoHeaderSum(source, destination, payload.length, ICMPV6))
  payload.set([checksum >>> 8, checksum & 0xff], 2)
  return serializeIpv6({ nextHeader: ICMPV6, hopLimit: ND_HOP_LIMIT, source, destination, payload })
}

const GROUP_PREFIX = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff] as const

/** The group that everybody who has the address (16 bytes) listens to: ff02::1:ff and its last three bytes. RFC 4291 section 2.7.1. */
export function solicitedNodeGroup(address: Uint8Array): Uint8Array {
  return Uint8Array.of(...GROUP_PREFIX, ...address.subarray(13, 16))
}

const isSolicitedNodeGroup = (address: Uint8Array): boolean => GROUP_PREFIX.every((byte, at) => address[at] === byte)
