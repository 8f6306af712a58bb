import type { Family } from '../../addr/ip.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { attachFilter } from './packet-filter.ts'

const AF_PACKET = 17
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_ERROR = 4
const SO_RCVBUF = 8
const SOL_PACKET = 263
const PACKET_IGNORE_OUTGOING = 23
const ETH_P_ARP = 0x0806
const ETH_P_IPV6 = 0x86dd
/**
 * Room for a burst of requests while this thread waits for its turn on the CPU. The kernel gives no more than net.core.rmem_max, which
 * is room for some 500 small frames where nobody has raised it.
 */
const RECEIVE_BUFFER_BYTES = 1 << 20

/**
 * Classic BPF: take questions and claims, and of those only what is meant for this host and is not tagged for a VLAN that this interface
 * does not carry. Offsets from -4096 are the kernel's ancillary values (linux/filter.h): 4 the packet type, 48 whether a VLAN tag is
 * present. Each instruction: code, jump if true, jump if false, operand. The programs do not grow with the number of addresses.
 */
const ARP_MESSAGES = [
  [0x28, 0, 0, 12], //            ldh [12]          EtherType
  [0x15, 0, 8, ETH_P_ARP], //     jeq arp
  [0x28, 0, 0, 20], //            ldh [20]          opcode
  [0x15, 1, 0, 1], //             jeq request
  [0x15, 0, 5, 2], //             jeq reply
  [0x20, 0, 0, -4096 + 4], //     ld #type
  [0x15, 3, 0, 3], //             jeq PACKET_OTHERHOST: another host's unicast, seen by a promiscuous interface
  [0x20, 0, 0, -4096 + 48], //    ld #vlan_tag_present
  [0x15, 0, 1, 0], //             jeq untagged
  [0x06, 0, 0, 0xffff], //        accept
  [0x06, 0, 0, 0], //             drop
] as const

/** The same for ICMPv6 directly behind the IPv6 header, of type Neighbor Solicitation or Advertisement, that no router has passed on. */
const NEIGHBOR_MESSAGES = [
  [0x28, 0, 0, 12], //            ldh [12]          EtherType
  [0x15, 0, 12, ETH_P_IPV6], //   jeq ipv6
  [0x30, 0, 0, 20], //            ldb [20]          next header
  [0x15, 0, 10, 58], //           jeq icmpv6
  [0x30, 0, 0, 21], //            ldb [21]          hop limit
  [0x15, 0, 8, 255], //           jeq 255
  [0x30, 0, 0, 54], //            ldb [54]          type
  [0x15, 1, 0, 135], //           jeq solicitation
  [0x15, 0, 5, 136], //           jeq advertisement
  [0x20, 0, 0, -4096 + 4], //     ld #type
  [0x15, 3, 0, 3], //             jeq PACKET_OTHERHOST
  [0x20, 0, 0, -4096 + 48], //    ld #vlan_tag_present
  [0x15, 0, 1, 0], //             jeq untagged
  [0x06, 0, 0, 0xffff], //        accept
  [0x06, 0, 0, 0], //             drop
] as const

/**
 * A socket for each family: one that takes every protocol would put its filter into the path of all traffic of the node, so that of
 * IPv4 never meets a filter of ours, and that of IPv6 only where IPv6 addresses are held.
 */
const RECEIVES = {
  IPv4: { protocol: ETH_P_ARP, filter: ARP_MESSAGES },
  IPv6: { protocol: ETH_P_IPV6, filter: NEIGHBOR_MESSAGES },
} as const

/** Raw Ethernet on one interface: messages of one family come in (ARP, neighbour discovery), any frame goes out. */
export interface FrameSocket {
  readonly fd: number
  /** Sends one whole frame; undefined is success. */
  send(frame: Uint8Array): SystemCallError | undefined
  /** Reads and clears the error that poll announced. */
  takeError(): SystemCallError | undefined
  /** Idempotent. */
  close(): void
}

/** Opens the socket, non-blocking (needs CAP_NET_RAW). Throws SystemCallError; nothing stays open then. */
export function openFrameSocket(libc: Libc, interfaceIndex: number, family: Family): FrameSocket {
  const { protocol, filter } = RECEIVES[family]
  // Protocol 0: nothing is received until the filter is in place and bind() names protocol and interface.
  const fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  if (fd < 0) throw new SystemCallError('socket(AF_PACKET)', libc.errno())
  try {
    attachFilter(libc, fd, filter)
    check(libc, 'SO_RCVBUF', libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int32(RECEIVE_BUFFER_BYTES), 4))
    check(libc, 'PACKET_IGNORE_OUTGOING', libc.setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, int32(1), 4))
    check(libc, 'bind', libc.bind(fd, linkAddress(interfaceIndex, protocol), 20))
  } catch (error) {
    libc.close(fd)
    throw error
  }
  return frameSocket(libc, fd)
}

function frameSocket(libc: Libc, fd: number): FrameSocket {
  let open = true
  const errorValue = int32(0)
  return {
    fd,
    send(frame) {
      return libc.send(fd, frame, frame.length, 0) === frame.length ? undefined : new SystemCallError('send', libc.errno())
    },
    takeError() {
      libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, errorValue, Uint32Array.of(4))
      const errno = new DataView(errorValue.buffer).getInt32(0, true)
      return errno === 0 ? undefined : new SystemCallError('socket', errno)
    },
    close() {
      if (open) libc.close(fd)
      open = false
    },
  }
}

function check(libc: Libc, call: string, result: number): void {
  if (result < 0) throw new SystemCallError(call, libc.errno())
}

function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer)
}

/** struct sockaddr_ll: family, protocol (big-endian), interface index, and nothing else that bind() reads. */
function linkAddress(interfaceIndex: number, protocol: number): Uint8Array {
  const address = new Uint8Array(20)
  const view = new DataView(address.buffer)
  view.setUint16(0, AF_PACKET, true)
  view.setUint16(2, protocol)
  view.setInt32(4, interfaceIndex, true)
  return address
}
