/**
 * A host on the wire, run inside a network namespace: asks for each address 50 times a second and measures the answers. Prints one JSON
 * line a second; ends with its standard input. Usage: node junk-asker.ts INTERFACE ADDRESS...
 */
import process from 'node:process'
import koffi from 'koffi'
import { interfacesOf } from '../../../src/speaker/host.ts'
import { openLibc, SystemCallError } from '../../../src/speaker/io/libc.ts'
import { openNetlink } from '../../../src/speaker/io/netlink.ts'
import { addressHex, PROBE_NUMBERS, probeFrame, proberMac, readFrame } from '../../support/wire-capture-frames.ts'
import type { JunkAskerLine } from './junk-lines.ts'

const EVERY_MS = 20
const LATE_MS = 1000
const AF_PACKET = 17
const ETH_P_ALL = 3

const [name = '', ...addresses] = process.argv.slice(2)
const libc = openLibc()
const netlink = openNetlink(libc)
const own = interfacesOf(netlink.ask({ kind: 'get-links' })).find((one) => one.name === name)
netlink.close()
if (own === undefined) throw new Error(`no interface ${name}`)

const mac = proberMac(0)
const view = new DataView(mac.buffer)
/** Only what is sent to this host, so that the junk costs it nothing. Each: code, jump if true, jump if false, operand. */
const filter = [
  [0x20, 0, 0, 0],
  [0x15, 0, 3, view.getInt32(0)],
  [0x28, 0, 0, 4],
  [0x15, 0, 1, view.getUint16(4)],
  [0x06, 0, 0, 0xffff],
  [0x06, 0, 0, 0],
] as const

function open(): number {
  const fd = libc.socket(AF_PACKET, 3 | 0o4000, 0)
  const program = new DataView(new ArrayBuffer(filter.length * 8))
  for (const [at, [code, yes, no, operand]] of filter.entries()) {
    program.setUint16(at * 8, code, true)
    program.setUint8(at * 8 + 2, yes)
    program.setUint8(at * 8 + 3, no)
    program.setInt32(at * 8 + 4, operand, true)
  }
  const address = new DataView(new ArrayBuffer(20))
  address.setUint16(0, AF_PACKET, true)
  address.setUint16(2, ETH_P_ALL)
  address.setInt32(4, own?.index ?? 0, true)
  if (fd < 0 || libc.attachFilter(fd, new Uint8Array(program.buffer)) < 0) throw new SystemCallError('raw socket', libc.errno())
  if (libc.bind(fd, new Uint8Array(address.buffer), 20) < 0) throw new SystemCallError('bind', libc.errno())
  return fd
}

const fd = open()
const texts = new Map(addresses.map((text) => [addressHex(text), text]))
/** When each number of each address was asked last. */
const askedAtMs = new Map<string, number>()
let asked = 0
let answered = new Map<string, number[]>(addresses.map((text) => [text, []]))
const buffer = new Uint8Array(2048)
const polling = koffi.node.poll(fd, { readable: true }, () => {
  for (let length = libc.recv(fd, buffer, buffer.length, 0); length >= 0; length = libc.recv(fd, buffer, buffer.length, 0)) {
    const frame = readFrame(buffer.subarray(0, length))
    const text = frame?.kind === 'answer' ? texts.get(frame.address) : undefined
    if (frame === undefined || text === undefined) continue
    const question = `${frame.address} ${frame.id}`
    const tookMs = performance.now() - (askedAtMs.get(question) ?? Number.NEGATIVE_INFINITY)
    // One answer counts for one question.
    askedAtMs.delete(question)
    if (tookMs < LATE_MS) answered.get(text)?.push(Number(tookMs.toFixed(3)))
  }
})

let number = 0
setInterval(() => {
  number = (number + 1) % PROBE_NUMBERS
  for (const address of texts.keys()) {
    const frame = probeFrame(address, number, mac)
    askedAtMs.set(`${address} ${number}`, performance.now())
    if (libc.send(fd, frame, frame.length, 0) === frame.length) asked++
  }
}, EVERY_MS)

setInterval(() => {
  const line: JunkAskerLine = { asked, answeredMs: Object.fromEntries(answered) }
  process.stdout.write(`${JSON.stringify(line)}\n`)
  asked = 0
  answered = new Map(addresses.map((text) => [text, []]))
}, 1000)

process.stdin.resume()
process.stdin.on('end', () => {
  polling.close()
  process.exit(0)
})
