/**
 * A client that asks an address every few milliseconds, from several ports in turn, so that a router with several next hops spreads it over
 * all of them. Arguments: address, UDP port, milliseconds between two probes, ports. Each line on standard input is answered with the
 * ProbeReport since the line before.
 */
import { createSocket } from 'node:dgram'
import process from 'node:process'
import { createInterface } from 'node:readline'

export interface ProbeReport {
  readonly said: 'report'
  readonly sent: number
  readonly lost: number
  /** Answers by who gave them. */
  readonly by: Readonly<Record<string, number>>
  /** The longest time without any answer, in milliseconds. */
  readonly longestSilenceMs: number
}

/** An answer that takes longer is none. */
const PATIENCE_MS = 2000
const [address = '', port = '', everyMs = '5', ports = '16'] = process.argv.slice(2)
const waiting = new Map<number, number>()
let sequence = 0
let counted = { sent: 0, lost: 0, by: new Map<string, number>(), silence: 0 }
let lastAnswerMs = performance.now()

const sockets = Array.from({ length: Number(ports) }, () => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', answered)
  // No route is a lost probe, and nothing else.
  socket.on('error', () => undefined)
  return socket
})
setInterval(probe, Number(everyMs))
setInterval(giveUp, 100)
createInterface({ input: process.stdin })
  .on('line', report)
  .on('close', () => process.exit(0))
process.stdout.write(`${JSON.stringify({ said: 'ready' })}\n`)

function probe(): void {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(sequence)
  waiting.set(sequence, performance.now())
  sockets[sequence % sockets.length]?.send(bytes, Number(port), address)
  sequence++
  counted.sent++
}

function answered(bytes: Buffer): void {
  const nowMs = performance.now()
  if (!waiting.delete(bytes.readUInt32BE(0))) return
  const name = bytes.subarray(4).toString()
  counted.by.set(name, (counted.by.get(name) ?? 0) + 1)
  counted.silence = Math.max(counted.silence, nowMs - lastAnswerMs)
  lastAnswerMs = nowMs
}

function giveUp(): void {
  const nowMs = performance.now()
  for (const [one, sentMs] of waiting) {
    if (nowMs - sentMs < PATIENCE_MS) return
    waiting.delete(one)
    counted.lost++
  }
}

/** What is still on its way is waited for, and counts for this report. */
function report(): void {
  setTimeout(() => {
    giveUp()
    const { sent, lost, by, silence } = counted
    const line: ProbeReport = { said: 'report', sent, lost, by: Object.fromEntries(by), longestSilenceMs: Math.round(silence) }
    counted = { sent: 0, lost: 0, by: new Map(), silence: 0 }
    process.stdout.write(`${JSON.stringify(line)}\n`)
  }, PATIENCE_MS + 200)
}
