import { FAMILY_BITS, type Family, type Ip, ipFromBytes, ipToBytes } from '../addr/ip.ts'
import { type Prefix, prefixOf } from '../addr/prefix.ts'
import { err, ok, type Result } from '../result.ts'
import type { CodecError } from './codec-error.ts'

/**
 * The few rtnetlink messages that we use (RFC 3549; linux/netlink.h, linux/rtnetlink.h). Numbers are in the byte order of the machine;
 * both architectures that we are built for (x64, arm64) are little-endian. Addresses are in network byte order.
 */

/** What we ask of the kernel. */
export type NetlinkRequest =
  | { readonly kind: 'get-links' }
  | { readonly kind: 'get-addresses' }
  | { readonly kind: 'get-route'; readonly to: Ip }
  /** The routes of the main table that one `protocol` (RTPROT_...) has set. A socket without strict checks gets all routes of the family. */
  | { readonly kind: 'get-routes'; readonly family: Family; readonly protocol: number }

/**
 * One network interface. `mac` is undefined where the link has no 6-byte address; `carrier` is IFF_LOWER_UP. `portOf` is the kind of the
 * link that it is a port of, such as `bridge`, `bond` or `vrf`; undefined where it is none.
 */
export interface NetlinkLink {
  readonly kind: 'link'
  readonly removed: boolean
  readonly index: number
  readonly name: string
  readonly mac: Uint8Array | undefined
  readonly up: boolean
  readonly carrier: boolean
  readonly loopback: boolean
  readonly noArp: boolean
  readonly portOf: string | undefined
}

/** One address of an interface. */
export interface NetlinkAddress {
  readonly kind: 'address'
  readonly removed: boolean
  readonly interfaceIndex: number
  readonly ip: Ip
  readonly prefixLength: number
}

/**
 * The kernel's choice for one destination, or one entry of its table. `type` is RTN_UNICAST (1), RTN_LOCAL (2), ... `protocol` is who set it
 * (RTPROT_...). `onLink`: the destination itself is asked for on the link, because the route has no gateway and no several next hops.
 */
export interface NetlinkRoute {
  readonly kind: 'route'
  readonly type: number
  readonly protocol: number
  readonly interfaceIndex: number | undefined
  readonly onLink: boolean
  /** Undefined for a family that is neither IPv4 nor IPv6. */
  readonly destination: Prefix | undefined
}

export type NetlinkMessage =
  | NetlinkLink
  | NetlinkAddress
  | NetlinkRoute
  | { readonly kind: 'done' }
  /** The kernel's answer to a request: a positive errno, or 0 for an acknowledgement. */
  | { readonly kind: 'error'; readonly errno: number }
  /** A message that we do not use: another type, or another address family. */
  | { readonly kind: 'other'; readonly type: number }

export const ROUTE_TYPE = { unicast: 1, local: 2 } as const
/** Who sets routes (linux/rtnetlink.h, RTPROT_...): the kernel itself, `ip route`, configuration, router advertisements, DHCP. */
export const ROUTE_PROTOCOL = { kernel: 2, boot: 3, static: 4, ra: 9, dhcp: 16 } as const
/** RT_TABLE_MAIN. */
const MAIN_TABLE = 254

const HEADER = 16
const TYPE = {
  error: 2,
  done: 3,
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  getRoute: 26,
}
const FLAG = { request: 0x1, dump: 0x300 } as const
const FAMILY = { IPv4: 2, IPv6: 10 } as const
const LINK_FLAG = { up: 0x1, loopback: 0x8, noArp: 0x80, lowerUp: 0x10000 } as const
const ATTRIBUTE = {
  linkAddress: 1,
  linkName: 3,
  linkInfo: 18,
  /** Nested in linkInfo. */
  portKind: 4,
  address: 1,
  localAddress: 2,
  routeTo: 1,
  routeInterface: 4,
  routeGateway: 5,
  routeMultipath: 9,
  routeVia: 18,
} as const

