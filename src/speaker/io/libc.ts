import koffi from 'koffi'

/**
 * The system calls that Node does not offer, as plain functions on numbers and byte buffers. All of them are synchronous; none decides
 * anything. A negative result means failure, and `errno()` tells which, until the next call on this thread.
 */
export interface Libc {
  socket(family: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  listen(fd: number, backlog: number): number
  /** Fills `address` with the caller's; `length` (one number) says how long that may be, and is. */
  accept4(fd: number, address: Uint8Array, length: Uint32Array, flags: number): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint32Array): number
  /** SO_ATTACH_FILTER with a classic BPF program, 8 bytes an instruction. */
  attachFilter(fd: number, program: Uint8Array): number
  /** The sender's address is not asked for. */
  recv(fd: number, buffer: Uint8Array, length: number, flags: number): number
  /** `address` and `length` as with accept4: the sender's. */
  recvfrom(fd: number, buffer: Uint8Array, size: number, flags: number, address: Uint8Array, length: Uint32Array): number
  send(fd: number, bytes: Uint8Array, length: number, flags: number): number
  sendto(fd: number, bytes: Uint8Array, length: number, flags: number, address: Uint8Array, addressLength: number): number
  /** `fds` holds `count` records of 8 bytes: i32 fd, i16 events, i16 revents. */
  poll(fds: Uint8Array, count: number, timeoutMs: number): number
  /** poll() whose `timeout` is a struct timespec: two 64-bit numbers, seconds and nanoseconds. Signals stay as they are. */
  ppoll(fds: Uint8Array, count: number, timeout: BigInt64Array): number
  /** Fills up to `count` records of struct mmsghdr; gives how many. */
  recvmmsg(fd: number, records: Uint8Array, count: number, flags: number): number
  /** Sends up to `count` records of struct mmsghdr; gives how many. */
  sendmmsg(fd: number, records: Uint8Array, count: number, flags: number): number
  /** Memory that never moves, of zeros, with its address; it stays as long as the process. Throws SystemCallError. */
  mapMemory(length: number): { readonly bytes: Uint8Array; readonly address: bigint }
  eventfd(initial: number, flags: number): number
  read(fd: number, buffer: Uint8Array, length: number): number
  write(fd: number, bytes: Uint8Array, length: number): number
  close(fd: number): number
  /** The number of an interface; 0 when there is none of that name. */
  interfaceIndex(name: string): number
  /** Sets the nice value (-20 to 19, lower is first) of the calling thread alone. */
  setThreadPriority(nice: number): number
  errno(): number
}

const SOL_SOCKET = 1
const SO_ATTACH_FILTER = 26

/** A system call that failed, with the call's name and the errno's. */
export class SystemCallError extends Error {
  readonly call: string
  readonly code: string
  constructor(call: string, errno: number) {
    const code = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`
    super(`${call}: ${code}`)
    this.name = 'SystemCallError'
    this.call = call
    this.code = code
  }
}

/** True when the errno of a non-blocking call means "nothing now": EAGAIN, or EINTR. */
export const isTransient = (errno: number): boolean => errno === koffi.os.errno['EAGAIN'] || errno === koffi.os.errno['EINTR']

let loaded: Libc | undefined

/** Binds the functions, once per thread. Throws when the C library cannot be loaded (this is no Linux with glibc). */
export function openLibc(): Libc {
  loaded ??= bindLibc()
  return loaded
}

function bindLibc(): Libc {
  const libc = koffi.load('libc.so.6')
  const program = koffi.struct({ length: 'uint16_t', instructions: 'void *' })
  const setFilter = libc.func('setsockopt', 'int', ['int', 'int', 'int', koffi.pointer(program), 'unsigned int'])
  const recvmmsg = libc.func('int recvmmsg(int, void *, unsigned int, int, void *)')
  const ppoll = libc.func('int ppoll(void *, unsigned long, const void *, const void *)')
  const setpriority = libc.func('int setpriority(int, unsigned int, int)')
  const mmap = libc.func('void *mmap(void *, size_t, int, int, int, long)')
  return {
    socket: libc.func('int socket(int, int, int)'),
    bind: libc.func('int bind(int, const void *, unsigned int)'),
    listen: libc.func('int listen(int, int)'),
    accept4: libc.func('int accept4(int, void *, void *, int)'),
    setsockopt: libc.func('int setsockopt(int, int, int, const void *, unsigned int)'),
    getsockopt: libc.func('int getsockopt(int, int, int, void *, void *)'),
    attachFilter: (fd, instructions) =>
      setFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, { length: instructions.length / 8, instructions }, koffi.sizeof(program)),
    recv: libc.func('long recv(int, void *, unsigned long, int)'),
    recvfrom: libc.func('long recvfrom(int, void *, unsigned long, int, void *, void *)'),
    send: libc.func('long send(int, const void *, unsigned long, int)'),
    sendto: libc.func('long sendto(int, const void *, unsigned long, int, const void *, unsigned int)'),
    recvmmsg: (fd, records, count, flags) => recvmmsg(fd, records, count, flags, null),
    sendmmsg: libc.func('int sendmmsg(int, void *, unsigned int, int)'),
    mapMemory: (length) => mapMemory(mmap, length),
    poll: libc.func('int poll(void *, unsigned long, int)'),
    ppoll: (fds, count, timeout) => ppoll(fds, count, timeout, null),
    interfaceIndex: libc.func('unsigned int if_nametoindex(str)'),
    // PRIO_PROCESS and 0: on Linux that is one thread, the calling one.
    setThreadPriority: (nice) => setpriority(0, 0, nice),
    eventfd: libc.func('int eventfd(unsigned int, int)'),
    read: libc.func('long read(int, void *, unsigned long)'),
    write: libc.func('long write(int, const void *, unsigned long)'),
    close: libc.func('int close(int)'),
    errno: () => koffi.errno(),
  }
}

const PROT_READ_WRITE = 3
const MAP_PRIVATE_ANONYMOUS = 0x22

function mapMemory(mmap: (...args: unknown[]) => unknown, length: number): { readonly bytes: Uint8Array; readonly address: bigint } {
  const pointer = mmap(null, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0)
  const address = koffi.address(pointer)
  if (address === 0xffff_ffff_ffff_ffffn || address === -1n) throw new SystemCallError('mmap', koffi.errno())
  return { bytes: new Uint8Array(koffi.view(pointer, length)), address }
}
