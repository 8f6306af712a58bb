import { type Ip, ipFromBytes, ipToBytes } from '../../addr/ip.ts'

export const AF_INET = 2
export const AF_INET6 = 10
/** Bytes of struct sockaddr_in6, which has room for sockaddr_in too. */
export const LONGEST_ADDRESS = 28

/** An address of a socket. `scope` is the interface index of a link-local address. */
export interface SocketAddress {
  readonly ip: Ip
  readonly port: number
  readonly scope: number | undefined
}

export const isLinkLocal = ({ family, value }: Ip): boolean => family === 'IPv6' && value >> 118n === 0xfe80n >> 6n

/** struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes), as the kernel of a little-endian machine has it. */
export function serializeSocketAddress({ ip, port, scope }: SocketAddress): Uint8Array {
  const isIpv4 = ip.family === 'IPv4'
  const bytes = new Uint8Array(isIpv4 ? 16 : LONGEST_ADDRESS)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, isIpv4 ? AF_INET : AF_INET6, true)
  view.setUint16(2, port)
  bytes.set(ipToBytes(ip), isIpv4 ? 4 : 8)
  if (!isIpv4) view.setUint32(24, scope ?? 0, true)
  return bytes
}

/** The inverse; undefined for another family or too few bytes. */
export function parseSocketAddress(bytes: Uint8Array): SocketAddress | undefined {
  if (bytes.length < 16) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const family = view.getUint16(0, true)
  const port = view.getUint16(2)
  if (family === AF_INET) return { ip: ipFromBytes(bytes.subarray(4, 8)), port, scope: undefined }
  if (family !== AF_INET6 || bytes.length < LONGEST_ADDRESS) return undefined
  return { ip: ipFromBytes(bytes.subarray(8, 24)), port, scope: view.getUint32(24, true) || undefined }
}