const align = (length: number): number => (length + 3) & ~3
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** One request with the given sequence number, which the answers repeat. */
export function serializeNetlinkRequest(request: NetlinkRequest, sequence: number): Uint8Array {
  switch (request.kind) {
    case 'get-links':
      return message(TYPE.getLink, FLAG.request | FLAG.dump, sequence, new Uint8Array(16))
    case 'get-addresses':
      return message(TYPE.getAddress, FLAG.request | FLAG.dump, sequence, new Uint8Array(8))
    case 'get-route': {
      const to = ipToBytes(request.to)
      const body = new Uint8Array(12 + 4 + to.length)
      body.set([FAMILY[request.to.family], to.length * 8])
      const view = viewOf(body)
      view.setUint16(12, 4 + to.length, true)
      view.setUint16(14, ATTRIBUTE.routeTo, true)
      body.set(to, 16)
      return message(TYPE.getRoute, FLAG.request, sequence, body)
    }
    case 'get-routes': {
      const body = new Uint8Array(12)
      body.set([FAMILY[request.family], 0, 0, 0, MAIN_TABLE, request.protocol])
      return message(TYPE.getRoute, FLAG.request | FLAG.dump, sequence, body)
    }
  }
}

function message(type: number, flags: number, sequence: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER + body.length)
  const view = viewOf(bytes)
  view.setUint32(0, bytes.length, true)
  view.setUint16(4, type, true)
  view.setUint16(6, flags, true)
  view.setUint32(8, sequence, true)
  bytes.set(body, HEADER)
  return bytes
}

/**
 * Reads all messages of one datagram of the kernel. The result shares no memory with `bytes`.
 * Errors: TRUNCATED where a header, a fixed part or an attribute promises more bytes than there are; BAD_FIELD for a length smaller
 * than its own header.
 */
export function parseNetlink(bytes: Uint8Array): Result<readonly NetlinkMessage[], CodecError> {
  const view = viewOf(bytes)
  const messages: NetlinkMessage[] = []
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < HEADER) return err({ code: 'TRUNCATED', at, need: HEADER, have: bytes.length - at })
    const length = view.getUint32(at, true)
    if (length < HEADER) return err({ code: 'BAD_FIELD', at, field: 'length', got: length })
    if (length > bytes.length - at) return err({ code: 'TRUNCATED', at, need: length, have: bytes.length - at })
    const one = parseMessage(view.getUint16(at + 4, true), bytes.subarray(at + HEADER, at + length), at + HEADER)
    if (!one.ok) return one
    messages.push(one.value)
    at += align(length)
  }
  return ok(messages)
}

function parseMessage(type: number, body: Uint8Array, at: number): Result<NetlinkMessage, CodecError> {
  switch (type) {
    case TYPE.done:
      return ok({ kind: 'done' })
    case TYPE.error:
      return body.length < 4
        ? err({ code: 'TRUNCATED', at, need: 4, have: body.length })
        : ok({ kind: 'error', errno: -viewOf(body).getInt32(0, true) || 0 })
    case TYPE.newLink:
    case TYPE.delLink:
      return parseLink(body, at, type === TYPE.delLink)
    case TYPE.newAddress:
    case TYPE.delAddress:
      return parseAddress(body, at, type)
    case TYPE.newRoute:
      return parseRoute(body, at)
    default:
      return ok({ kind: 'other', type })
  }
}

/** The attributes after `fixed` bytes: type (without its flag bits) to value. The last one of a type wins. */
function parseAttributes(body: Uint8Array, fixed: number, at: number): Result<ReadonlyMap<number, Uint8Array>, CodecError> {
  if (body.length < fixed) return err({ code: 'TRUNCATED', at, need: fixed, have: body.length })
  const view = viewOf(body)
  const attributes = new Map<number, Uint8Array>()
  for (let offset = fixed; offset < body.length; ) {
    const have = body.length - offset
    if (have < 4) return err({ code: 'TRUNCATED', at: at + offset, need: 4, have })
    const length = view.getUint16(offset, true)
    if (length < 4) return err({ code: 'BAD_FIELD', at: at + offset, field: 'attribute length', got: length })
    if (length > have) return err({ code: 'TRUNCATED', at: at + offset, need: length, have })
    attributes.set(view.getUint16(offset + 2, true) & 0x3fff, body.slice(offset + 4, offset + length))
    offset += align(length)
  }
  return ok(attributes)
}

