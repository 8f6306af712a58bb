import { type Libc, SystemCallError } from './libc.ts'

const EFD_NONBLOCK = 0o4000
const EFD_CLOEXEC = 0o2000000
const ONE = new Uint8Array(BigUint64Array.of(1n).buffer)

/** Of each thread that reads; what is read says nothing. */
const DRAINED = new Uint8Array(8)

/** An eventfd: one thread wakes another one that waits in poll(). */
export interface Wakeup {
  readonly fd: number
  /** Makes the descriptor readable. Never blocks; waking twice is waking once. */
  wake(): void
  /** Idempotent. */
  close(): void
}

/** Throws SystemCallError when no descriptor is left. */
export function openWakeup(libc: Libc): Wakeup {
  const fd = libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
  if (fd < 0) throw new SystemCallError('eventfd', libc.errno())
  let open = true
  return {
    fd,
    wake() {
      // Fails only when the counter is full (2^64 - 2 unread wakes), and then the reader is awake already.
      if (open) libc.write(fd, ONE, 8)
    },
    close() {
      if (open) libc.close(fd)
      open = false
    },
  }
}

/** Takes the pending wakes off the descriptor, on the thread that waits. */
export function drainWakeup(libc: Libc, fd: number): void {
  libc.read(fd, DRAINED, 8)
}
