import { isTransient, type Libc, SystemCallError } from './libc.ts'

const POLLIN = 1
const POLLERR = 8
const POLLHUP = 16
const POLLNVAL = 32
const RECORD_BYTES = 8

/** What poll saw on one descriptor. */
export interface Readiness {
  readonly fd: number
  readonly readable: boolean
  readonly failed: boolean
}

/** A fixed list of descriptors to wait on. */
export interface PollSet {
  /** Waits until one is ready, `timeoutMs` at most. Throws SystemCallError, never for an interrupted call (that is an empty answer). */
  wait(timeoutMs: number): readonly Readiness[]
}

const NOTHING: readonly Readiness[] = []

/** Builds the list once; waiting then allocates nothing while nothing is ready. */
export function createPollSet(libc: Libc, fds: readonly number[]): PollSet {
  const records = new Uint8Array(fds.length * RECORD_BYTES)
  const view = new DataView(records.buffer)
  for (const [index, fd] of fds.entries()) {
    view.setInt32(index * RECORD_BYTES, fd, true)
    view.setInt16(index * RECORD_BYTES + 4, POLLIN, true)
  }
  return {
    wait(timeoutMs) {
      const ready = libc.poll(records, fds.length, timeoutMs)
      if (ready === 0) return NOTHING
      if (ready < 0) {
        const errno = libc.errno()
        if (isTransient(errno)) return NOTHING
        throw new SystemCallError('poll', errno)
      }
      return fds.flatMap((fd, index) => {
        const events = view.getInt16(index * RECORD_BYTES + 6, true)
        return events === 0 ? [] : [{ fd, readable: (events & POLLIN) !== 0, failed: (events & (POLLERR | POLLHUP | POLLNVAL)) !== 0 }]
      })
    },
  }
}