function parseLink(body: Uint8Array, at: number, removed: boolean): Result<NetlinkLink, CodecError> {
  const attributes = parseAttributes(body, 16, at)
  if (!attributes.ok) return attributes
  const view = viewOf(body)
  const flags = view.getUint32(8, true)
  const mac = attributes.value.get(ATTRIBUTE.linkAddress)
  const name = attributes.value.get(ATTRIBUTE.linkName) ?? new Uint8Array()
  return ok({
    kind: 'link',
    removed,
    index: view.getInt32(4, true),
    name: textOf(name),
    mac: mac?.length === 6 ? mac : undefined,
    up: (flags & LINK_FLAG.up) !== 0,
    carrier: (flags & LINK_FLAG.lowerUp) !== 0,
    loopback: (flags & LINK_FLAG.loopback) !== 0,
    noArp: (flags & LINK_FLAG.noArp) !== 0,
    portOf: portKindOf(attributes.value.get(ATTRIBUTE.linkInfo)),
  })
}

/** What cannot be read inside of the nested attributes is no reason to lose the link. */
function portKindOf(linkInfo: Uint8Array | undefined): string | undefined {
  const nested = linkInfo === undefined ? undefined : parseAttributes(linkInfo, 0, 0)
  const kind = nested?.ok === true ? nested.value.get(ATTRIBUTE.portKind) : undefined
  return kind === undefined ? undefined : textOf(kind)
}

const textOf = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes).replace(/\0.*$/s, '')

function parseAddress(body: Uint8Array, at: number, type: number): Result<NetlinkMessage, CodecError> {
  const attributes = parseAttributes(body, 8, at)
  if (!attributes.ok) return attributes
  const view = viewOf(body)
  // On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL, where present, is ours.
  const own = attributes.value.get(ATTRIBUTE.localAddress) ?? attributes.value.get(ATTRIBUTE.address)
  const family = view.getUint8(0)
  const length = family === FAMILY.IPv4 ? 4 : family === FAMILY.IPv6 ? 16 : undefined
  if (own === undefined || length === undefined || own.length !== length) return ok({ kind: 'other', type })
  return ok({
    kind: 'address',
    removed: type === TYPE.delAddress,
    interfaceIndex: view.getUint32(4, true),
    ip: ipFromBytes(own),
    prefixLength: view.getUint8(1),
  })
}

function parseRoute(body: Uint8Array, at: number): Result<NetlinkRoute, CodecError> {
  const attributes = parseAttributes(body, 12, at)
  if (!attributes.ok) return attributes
  const { value } = attributes
  const out = value.get(ATTRIBUTE.routeInterface)
  return ok({
    kind: 'route',
    type: viewOf(body).getUint8(7),
    protocol: viewOf(body).getUint8(5),
    interfaceIndex: out?.length === 4 ? viewOf(out).getUint32(0, true) : undefined,
    onLink: out !== undefined && ![ATTRIBUTE.routeGateway, ATTRIBUTE.routeMultipath, ATTRIBUTE.routeVia].some((one) => value.has(one)),
    destination: destinationOf(body, value.get(ATTRIBUTE.routeTo)),
  })
}

/** A default route carries no destination. */
function destinationOf(body: Uint8Array, to: Uint8Array | undefined): Prefix | undefined {
  const view = viewOf(body)
  const number = view.getUint8(0)
  const family = number === FAMILY.IPv4 ? 'IPv4' : number === FAMILY.IPv6 ? 'IPv6' : undefined
  const length = view.getUint8(1)
  if (family === undefined || length > FAMILY_BITS[family]) return undefined
  if (to === undefined) return length === 0 ? { family, base: 0n, length } : undefined
  return to.length * 8 === FAMILY_BITS[family] ? prefixOf(ipFromBytes(to), length) : undefined
}
