import { isTransient, type Libc, SystemCallError } from './libc.ts'

/** struct mmsghdr of 64-bit Linux: a msghdr of 56 bytes, then how many bytes came, then 4 of padding. */
const RECORD_BYTES = 64
const IOV_POINTER_AT = 16
const IOV_COUNT_AT = 24
const LENGTH_AT = 56
/** struct iovec: where the bytes are, and how many there is room for (or are to be sent). */
const IOVEC_BYTES = 16

/** Room for as many frames as go through the kernel in one system call. Nothing is allocated after it was made. */
export interface FrameBatch {
  readonly capacity: number
  /** The memory of each frame. */
  readonly frames: readonly Uint8Array[]
  /** Bytes of a received frame; a longer one was cut. */
  lengthOf(at: number): number
  /** Sets how many bytes of a frame are to be sent. */
  setLength(at: number, length: number): void
  /** Fills the batch with what waits. Gives how many frames came (less than `capacity`: no more wait), or the failure. */
  receive(fd: number): number | SystemCallError
  /** Sends the first `count` frames. Gives how many the kernel did not take; `onRejected` is told which. */
  send(fd: number, count: number, onRejected: (at: number) => void): number
}

/** Makes a batch whose frames have `frameBytes` bytes each. Throws SystemCallError when there is no memory. */
export function createFrameBatch(libc: Libc, capacity: number, frameBytes: number): FrameBatch {
  const framesAt = capacity * (RECORD_BYTES + IOVEC_BYTES)
  const { bytes, address } = libc.mapMemory(framesAt + capacity * frameBytes)
  const view = new DataView(bytes.buffer)
  const iovecAt = (at: number) => capacity * RECORD_BYTES + at * IOVEC_BYTES
  for (let at = 0; at < capacity; at++) {
    view.setBigUint64(at * RECORD_BYTES + IOV_POINTER_AT, address + BigInt(iovecAt(at)), true)
    view.setBigUint64(at * RECORD_BYTES + IOV_COUNT_AT, 1n, true)
    view.setBigUint64(iovecAt(at), address + BigInt(framesAt + at * frameBytes), true)
    view.setBigUint64(iovecAt(at) + 8, BigInt(frameBytes), true)
  }
  return {
    capacity,
    frames: Array.from({ length: capacity }, (_, at) => bytes.subarray(framesAt + at * frameBytes, framesAt + (at + 1) * frameBytes)),
    lengthOf: (at) => view.getUint32(at * RECORD_BYTES + LENGTH_AT, true),
    setLength: (at, length) => view.setUint32(iovecAt(at) + 8, length, true),
    receive(fd) {
      const count = libc.recvmmsg(fd, bytes, capacity, 0)
      if (count >= 0) return count
      const errno = libc.errno()
      return isTransient(errno) ? 0 : new SystemCallError('recvmmsg', errno)
    },
    send: (fd, count, onRejected) => sendAll(libc, fd, bytes, count, onRejected),
  }
}

/** The kernel stops at a frame that it does not take: it is left out, and the rest goes on. */
function sendAll(libc: Libc, fd: number, records: Uint8Array, count: number, onRejected: (at: number) => void): number {
  let rejected = 0
  for (let from = 0; from < count; ) {
    const sent = libc.sendmmsg(fd, from === 0 ? records : records.subarray(from * RECORD_BYTES), count - from, 0)
    if (sent > 0) from += sent
    else {
      rejected++
      onRejected(from++)
    }
  }
  return rejected
}
