import { isTransient, type Libc, SystemCallError } from './libc.ts'

/** One datagram and how it came. Its bytes are the batch's memory: they hold until the next receive(). */
export interface Datagram {
  readonly bytes: Uint8Array
  /** Addresses in network byte order: 4 or 16 bytes. */
  readonly source: Uint8Array
  readonly destination: Uint8Array
  /** Number of the interface that it came on. */
  readonly interfaceIndex: number
  /** TTL or hop limit. */
  readonly ttl: number
}

/** Room for as many datagrams as one system call gives, with what the kernel says of each. */
export interface DatagramBatch {
  /** What waits, `capacity` at most (then more may wait). One without the words that were asked for is left out. Throws SystemCallError. */
  receive(fd: number): { readonly count: number; readonly datagrams: readonly Datagram[] }
  readonly capacity: number
}

/** struct mmsghdr of 64-bit Linux: name and its length, the iovec and how many, control and its length, flags; then the datagram's length. */
const RECORD_BYTES = 64
const AT = { name: 0, nameLength: 8, iov: 16, iovCount: 24, control: 32, controlLength: 40, length: 56 } as const
const IOVEC_BYTES = 16
/** sockaddr_in6. */
const NAME_BYTES = 28
const NAME_ROOM = 32
const CONTROL_ROOM = 128
const PAYLOAD_ROOM = 256
const RECORD_ROOM = NAME_ROOM + CONTROL_ROOM + PAYLOAD_ROOM
const AF_INET = 2
/** struct cmsghdr: 64 bits length with the header, level, type; then the value, and the next one at a multiple of 8. */
const CMSG_HEADER = 16
const IPV4 = { level: 0, packet: 8, ttl: 2 } as const
const IPV6 = { level: 41, packet: 50, ttl: 52 } as const

/** Makes a batch. Datagrams are cut at 256 bytes. Throws SystemCallError when there is no memory. */
export function createDatagramBatch(libc: Libc, capacity: number): DatagramBatch {
  const iovecsAt = capacity * RECORD_BYTES
  const roomsAt = iovecsAt + capacity * IOVEC_BYTES
  const { bytes, address } = libc.mapMemory(roomsAt + capacity * RECORD_ROOM)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const setPointer = (at: number, to: number) => view.setBigUint64(at, address + BigInt(to), true)
  const roomOf = (index: number) => roomsAt + index * RECORD_ROOM
  for (let index = 0; index < capacity; index++) {
    const [record, iovec, room] = [index * RECORD_BYTES, iovecsAt + index * IOVEC_BYTES, roomOf(index)]
    setPointer(record + AT.name, room)
    setPointer(record + AT.iov, iovec)
    view.setBigUint64(record + AT.iovCount, 1n, true)
    setPointer(record + AT.control, room + NAME_ROOM)
    setPointer(iovec, room + NAME_ROOM + CONTROL_ROOM)
    view.setBigUint64(iovec + 8, BigInt(PAYLOAD_ROOM), true)
  }
  return {
    capacity,
    receive(fd) {
      // The kernel writes over the lengths of what it was given room for.
      for (let record = 0; record < iovecsAt; record += RECORD_BYTES) {
        view.setUint32(record + AT.nameLength, NAME_BYTES, true)
        view.setBigUint64(record + AT.controlLength, BigInt(CONTROL_ROOM), true)
      }
      const count = libc.recvmmsg(fd, bytes, capacity, 0)
      if (count < 0 && !isTransient(libc.errno())) throw new SystemCallError('recvmmsg', libc.errno())
      const datagrams: Datagram[] = []
      for (let index = 0; index < count; index++) {
        const datagram = read(view, index * RECORD_BYTES, roomOf(index))
        if (datagram !== undefined) datagrams.push(datagram)
      }
      return { count: Math.max(0, count), datagrams }
    },
  }
}

function read(view: DataView, record: number, room: number): Datagram | undefined {
  const part = (at: number, length: number) => new Uint8Array(view.buffer, view.byteOffset + at, length)
  const isIpv4 = view.getUint16(room, true) === AF_INET
  const control = room + NAME_ROOM
  const end = control + Number(view.getBigUint64(record + AT.controlLength, true))
  const { level, packet, ttl } = isIpv4 ? IPV4 : IPV6
  const packetAt = findControl(view, control, end, level, packet)
  const ttlAt = findControl(view, control, end, level, ttl)
  if (packetAt === undefined || ttlAt === undefined) return undefined
  return {
    bytes: part(control + CONTROL_ROOM, view.getUint32(record + AT.length, true)),
    source: isIpv4 ? part(room + 4, 4) : part(room + 8, 16),
    // struct in_pktinfo: interface, the address that would answer, the packet's address; in6_pktinfo: the packet's address, interface.
    destination: isIpv4 ? part(packetAt + 8, 4) : part(packetAt, 16),
    interfaceIndex: view.getInt32(packetAt + (isIpv4 ? 0 : 16), true),
    ttl: view.getInt32(ttlAt, true),
  }
}

/** Where the value of a control message is; undefined when there is none of the kind. */
function findControl(view: DataView, from: number, end: number, level: number, type: number): number | undefined {
  for (let at = from; at + CMSG_HEADER <= end; ) {
    const length = Number(view.getBigUint64(at, true))
    if (length < CMSG_HEADER) return undefined
    if (view.getInt32(at + 8, true) === level && view.getInt32(at + 12, true) === type) return at + CMSG_HEADER
    at += Math.ceil(length / 8) * 8
  }
  return undefined
}
