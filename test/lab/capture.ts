import { readFileSync } from 'node:fs'
import { isTransient, openLibc, SystemCallError } from '../../src/speaker/io/libc.ts'

/** Every frame that passes one of the host's own interfaces, in or out, as bytes. */
export interface Capture {
  readonly frames: readonly Uint8Array[]
  close(): void
}

const AF_PACKET = 17
const SOCK_RAW_NONBLOCK = 3 | 0o4000
const ETH_P_ALL = 0x0003
const READ_EVERY_MS = 5

/** The interface of the default route; undefined on a host without one. */
export function uplink(): string | undefined {
  const rows = readFileSync('/proc/net/route', 'utf8').trim().split('\n').slice(1)
  return rows.map((row) => row.split('\t')).find(([, destination]) => destination === '00000000')?.[0]
}

/** Captures on one interface until closed. Throws SystemCallError when the kernel refuses. */
export function captureOn(name: string): Capture {
  const libc = openLibc()
  // The protocol is in network byte order, here and in the address.
  const fd = libc.socket(AF_PACKET, SOCK_RAW_NONBLOCK, ETH_P_ALL << 8)
  if (fd < 0) throw new SystemCallError('socket', libc.errno())
  const address = new DataView(new ArrayBuffer(20))
  address.setUint16(0, AF_PACKET, true)
  address.setUint16(2, ETH_P_ALL, false)
  address.setInt32(4, Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8')), true)
  if (libc.bind(fd, new Uint8Array(address.buffer), 20) < 0) throw new SystemCallError('bind', libc.errno())
  const frames: Uint8Array[] = []
  const buffer = new Uint8Array(65_536)
  const read = () => {
    for (;;) {
      const length = libc.recv(fd, buffer, buffer.length, 0)
      if (length < 0 && !isTransient(libc.errno())) throw new SystemCallError('recv', libc.errno())
      if (length <= 0) return
      frames.push(buffer.slice(0, length))
    }
  }
  const timer = setInterval(read, READ_EVERY_MS)
  let open = true
  return {
    frames,
    close() {
      if (!open) return
      open = false
      clearInterval(timer)
      read()
      libc.close(fd)
    },
  }
}

/** Source and destination of an IPv4 or ARP frame in dotted form; empty for others. */
export function addressesOf(frame: Uint8Array): string[] {
  const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0)
  const at = type === 0x0800 ? [26, 30] : type === 0x0806 ? [28, 38] : []
  return at.map((offset) => [...frame.slice(offset, offset + 4)].join('.'))
}
