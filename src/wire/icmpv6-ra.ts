import { err, ok, type Result } from '../result.ts'
import type { CodecError } from './codec-error.ts'

/** ff02::2, every router on the link. Never write into it. */
export const ALL_ROUTERS = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)

/** Asks routers to advertise themselves. */
export interface RouterSolicitation {
  readonly kind: 'router-solicitation'
  /** 6 bytes, of the option Source Link-Layer Address. */
  readonly sourceMac: Uint8Array | undefined
}

/** What a router says of itself. A `lifetimeSec` of 0: it is there, but no default router. The other zeros mean "not said". */
export interface RouterAdvertisement {
  readonly kind: 'router-advertisement'
  readonly hopLimit: number
  /** M, O and the others of RFC 5175, as a byte. */
  readonly flags: number
  readonly lifetimeSec: number
  readonly reachableMs: number
  readonly retransmitMs: number
  readonly sourceMac: Uint8Array | undefined
}

export type RouterMessage = RouterSolicitation | RouterAdvertisement

/** ICMPv6 types. RFC 4861 sections 4.1 and 4.2. */
export const ROUTER_TYPE = { solicitation: 133, advertisement: 134 } as const
const SOURCE_MAC = 1
/** Bytes before the options. */
const FIXED = { 133: 8, 134: 16 } as const
/** Options are counted in units of 8 bytes; an Ethernet address with its type and length is one. */
const UNIT = 8

const bad = (at: number, field: string, got: number): Result<never, CodecError> => err({ code: 'BAD_FIELD', at, field, got })

/**
 * Reads one router solicitation or advertisement: the whole ICMPv6 message, without the IPv6 header. Hop limit, source and checksum are for who
 * has the header to judge. Options other than the source's MAC (prefixes, MTU, DNS ...) are skipped: nobody here configures itself by them. The
 * result shares memory with `bytes`.
 * Errors: TRUNCATED, or BAD_FIELD for another type, a code but 0, or an option of length 0. Source: RFC 4861 sections 4.1, 4.2, 4.6.1, 6.1.1 and 6.1.2.
 */
export function parseRouterMessage(bytes: Uint8Array): Result<RouterMessage, CodecError> {
  const [type = 0, code = 0] = bytes
  if (bytes.length > 0 && type !== ROUTER_TYPE.solicitation && type !== ROUTER_TYPE.advertisement) return bad(0, 'type', type)
  const need = type === ROUTER_TYPE.advertisement ? FIXED[134] : FIXED[133]
  if (bytes.length < need) return err({ code: 'TRUNCATED', at: 0, need, have: bytes.length })
  if (code !== 0) return bad(1, 'code', code)
  const options = parseOptions(bytes, need)
  if (!options.ok) return options
  const sourceMac = options.value
  if (type === ROUTER_TYPE.solicitation) return ok({ kind: 'router-solicitation', sourceMac })
  const view = new DataView(bytes.buffer, bytes.byteOffset, need)
  return ok({
    kind: 'router-advertisement',
    hopLimit: view.getUint8(4),
    flags: view.getUint8(5),
    lifetimeSec: view.getUint16(6),
    reachableMs: view.getUint32(8),
    retransmitMs: view.getUint32(12),
    sourceMac,
  })
}

/** The first MAC of 6 bytes among the options. */
function parseOptions(bytes: Uint8Array, start: number): Result<Uint8Array | undefined, CodecError> {
  let mac: Uint8Array | undefined
  for (let at = start; at < bytes.length; ) {
    const have = bytes.length - at
    if (have < 2) return err({ code: 'TRUNCATED', at, need: 2, have })
    const length = (bytes[at + 1] ?? 0) * UNIT
    if (length === 0) return bad(at + 1, 'option length', 0)
    if (length > have) return err({ code: 'TRUNCATED', at, need: length, have })
    if (bytes[at] === SOURCE_MAC && length === UNIT) mac ??= bytes.subarray(at + 2, at + UNIT)
    at += length
  }
  return ok(mac)
}

/**
 * The inverse of parseRouterMessage. The checksum is 0: the kernel writes it into what leaves a raw ICMPv6 socket (RFC 3542 section 3.1).
 * Throws RangeError for a MAC of a wrong length, which is a bug of the caller.
 */
export function serializeRouterMessage(message: RouterMessage): Uint8Array {
  const { kind, sourceMac } = message
  if (sourceMac !== undefined && sourceMac.length !== 6) throw new RangeError(`a MAC of ${sourceMac.length} bytes`)
  const type = kind === 'router-solicitation' ? ROUTER_TYPE.solicitation : ROUTER_TYPE.advertisement
  const bytes = new Uint8Array(FIXED[type] + (sourceMac === undefined ? 0 : UNIT))
  const view = new DataView(bytes.buffer)
  bytes[0] = type
  if (kind === 'router-advertisement') {
    view.setUint8(4, message.hopLimit)
    view.setUint8(5, message.flags)
    view.setUint16(6, message.lifetimeSec)
    view.setUint32(8, message.reachableMs)
    view.setUint32(12, message.retransmitMs)
  }
  if (sourceMac !== undefined) {
    bytes.set([SOURCE_MAC, 1], FIXED[type])
    bytes.set(sourceMac, FIXED[type] + 2)
  }
  return bytes
}
