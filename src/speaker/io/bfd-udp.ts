import type { Family } from '../../addr/ip.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { AF_INET, AF_INET6, type SocketAddress, serializeSocketAddress } from './socket-address.ts'
import { SOCKET_FLAGS } from './tcp-sockopt.ts'

const SOCK_DGRAM = 2

/** Makes a UDP socket, non-blocking, and hands it to `configure`; nothing stays open when that throws. Throws SystemCallError. */
export function openUdp(libc: Libc, family: Family, configure: (fd: number) => void): number {
  const fd = libc.socket(family === 'IPv4' ? AF_INET : AF_INET6, SOCK_DGRAM | SOCKET_FLAGS, 0)
  if (fd < 0) throw new SystemCallError('socket', libc.errno())
  try {
    configure(fd)
  } catch (error) {
    libc.close(fd)
    throw error
  }
  return fd
}

/** Throws SystemCallError unless `result` says success. */
export function check(libc: Libc, call: string, result: number): void {
  if (result < 0) throw new SystemCallError(call, libc.errno())
}

/** An option whose value is an int. Throws SystemCallError. */
export function setOption(libc: Libc, fd: number, call: string, level: number, option: number, value: number): void {
  check(libc, call, libc.setsockopt(fd, level, option, new Uint8Array(Int32Array.of(value).buffer), 4))
}

/** Throws SystemCallError. */
export function bindUdp(libc: Libc, fd: number, address: SocketAddress): void {
  const bytes = serializeSocketAddress(address)
  check(libc, 'bind', libc.bind(fd, bytes, bytes.length))
}
