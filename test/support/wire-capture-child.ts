/**
 * The witness on a wire, run inside a network namespace: asks for addresses at a steady pace and keeps every question, answer and
 * announcement with the time at which the kernel saw it. Commands come on standard input, one JSON object a line:
 * {"probe": ADDRESS, "everyMs": N}, {"still": ADDRESS}, {"take": N} (prints what was kept since the last time, with that number).
 * Usage: node wire-capture-child.ts INTERFACE
 */
import { createInterface } from 'node:readline'
import koffi from 'koffi'
import { interfacesOf } from '../../src/speaker/host.ts'
import { openLibc, SystemCallError } from '../../src/speaker/io/libc.ts'
import { openNetlink } from '../../src/speaker/io/netlink.ts'
import { addressHex, PROBE_NUMBERS, probeFrame, proberMac, readFrame } from './wire-capture-frames.ts'

const AF_PACKET = 17
const SOCK_RAW_NONBLOCK = 3 | 0o4000
const SOL_SOCKET = 1
const SO_RCVBUF = 8
const ETH_P_ALL = 3
/** The time of the last frame that the socket gave, as seconds and nanoseconds of 64 bits each. */
const SIOCGSTAMPNS = 0x8907

const [name = ''] = process.argv.slice(2)
const libc = openLibc()
const ioctl = koffi.load('libc.so.6').func('int ioctl(int, unsigned long, void *)')
const netlink = openNetlink(libc)
const own = interfacesOf(netlink.ask({ kind: 'get-links' })).find((one) => one.name === name)
netlink.close()
if (own === undefined) throw new Error(`no interface ${name}`)

/** ARP, solicitations and advertisements, in and out. Each: code, jump if true, jump if false, operand. */
const FILTER = [
  [0x28, 0, 0, 12],
  [0x15, 5, 0, 0x0806],
  [0x15, 0, 5, 0x86dd],
  [0x30, 0, 0, 20],
  [0x15, 0, 3, 58],
  [0x30, 0, 0, 54],
  [0x35, 0, 1, 135],
  [0x06, 0, 0, 0xffff],
  [0x06, 0, 0, 0],
] as const

function open(protocol: number): number {
  const fd = libc.socket(AF_PACKET, SOCK_RAW_NONBLOCK, 0)
  if (fd < 0) throw new SystemCallError('socket', libc.errno())
  if (protocol !== 0) {
    const program = new Uint8Array(FILTER.length * 8)
    const view = new DataView(program.buffer)
    for (const [at, [code, yes, no, operand]] of FILTER.entries()) {
      view.setUint16(at * 8, code, true)
      view.setUint8(at * 8 + 2, yes)
      view.setUint8(at * 8 + 3, no)
      view.setUint32(at * 8 + 4, operand, true)
    }
    if (libc.attachFilter(fd, program) < 0) throw new SystemCallError('filter', libc.errno())
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, new Uint8Array(Int32Array.of(8 << 20).buffer), 4)
  }
  const address = new DataView(new ArrayBuffer(20))
  address.setUint16(0, AF_PACKET, true)
  address.setUint16(2, protocol)
  address.setInt32(4, own?.index ?? 0, true)
  if (libc.bind(fd, new Uint8Array(address.buffer), 20) < 0) throw new SystemCallError('bind', libc.errno())
  return fd
}

// The kernel shows a socket every frame that leaves but its own, so one socket asks and the other one listens.
const listening = open(ETH_P_ALL)
const asking = open(0)
const stamp = new BigInt64Array(2)
const stampBytes = new Uint8Array(stamp.buffer)
ioctl(listening, SIOCGSTAMPNS, stampBytes)

let kept: (readonly [number, string, string, string, number])[] = []
const buffer = new Uint8Array(2048)

function listen(): void {
  for (let length = libc.recv(listening, buffer, 2048, 0); length >= 0; length = libc.recv(listening, buffer, 2048, 0)) {
    const frame = readFrame(buffer.subarray(0, length))
    if (frame === undefined) continue
    if (ioctl(listening, SIOCGSTAMPNS, stampBytes) < 0) throw new SystemCallError('SIOCGSTAMPNS', libc.errno())
    const atMs = Number(stamp[0]) * 1000 + Number(stamp[1]) / 1e6
    kept.push([atMs, frame.kind, frame.address, frame.mac, frame.id])
  }
}

interface Prober {
  readonly address: string
  readonly mac: Uint8Array
  readonly everyMs: number
  dueMs: number
  id: number
}

const probers = new Map<string, Prober>()
let timer: NodeJS.Timeout | undefined

/** One question of each prober that is due. Those that this process slept through are left out: a burst would say nothing. */
function ask(): void {
  const nowMs = performance.now()
  let nextMs = Number.POSITIVE_INFINITY
  for (const prober of probers.values()) {
    if (prober.dueMs <= nowMs) {
      const frame = probeFrame(prober.address, prober.id, prober.mac)
      libc.send(asking, frame, frame.length, 0)
      prober.id = (prober.id + 1) % PROBE_NUMBERS
      prober.dueMs += prober.everyMs
      if (prober.dueMs <= nowMs) prober.dueMs = nowMs + prober.everyMs
    }
    nextMs = Math.min(nextMs, prober.dueMs)
  }
  timer = nextMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(ask, Math.max(1, nextMs - performance.now()))
}

let hosts = 0
createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line) as { probe?: string; everyMs?: number; still?: string; take?: number }
  if (command.probe !== undefined) {
    const address = addressHex(command.probe)
    const everyMs = command.everyMs ?? 5
    // Spread over the pace, so that many addresses are not asked for in one moment.
    const dueMs = performance.now() + ((hosts * 7.3) % everyMs)
    probers.set(address, { address, mac: proberMac(hosts++), everyMs, dueMs, id: 0 })
    clearTimeout(timer)
    ask()
  }
  if (command.still !== undefined) probers.delete(addressHex(command.still))
  if (command.take === undefined) return
  listen()
  process.stdout.write(`${JSON.stringify({ taken: command.take, records: kept })}\n`)
  kept = []
})
// The handle must stay reachable: a collected one stops polling.
const polling = koffi.node.poll(listening, { readable: true }, listen)
process.stdin.on('end', () => {
  polling.close()
  process.exit(0)
})
process.stdout.write('{"ready":true}\n')
