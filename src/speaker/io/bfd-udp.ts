import type { Family } from '../../addr/ip.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { AF_INET, AF_INET6, type SocketAddress, serializeSocketAddress } from './socket-address.ts'
import { SOCKET_FLAGS } from './tcp-sockopt.ts'

const SOCK_DGRAM = 2
/** One instruction of classic BPF: code, jump if true, jump if false, operand. */
export type Instruction = readonly [number, number, number, number]

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

/** SO_ATTACH_FILTER: of a UDP socket it sees the datagram from the UDP header on. Throws SystemCallError. */
export function attachUdpFilter(libc: Libc, fd: number, program: readonly Instruction[]): void {
  const bytes = new Uint8Array(program.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [index, [code, jumpTrue, jumpFalse, operand]] of program.entries()) {
    view.setUint16(index * 8, code, true)
    view.setUint8(index * 8 + 2, jumpTrue)
    view.setUint8(index * 8 + 3, jumpFalse)
    view.setUint32(index * 8 + 4, operand, true)
  }
  check(libc, 'attach filter', libc.attachFilter(fd, bytes))
}
