/**
 * Asks by ARP or neighbour discovery as fast as it can, or once a millisecond, inside a network namespace; batches go through the kernel in one system call.
 * Usage: node arp-requester.ts JSON, with one of the Orders below; the result is one JSON object on standard output.
 */
import process from 'node:process'
import { interfacesOf } from '../../src/speaker/host.ts'
import { createFrameBatch } from '../../src/speaker/io/frame-batch.ts'
import { openLibc, SystemCallError } from '../../src/speaker/io/libc.ts'
import { openNetlink } from '../../src/speaker/io/netlink.ts'
import { createQuestions, type Questions } from './questions.ts'

interface Asked {
  /** `addresses` addresses from `target` on are asked for in turn. */
  readonly target: string
  readonly addresses: number
  /** So many askers take turns, each with a MAC and an address (from `from` on) of its own. */
  readonly from: string
  readonly askers: number
  /** The number of the first of them; number 0 has the card's own MAC. */
  readonly firstAsker: number
}

export type Order = Asked &
  (
    | { readonly kind: 'latency'; readonly samples: number; readonly everyMs: number }
    /** `window` questions are on their way at any time. */
    | { readonly kind: 'rate'; readonly seconds: number; readonly window: number }
    /** Answers are not read. */
    | { readonly kind: 'storm'; readonly seconds: number; readonly perSecond: number }
  )

/** By latency: microseconds of each answered question, and how many were not answered within LOST_AFTER_MS. */
export interface Measured {
  readonly latenciesUs: readonly number[]
  readonly lost: number
  readonly sent: number
  readonly replies: number
  readonly seconds: number
}

const BATCH = 64
const FRAME_BYTES = 128
const LOST_AFTER_MS = 100
const SPIN_MS = 1

const libc = openLibc()
const order = JSON.parse(process.argv[2] ?? '') as Order
const { fd, questions } = openSocket()
const [outgoing, incoming] = [createFrameBatch(libc, BATCH, FRAME_BYTES), createFrameBatch(libc, BATCH, FRAME_BYTES)]
for (let at = 0; at < BATCH; at++) {
  outgoing.frames[at]?.set(questions.template)
  outgoing.setLength(at, questions.template.length)
}
let asked = 0

function openSocket(): { readonly fd: number; readonly questions: Questions } {
  const netlink = openNetlink(libc)
  const own = interfacesOf(netlink.ask({ kind: 'get-links' })).find(({ name }) => name === 'eth0')
  netlink.close()
  if (own?.mac === undefined) throw new Error('no eth0')
  const questions = createQuestions(order.target, order.from, own.mac)
  const socket = libc.socket(17, 3 | 0o4000, 0)
  const program = new Uint8Array(questions.filter.length * 8)
  const view = new DataView(program.buffer)
  for (const [at, [code, jumpTrue, jumpFalse, operand]] of questions.filter.entries()) {
    view.setUint16(at * 8, code, true)
    view.setUint8(at * 8 + 2, jumpTrue)
    view.setUint8(at * 8 + 3, jumpFalse)
    view.setUint32(at * 8 + 4, operand, true)
  }
  libc.attachFilter(socket, program)
  libc.setsockopt(socket, 263, 23, int32(1), 4) // PACKET_IGNORE_OUTGOING
  libc.setsockopt(socket, 1, 33, int32(1 << 24), 4) // SO_RCVBUFFORCE: no answer is to be lost here
  const address = new Uint8Array(20)
  const link = new DataView(address.buffer)
  link.setUint16(0, 17, true)
  link.setUint16(2, questions.etherType)
  link.setInt32(4, own.index, true)
  if (socket < 0 || libc.bind(socket, address, 20) < 0) throw new SystemCallError('raw socket', libc.errno())
  return { fd: socket, questions }
}

function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer)
}

/** Makes the next question: the next address, by the next asker. */
function nextQuestion(frame: Uint8Array): void {
  questions.write(frame, asked % order.addresses, order.firstAsker + (asked % order.askers))
  asked++
}

function send(count: number): void {
  for (let at = 0; at < count; at++) nextQuestion(outgoing.frames[at] ?? new Uint8Array())
  outgoing.send(fd, count, () => undefined)
}

function receive(): number {
  const count = incoming.receive(fd)
  if (typeof count !== 'number') throw count
  return count
}

const pollRecord = new Uint8Array(8)
new DataView(pollRecord.buffer).setInt32(0, fd, true)
new DataView(pollRecord.buffer).setInt16(4, 1, true)
const waitForAnswer = (timeoutMs: number): boolean => libc.poll(pollRecord, 1, timeoutMs) > 0
const sleeper = new Int32Array(new SharedArrayBuffer(4))

function latency({ samples, everyMs }: Order & { kind: 'latency' }): Measured {
  const latenciesUs: number[] = []
  const beganMs = performance.now()
  for (let sample = 0; sample < samples; sample++) {
    const restMs = beganMs + sample * everyMs - performance.now()
    if (restMs > 0) Atomics.wait(sleeper, 0, 0, restMs)
    while (receive() > 0); // what came too late for the one before
    const sentMs = performance.now()
    send(1)
    const wanted = (asked - 1) % order.addresses
    for (let answered = false; !answered; ) {
      const count = receive()
      const passedMs = performance.now() - sentMs
      for (let at = 0; at < count; at++) if (questions.isAbout(incoming.frames[at] ?? new Uint8Array(), wanted)) answered = true
      if (answered) latenciesUs.push(passedMs * 1000)
      else if (passedMs > LOST_AFTER_MS) break
      // It looks without sleeping at first, or its own wake-up would be measured as well.
      else if (passedMs > SPIN_MS) waitForAnswer(LOST_AFTER_MS)
    }
  }
  return {
    latenciesUs,
    lost: samples - latenciesUs.length,
    sent: asked,
    replies: latenciesUs.length,
    seconds: (performance.now() - beganMs) / 1000,
  }
}

function rate({ seconds, window }: Order & { kind: 'rate' }): Measured {
  let [replies, pending] = [0, 0]
  const beganMs = performance.now()
  const endMs = beganMs + seconds * 1000
  while (performance.now() < endMs) {
    const room = Math.min(BATCH, window - pending)
    if (room > 0) {
      send(room)
      pending += room
    }
    const count = receive()
    replies += count
    pending -= count
    // What was lost would shrink the window for good.
    if (count === 0 && room <= 0 && !waitForAnswer(20)) pending = 0
  }
  return { latenciesUs: [], lost: asked - replies, sent: asked, replies, seconds: (performance.now() - beganMs) / 1000 }
}

function storm({ seconds, perSecond }: Order & { kind: 'storm' }): Measured {
  const beganMs = performance.now()
  for (let passedMs = 0; passedMs < seconds * 1000; passedMs = performance.now() - beganMs) {
    const due = Math.floor((passedMs * perSecond) / 1000) - asked
    if (due > 0) send(Math.min(BATCH, due))
    else Atomics.wait(sleeper, 0, 0, 0.2)
  }
  return { latenciesUs: [], lost: 0, sent: asked, replies: 0, seconds: (performance.now() - beganMs) / 1000 }
}

const measured = order.kind === 'latency' ? latency(order) : order.kind === 'rate' ? rate(order) : storm(order)
process.stdout.write(`${JSON.stringify(measured)}\n`)
