import koffi from 'koffi'
import { type NetlinkMessage, type NetlinkRequest, parseNetlink, serializeNetlinkRequest } from '../../wire/netlink.ts'
import { type Libc, SystemCallError } from './libc.ts'

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const NETLINK_ROUTE = 0
const SOL_SOCKET = 1
const SO_RCVTIMEO = 20
const SOL_NETLINK = 270
/** Makes the kernel (from 4.20 on) take the fields of a dump's request for a filter. */
const NETLINK_GET_STRICT_CHK = 12
const MSG_DONTWAIT = 0x40
/** The kernel answers at once; a wait past this is a bug somewhere and must not hang the process. */
const ANSWER_WITHIN_SEC = 1n
/** Groups of linux/rtnetlink.h: links, IPv4 and IPv6 addresses. */
const WATCHED_GROUPS = 0x1 | 0x10 | 0x100
/** As much as the kernel puts in one datagram of a dump. */
const BUFFER_BYTES = 32_768

/** Questions to the kernel about its network. Each call is synchronous and takes some microseconds. */
export interface Netlink {
  /** Whether the kernel gives the routes of one protocol alone when it is asked for these. */
  readonly filtersRoutes: boolean
  /** Every message of the answer. Throws SystemCallError, also when the kernel refuses the request (`code` is its errno). */
  ask(request: NetlinkRequest): readonly NetlinkMessage[]
  /** Idempotent. */
  close(): void
}

/** Opens the socket; needs no capability. Throws SystemCallError. */
export function openNetlink(libc: Libc): Netlink {
  const fd = openSocket(libc, SOCK_RAW | SOCK_CLOEXEC, 0)
  libc.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(BigInt64Array.of(ANSWER_WITHIN_SEC, 0n).buffer), 16)
  const filtersRoutes = libc.setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, new Uint8Array(Int32Array.of(1).buffer), 4) === 0
  const buffer = new Uint8Array(BUFFER_BYTES)
  let sequence = 0
  let open = true
  return {
    filtersRoutes,
    ask(request) {
      sequence = (sequence + 1) >>> 0
      dropLeftOver(libc, fd, buffer)
      const bytes = serializeNetlinkRequest(request, sequence)
      if (libc.send(fd, bytes, bytes.length, 0) < 0) throw new SystemCallError('netlink send', libc.errno())
      return readAnswer(libc, fd, buffer, request.kind !== 'get-route')
    },
    close() {
      if (open) libc.close(fd)
      open = false
    },
  }
}

/** What is left of an answer that was given up half-way would be taken for the next one, and so on for ever. */
function dropLeftOver(libc: Libc, fd: number, buffer: Uint8Array): void {
  let length = 0
  while (length >= 0) length = libc.recv(fd, buffer, buffer.length, MSG_DONTWAIT)
}

/** Reads datagrams until the dump is done, or the one answer of a question that is no dump. */
function readAnswer(libc: Libc, fd: number, buffer: Uint8Array, dump: boolean): readonly NetlinkMessage[] {
  const answer: NetlinkMessage[] = []
  for (;;) {
    const length = libc.recv(fd, buffer, buffer.length, 0)
    if (length < 0) throw new SystemCallError('netlink recv', libc.errno())
    const parsed = parseNetlink(buffer.subarray(0, length))
    if (!parsed.ok) throw new Error(`the kernel sent a netlink message that cannot be read: ${JSON.stringify(parsed.error)}`)
    for (const message of parsed.value) {
      if (message.kind === 'done') return answer
      if (message.kind === 'error') throw new SystemCallError('netlink', message.errno)
      answer.push(message)
    }
    if (!dump) return answer
  }
}

export interface NetlinkWatch {
  /** Idempotent. */
  close(): void
}

/**
 * Calls `onMessages` on this thread's event loop for every change of a link or an address. `undefined` means that the kernel dropped
 * messages, or one could not be read: read everything again. Throws SystemCallError.
 */
export function watchNetlink(libc: Libc, onMessages: (messages: readonly NetlinkMessage[] | undefined) => void): NetlinkWatch {
  const fd = openSocket(libc, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, WATCHED_GROUPS)
  const buffer = new Uint8Array(BUFFER_BYTES)
  const handle = koffi.node.poll(fd, { readable: true }, () => {
    const length = libc.recv(fd, buffer, buffer.length, 0)
    if (length < 0) {
      // ENOBUFS: the socket overflowed and the kernel says so once. "Nothing there" is not worth a read of everything.
      if (libc.errno() === koffi.os.errno['ENOBUFS']) onMessages(undefined)
      return
    }
    const parsed = parseNetlink(buffer.subarray(0, length))
    onMessages(parsed.ok ? parsed.value : undefined)
  })
  let open = true
  return {
    close() {
      if (!open) return
      open = false
      handle.close()
      libc.close(fd)
    },
  }
}

function openSocket(libc: Libc, type: number, groups: number): number {
  const fd = libc.socket(AF_NETLINK, type, NETLINK_ROUTE)
  if (fd < 0) throw new SystemCallError('socket(AF_NETLINK)', libc.errno())
  const address = new Uint8Array(12)
  const view = new DataView(address.buffer)
  view.setUint16(0, AF_NETLINK, true)
  view.setUint32(8, groups, true)
  if (libc.bind(fd, address, address.length) < 0) {
    const error = new SystemCallError('bind(AF_NETLINK)', libc.errno())
    libc.close(fd)
    throw error
  }
  return fd
}
