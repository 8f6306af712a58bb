import type { Family, Ip } from '../../addr/ip.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { AF_INET, AF_INET6, serializeSocketAddress } from './socket-address.ts'

const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
/** What every connection of ours is made with. */
export const SOCKET_FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC

const SOL_SOCKET = 1
const SO_LINGER = 13
const SO_BINDTODEVICE = 25
const SO_BINDTOIFINDEX = 62
const SOL_TCP = 6
const TCP_NODELAY = 1
const TCP_MAXSEG = 2
const TCP_MD5SIG = 14
/** Class selector 6, network control, as routers send BGP. */
const TRAFFIC_CLASS = 0xc0
/** The same options under the names of each family: level, TTL, least TTL, traffic class. linux/in.h, linux/in6.h. */
const LEVEL = { IPv4: 0, IPv6: 41 } as const
const TTL = { IPv4: 2, IPv6: 16 } as const
const LEAST_TTL = { IPv4: 21, IPv6: 73 } as const
/** IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS. */
const ARRIVAL_TTL = { IPv4: 33, IPv6: 18 } as const
const TRAFFIC = { IPv4: 1, IPv6: 67 } as const
const IPV6_V6ONLY = 26
/** struct tcp_md5sig: sockaddr_storage, flags, prefix length, length of the key (at 130), interface index, key (at 136). */
const MD5SIG_BYTES = 216
const KEY_LENGTH_AT = 130
const KEY_AT = 136
/** TCP_MD5SIG_MAXKEYLEN. */
const LONGEST_KEY = 80

const int32 = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer)

/** One TCP socket, non-blocking, not handed to other programs; an IPv6 one carries IPv6 only. Throws SystemCallError. */
export function openTcpSocket(libc: Libc, family: Family): number {
  const fd = libc.socket(family === 'IPv4' ? AF_INET : AF_INET6, SOCK_STREAM | SOCKET_FLAGS, 0)
  if (fd < 0) throw new SystemCallError('socket', libc.errno())
  if (family === 'IPv6') closingOnError(libc, fd, () => set(libc, fd, 'IPV6_V6ONLY', LEVEL.IPv6, IPV6_V6ONLY, int32(1)))
  return fd
}

/** Runs `work`; what it throws costs the fd. */
export function closingOnError<T>(libc: Libc, fd: number, work: () => T): T {
  try {
    return work()
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

function set(libc: Libc, fd: number, name: string, level: number, option: number, value: Uint8Array): void {
  if (libc.setsockopt(fd, level, option, value, value.length) < 0) throw new SystemCallError(name, libc.errno())
}

/** Any other SOL_SOCKET option with a number for its value. Throws SystemCallError. */
export const setSocketNumber = (libc: Libc, fd: number, name: string, option: number, value: number): void =>
  set(libc, fd, name, SOL_SOCKET, option, int32(value))

/** IP_TTL or IPV6_UNICAST_HOPS: 1 to 255. Throws SystemCallError, as all of these do. */
export const setTtl = (libc: Libc, fd: number, family: Family, ttl: number): void =>
  set(libc, fd, 'IP_TTL', LEVEL[family], TTL[family], int32(ttl))

/** IP_MINTTL or IPV6_MINHOPCOUNT: segments with a lower TTL are dropped by the kernel from now on. Undefined: none is. RFC 5082 section 3. */
export const setLeastTtl = (libc: Libc, fd: number, family: Family, least: number | undefined): void =>
  set(libc, fd, 'IP_MINTTL', LEVEL[family], LEAST_TTL[family], int32(least ?? 0))

/** IP_TOS or IPV6_TCLASS: BGP goes first where packets queue, also when the traffic of the routes it carries fills the line. */
export const setTrafficClass = (libc: Libc, fd: number, family: Family): void =>
  set(libc, fd, 'IP_TOS', LEVEL[family], TRAFFIC[family], int32(TRAFFIC_CLASS))

/** Small messages are not held back for more. */
export const setNoDelay = (libc: Libc, fd: number): void => set(libc, fd, 'TCP_NODELAY', SOL_TCP, TCP_NODELAY, int32(1))

export const setMaximumSegment = (libc: Libc, fd: number, bytes: number): void =>
  set(libc, fd, 'TCP_MAXSEG', SOL_TCP, TCP_MAXSEG, int32(bytes))

/** Interface or VRF. */
export const setDevice = (libc: Libc, fd: number, device: string): void =>
  set(libc, fd, 'SO_BINDTODEVICE', SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${device}\0`))

export const setDeviceIndex = (libc: Libc, fd: number, index: number): void =>
  set(libc, fd, 'SO_BINDTOIFINDEX', SOL_SOCKET, SO_BINDTOIFINDEX, int32(index))

/**
 * The TTL of the segment that completed the handshake of an accepted connection. Linux keeps it where a connection has no use for the field,
 * as the TTL for groups (tcp_v4_syn_recv_sock). Throws SystemCallError.
 */
export function arrivalTtl(libc: Libc, fd: number, family: Family): number {
  const value = int32(0)
  const result = libc.getsockopt(fd, LEVEL[family], ARRIVAL_TTL[family], value, Uint32Array.of(4))
  if (result < 0) throw new SystemCallError('IP_MULTICAST_TTL', libc.errno())
  return new DataView(value.buffer).getInt32(0, true)
}

/**
 * The key of what goes to and comes from `remote` on this socket (connected or listening); undefined takes it away, also where there is
 * none. A segment without the signature, or with another key's, is dropped by the kernel before anybody sees it. RFC 2385; tcp(7) has no
 * word of it, linux/tcp.h has. Throws RangeError for a password of no bytes or of more than 80 (UTF-8).
 */
export function setMd5Key(libc: Libc, fd: number, remote: Ip, password: string | undefined): void {
  const key = Buffer.from(password ?? '')
  if ((password !== undefined && key.length === 0) || key.length > LONGEST_KEY)
    throw new RangeError(`a TCP password has 1 to ${LONGEST_KEY} bytes`)
  const bytes = new Uint8Array(MD5SIG_BYTES)
  bytes.set(serializeSocketAddress({ ip: remote, port: 0, scope: undefined }))
  new DataView(bytes.buffer).setUint16(KEY_LENGTH_AT, key.length, true)
  bytes.set(key, KEY_AT)
  const result = libc.setsockopt(fd, SOL_TCP, TCP_MD5SIG, bytes, MD5SIG_BYTES)
  if (result >= 0) return
  const error = new SystemCallError('TCP_MD5SIG', libc.errno())
  // The key that is to go is not there, or the kernel knows no keys.
  if (password === undefined && ['ENOENT', 'ENOPROTOOPT'].includes(error.code)) return
  throw error
}

/** Closes a connection with RST instead of FIN: nothing of it stays in the kernel. */
export function resetTcp(libc: Libc, fd: number): void {
  libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, new Uint8Array(Int32Array.of(1, 0).buffer), 8)
  libc.close(fd)
}
