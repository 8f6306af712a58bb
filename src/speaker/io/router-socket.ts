import koffi from 'koffi'
import { type Ip, ipFromBytes } from '../../addr/ip.ts'
import { ND_HOP_LIMIT } from '../../wire/icmpv6-nd.ts'
import { ALL_ROUTERS, parseRouterMessage, ROUTER_TYPE, type RouterMessage, serializeRouterMessage } from '../../wire/icmpv6-ra.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { attachFilter } from './packet-filter.ts'
import { AF_INET6, isLinkLocal, LONGEST_ADDRESS, parseSocketAddress, serializeSocketAddress } from './socket-address.ts'
import { closingOnError, SOCKET_FLAGS, setDeviceIndex, setSocketNumber } from './tcp-sockopt.ts'

const SOCK_RAW = 3
const IPPROTO_ICMPV6 = 58
const LEVEL_IPV6 = 41
const IPV6_UNICAST_HOPS = 16
const IPV6_MULTICAST_HOPS = 18
const IPV6_MULTICAST_LOOP = 19
const IPV6_JOIN_GROUP = 20
const SO_RCVBUF = 8
/** A flood is lost, and costs no more memory than this. */
const RECEIVE_BUFFER_BYTES = 1 << 16
const MESSAGES_A_TURN = 16
const LONGEST_MESSAGE = 1500

/**
 * Classic BPF on the ICMPv6 message: router solicitations and advertisements with hop limit 255, so that no router has passed them on. The kernel has
 * checked the checksum. -0x100000 is SKF_NET_OFF, the IP header. Each instruction: code, jump if true, jump if false, operand.
 */
const ROUTER_MESSAGES = [
  [0x30, 0, 0, 0], //                       ldb [0]          type
  [0x15, 1, 0, ROUTER_TYPE.solicitation],
  [0x15, 0, 3, ROUTER_TYPE.advertisement],
  [0x30, 0, 0, -0x10_0000 + 7], //          ldb [ip + 7]     hop limit
  [0x15, 0, 1, ND_HOP_LIMIT],
  [0x06, 0, 0, 0xffff], //                  accept
  [0x06, 0, 0, 0], //                       drop
] as const

/** Router solicitations and advertisements on one interface. */
export interface RouterSocket {
  /** To a group or an address on the link; undefined is success. */
  send(message: RouterMessage, to: Uint8Array): SystemCallError | undefined
  /** Idempotent. */
  close(): void
}

/**
 * Opens the socket (needs CAP_NET_RAW). `onMessage` gets what passes the checks of RFC 4861 sections 6.1.1 and 6.1.2; `source` is link-local, or `::`
 * of a solicitation. Throws SystemCallError; nothing stays open then.
 */
export function openRouterSocket(libc: Libc, index: number, onMessage: (message: RouterMessage, source: Ip) => void): RouterSocket {
  const fd = libc.socket(AF_INET6, SOCK_RAW | SOCKET_FLAGS, IPPROTO_ICMPV6)
  if (fd < 0) throw new SystemCallError('socket(ICMPv6)', libc.errno())
  const poll = closingOnError(libc, fd, () => {
    attachFilter(libc, fd, ROUTER_MESSAGES)
    setDeviceIndex(libc, fd, index)
    setSocketNumber(libc, fd, 'SO_RCVBUF', SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    for (const [option, value] of [
      [IPV6_UNICAST_HOPS, ND_HOP_LIMIT],
      [IPV6_MULTICAST_HOPS, ND_HOP_LIMIT],
      [IPV6_MULTICAST_LOOP, 0],
    ] as const) {
      if (libc.setsockopt(fd, LEVEL_IPV6, option, new Uint8Array(Int32Array.of(value).buffer), 4) < 0) {
        throw new SystemCallError('hop limit', libc.errno())
      }
    }
    joinRouters(libc, fd, index)
    return koffi.node.poll(fd, { readable: true }, () => receive(libc, fd, onMessage))
  })
  let open = true
  return {
    send(message, to) {
      const bytes = serializeRouterMessage(message)
      const address = serializeSocketAddress({ ip: ipFromBytes(to), port: 0, scope: index })
      return libc.sendto(fd, bytes, bytes.length, 0, address, address.length) < 0 ? new SystemCallError('send', libc.errno()) : undefined
    },
    close() {
      if (!open) return
      open = false
      poll.close()
      libc.close(fd)
    },
  }
}

/** Solicitations are sent to all routers. struct ipv6_mreq: the group and the interface. */
function joinRouters(libc: Libc, fd: number, index: number): void {
  const request = new Uint8Array(20)
  request.set(ALL_ROUTERS)
  new DataView(request.buffer).setInt32(16, index, true)
  if (libc.setsockopt(fd, LEVEL_IPV6, IPV6_JOIN_GROUP, request, request.length) < 0) throw new SystemCallError('join group', libc.errno())
}

function receive(libc: Libc, fd: number, onMessage: (message: RouterMessage, source: Ip) => void): void {
  const buffer = new Uint8Array(LONGEST_MESSAGE)
  const address = new Uint8Array(LONGEST_ADDRESS)
  for (let count = 0; count < MESSAGES_A_TURN; count++) {
    const length = libc.recvfrom(fd, buffer, buffer.length, 0, address, Uint32Array.of(LONGEST_ADDRESS))
    // Nothing there, or a packet whose checksum was wrong: the next turn knows.
    if (length < 0) return
    const from = parseSocketAddress(address)
    const message = parseRouterMessage(buffer.slice(0, length))
    if (!message.ok || from === undefined) continue
    const isUnspecified = from.ip.value === 0n && message.value.kind === 'router-solicitation' && message.value.sourceMac === undefined
    if (isUnspecified || isLinkLocal(from.ip)) onMessage(message.value, from.ip)
  }
}
