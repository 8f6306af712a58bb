/**
 * Throws junk at one host, run inside a network namespace: wrong frames of ARP and neighbour discovery, frames of chance, and packets and
 * streams of chance for the port of membership. Prints what it has sent as one JSON line a second, and ends by itself.
 * Usage: node junk-flood.ts INTERFACE MAC IP PER-SECOND SECONDS SEED
 */
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { interfacesOf } from '../../../src/speaker/host.ts'
import { openLibc, SystemCallError } from '../../../src/speaker/io/libc.ts'
import { openNetlink } from '../../../src/speaker/io/netlink.ts'
import { ETHERNET_HEADER_LENGTH } from '../../../src/wire/ethernet.ts'
import type { FuzzTarget } from './fuzz.ts'
import { FUZZ_TARGETS } from './fuzz-targets.ts'
import type { JunkFloodLine } from './junk-lines.ts'
import { createMutant, MUTANT_MAX, type Mutant, mutate } from './mutation.ts'
import { createRandom } from './random.ts'

const PORT = 7946
const TICK_MS = 5
/** What a link of Ethernet takes: header and 1,500 bytes. */
const FRAME_MAX = ETHERNET_HEADER_LENGTH + 1500
const SHORTEST_FRAME = ETHERNET_HEADER_LENGTH
const STREAM_EVERY_MS = 200
const MOST_STREAMS = 50

const [name = '', macText = '', ip = '', perSecond = '', seconds = '', seed = ''] = process.argv.slice(2)
const random = createRandom(Number(seed))
const mutant = createMutant(random)
const mac = new Uint8Array(Buffer.from(macText.replaceAll(':', ''), 'hex'))
const libc = openLibc()
const netlink = openNetlink(libc)
const own = interfacesOf(netlink.ask({ kind: 'get-links' })).find((one) => one.name === name)
netlink.close()
if (own === undefined) throw new Error(`no interface ${name}`)
const address = new DataView(new ArrayBuffer(20))
address.setUint16(0, 17, true)
address.setInt32(4, own.index, true)
const fd = libc.socket(17, 3 | 0o4000, 0)
if (fd < 0 || libc.bind(fd, new Uint8Array(address.buffer), 20) < 0) throw new SystemCallError('raw socket', libc.errno())
const udp = createSocket('udp4')
udp.on('error', () => undefined)

const sent: Record<string, number> = {}
const count = (what: string): void => {
  sent[what] = (sent[what] ?? 0) + 1
}

/** To the host, as often as not; the seeds are mostly to a group, and from many hosts. */
function sendFrame(what: string, { bytes, length }: Mutant): void {
  const size = Math.min(FRAME_MAX, Math.max(SHORTEST_FRAME, length))
  if (random.below(2) === 0) bytes.set(mac)
  if (random.below(4) === 0) for (let at = 6; at < 12; at++) bytes[at] = random.below(256) & (at === 6 ? 0xfe : 0xff)
  if (libc.send(fd, bytes.subarray(0, size), size, 0) === size) count(what)
  else count(`${what}, not taken by the kernel`)
}

function fill(from: number): void {
  mutant.length = from + random.below(FRAME_MAX - from)
  for (let at = from; at < mutant.length; at++) mutant.bytes[at] = random.below(256)
}

const target = (of: string): FuzzTarget => {
  const found = FUZZ_TARGETS.find((one) => one.name === of)
  if (found === undefined) throw new Error(`no target ${of}`)
  return found
}
const [arp, nd, plain, sealed] = [target('respondArp'), target('respondNd'), target('parseMembership'), target('open, parseMembership')]

function sendMutant(what: string, { seeds, repair }: FuzzTarget): void {
  mutate(random, seeds, mutant)
  repair?.(random, mutant)
  sendFrame(what, mutant)
}

function sendDatagram(what: string, bytes: Uint8Array): void {
  udp.send(bytes.slice(), PORT, ip, (error) => count(error === null ? what : `${what}, not taken by the kernel`))
}

const KINDS: readonly (() => void)[] = [
  () => sendMutant('ARP', arp),
  () => sendMutant('ARP', arp),
  () => sendMutant('neighbour discovery', nd),
  () => sendMutant('neighbour discovery', nd),
  () => {
    fill(0)
    sendFrame('chance', mutant)
  },
  () => {
    mutate(random, random.pick([arp, nd]).seeds, mutant)
    fill(ETHERNET_HEADER_LENGTH)
    sendFrame('chance behind a header', mutant)
  },
  () => {
    mutate(random, random.pick([plain, sealed]).seeds, mutant)
    sendDatagram('UDP', mutant.bytes.subarray(0, Math.min(mutant.length, 1472)))
  },
  () => {
    fill(0)
    sendDatagram('UDP of chance', mutant.bytes.subarray(0, Math.min(mutant.length, 1472, MUTANT_MAX)))
  },
]

const streams = new Set<Socket>()

/** Says something wrong, and is closed, or left open saying nothing more. */
function openStream(): void {
  const socket = connect(PORT, ip)
  streams.add(socket)
  socket.on('error', () => undefined)
  socket.on('close', () => streams.delete(socket))
  socket.on('connect', () => {
    count('TCP')
    fill(0)
    const first = random.pick([mutant.bytes.slice(0, mutant.length), new Uint8Array(), random.pick(sealed.seeds).slice(0, 30)])
    socket.write(first)
    if (random.below(2) === 0) socket.destroySoon()
  })
  const [oldest] = streams
  if (streams.size > MOST_STREAMS) oldest?.destroy()
}

const startedMs = performance.now()
const endMs = startedMs + Number(seconds) * 1000
const tell = (): void => void process.stdout.write(`${JSON.stringify({ sent } satisfies JunkFloodLine)}\n`)
const streamTimer = setInterval(openStream, STREAM_EVERY_MS)
const tellTimer = setInterval(tell, 1000)
let due = 0
for (let nowMs = startedMs; nowMs < endMs; nowMs = performance.now()) {
  // What this process slept through is left out, or it would come as one burst.
  due = Math.min(due + (Number(perSecond) * TICK_MS) / 1000, Number(perSecond) / 20)
  for (; due >= 1; due--) random.pick(KINDS)()
  await delay(TICK_MS)
}
clearInterval(streamTimer)
clearInterval(tellTimer)
for (const socket of streams) socket.destroy()
udp.close()
tell()
