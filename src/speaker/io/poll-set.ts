import { isTransient, type Libc, SystemCallError } from './libc.ts'

const POLLIN = 1
const POLLERR = 8
const POLLHUP = 16
const POLLNVAL = 32
const RECORD_BYTES = 8

/** A fixed list of descriptors to wait on. Waiting and looking allocate nothing. */
export interface PollSet {
  readonly fds: readonly number[]
  /** Waits until one is ready, `timeoutMs` at most. Throws SystemCallError, never for an interrupted call (then nothing is ready). */
  wait(timeoutMs: number): void
  /** The same with a timeout that is exact to the microsecond. */
  waitExactly(timeoutUs: number): void
  /** The last wait found nothing. */
  readonly isIdle: boolean
  /** Whether the last wait found something to read on `fds[at]`. */
  isReadable(at: number): boolean
  /** Whether the last wait found an error on `fds[at]`. */
  hasFailed(at: number): boolean
}

/** Builds the list once. */
export function createPollSet(libc: Libc, fds: readonly number[]): PollSet {
  const records = new Uint8Array(fds.length * RECORD_BYTES)
  const view = new DataView(records.buffer)
  for (const [index, fd] of fds.entries()) {
    view.setInt32(index * RECORD_BYTES, fd, true)
    view.setInt16(index * RECORD_BYTES + 4, POLLIN, true)
  }
  const timeout = new BigInt64Array(2)
  let ready = 0
  function look(result: number, call: string): void {
    ready = result
    if (ready >= 0) return
    const errno = libc.errno()
    if (!isTransient(errno)) throw new SystemCallError(call, errno)
  }
  const has = (at: number, events: number): boolean => ready > 0 && (view.getInt16(at * RECORD_BYTES + 6, true) & events) !== 0
  return {
    fds,
    wait: (timeoutMs) => look(libc.poll(records, fds.length, timeoutMs), 'poll'),
    waitExactly(timeoutUs) {
      timeout[0] = BigInt(Math.floor(timeoutUs / 1e6))
      timeout[1] = BigInt(Math.floor(timeoutUs % 1e6) * 1000)
      look(libc.ppoll(records, fds.length, timeout), 'ppoll')
    },
    get isIdle() {
      return ready <= 0
    },
    isReadable: (at) => has(at, POLLIN),
    hasFailed: (at) => has(at, POLLERR | POLLHUP | POLLNVAL),
  }
}
