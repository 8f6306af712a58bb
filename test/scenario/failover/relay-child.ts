/**
 * Joins two interfaces of the namespace that it runs in: frames of the first come out of the second so many milliseconds later, those of
 * the second out of the first at once. How many is said on standard input, one number a line; none at first. No module of the kernel is
 * needed (netem is missing in many).
 * Usage: node relay-child.ts INTERFACE INTERFACE
 */
import { createInterface } from 'node:readline'
import koffi from 'koffi'
import { interfacesOf } from '../../../src/speaker/host.ts'
import { openLibc, SystemCallError } from '../../../src/speaker/io/libc.ts'
import { openNetlink } from '../../../src/speaker/io/netlink.ts'

const SOL_PACKET = 263
/** Frames come with what the kernel left to do for them (checksum, segmentation), and are sent on with it. */
const PACKET_VNET_HDR = 15
const PACKET_IGNORE_OUTGOING = 23
const ONE = new Uint8Array(Int32Array.of(1).buffer)

const [first = '', second = ''] = process.argv.slice(2)
let delayMs = 0
const libc = openLibc()
const netlink = openNetlink(libc)
const links = interfacesOf(netlink.ask({ kind: 'get-links' }))
netlink.close()

function open(name: string): number {
  const fd = libc.socket(17, 3 | 0o4000, 0)
  if (fd < 0) throw new SystemCallError('socket', libc.errno())
  for (const option of [PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING])
    if (libc.setsockopt(fd, SOL_PACKET, option, ONE, 4) < 0) throw new SystemCallError(`option ${option}`, libc.errno())
  const address = new DataView(new ArrayBuffer(20))
  address.setUint16(0, 17, true)
  address.setUint16(2, 3)
  address.setInt32(4, links.find((one) => one.name === name)?.index ?? 0, true)
  if (libc.bind(fd, new Uint8Array(address.buffer), 20) < 0) throw new SystemCallError('bind', libc.errno())
  return fd
}

const [a, b] = [open(first), open(second)]
const buffer = new Uint8Array(1 << 17)
const waiting: { readonly dueMs: number; readonly frame: Uint8Array }[] = []
let timer: NodeJS.Timeout | undefined

function drain(fd: number, pass: (frame: Uint8Array) => void): void {
  for (let length = libc.recv(fd, buffer, buffer.length, 0); length > 0; length = libc.recv(fd, buffer, buffer.length, 0))
    pass(buffer.slice(0, length))
}

function release(): void {
  timer = undefined
  const nowMs = performance.now()
  for (let [head] = waiting; head !== undefined && head.dueMs <= nowMs; [head] = waiting) {
    libc.send(b, head.frame, head.frame.length, 0)
    waiting.shift()
  }
  const [next] = waiting
  if (next !== undefined) timer = setTimeout(release, Math.max(1, next.dueMs - nowMs))
}

// The handles must stay reachable: a collected one stops polling.
const handles = [
  koffi.node.poll(a, { readable: true }, () => {
    drain(a, (frame) => waiting.push({ dueMs: performance.now() + delayMs, frame }))
    if (timer === undefined) release()
  }),
  koffi.node.poll(b, { readable: true }, () => drain(b, (frame) => libc.send(a, frame, frame.length, 0))),
]
process.stdin.on('end', () => {
  for (const handle of handles) handle.close()
  process.exit(0)
})
createInterface({ input: process.stdin }).on('line', (line) => {
  delayMs = Number(line)
})
process.stdout.write('{"ready":true}\n')
