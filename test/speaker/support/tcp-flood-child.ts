/**
 * A listener under floods, in the network namespace that it runs in; what came of each is printed as one JSON object. Run as:
 * unshare --net sh -c 'ip link set lo up && ulimit -n 120 && exec node --expose-gc tcp-flood-child.ts'
 */
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../../src/runtime/clock.ts'
import { createLogger } from '../../../src/runtime/logger.ts'
import { openLibc, SystemCallError } from '../../../src/speaker/io/libc.ts'
import { serializeSocketAddress } from '../../../src/speaker/io/socket-address.ts'
import { openListener } from '../../../src/speaker/io/tcp-listener.ts'
import { openTcpCall } from '../../../src/speaker/io/tcp-socket.ts'
import { until } from '../../support/until.ts'
import { ipOf } from './objects.ts'
import { FLAG, serializeSegment } from './segment.ts'

const SYNS = 20_000
const STRANGERS = 1000
const libc = openLibc()
const lines: string[] = []
const logger = createLogger({ format: 'text', level: 'debug', write: (line) => void lines.push(line) })
let calls = 0
const listener = openListener({
  libc,
  clock: systemClock,
  logger,
  random: () => 0,
  port: 179,
  addresses: [],
  devices: [],
  onCall({ socket }) {
    calls += 1
    socket.on('error', () => undefined).on('data', (bytes) => void socket.end(bytes))
  },
})
const peer = { remote: ipOf('127.0.0.1'), scope: undefined, password: undefined, ttl: 64, leastTtl: undefined }
listener.allow([peer])

const callTo = (from: string) =>
  openTcpCall(libc, { ...peer, local: ipOf(from), port: 179, device: undefined, mss: undefined }).on('error', () => undefined)

/** How long a peer that may call waits for its own word, in milliseconds. */
async function echo(): Promise<number> {
  const startMs = performance.now()
  const socket = callTo('127.0.0.1')
  const answered = new Promise((resolve) => socket.once('data', resolve))
  socket.write('hello')
  await answered
  socket.destroy()
  return performance.now() - startMs
}

const syn = (source: string, sourcePort: number): Uint8Array =>
  serializeSegment({
    ...{ source, sourcePort, destination: '10.8.0.1', destinationPort: 179 },
    ...{ ttl: 64, flags: FLAG.syn, sequence: sourcePort * 77 },
  })

const counter = (name: string): number => {
  const [names = [], values = []] = readFileSync('/proc/self/net/netstat', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '))
  return Number(values[names.indexOf(name)])
}

/** Half-open calls from addresses that do not exist. */
async function halfOpen(): Promise<object> {
  for (const args of [
    'link add d0 type veth peer name d1',
    'link set d1 up',
    'addr add 10.8.0.1/24 dev d0',
    'link set d0 up',
    'route add 10.9.0.0/16 dev d0',
  ]) {
    execFileSync('ip', args.split(' '))
  }
  const fd = libc.socket(2, 3, 255)
  const to = serializeSocketAddress({ ip: ipOf('10.8.0.1'), port: 0, scope: undefined })
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  for (let sent = 0; sent < SYNS; sent++) {
    const packet = syn(`10.9.${sent % 250}.${(sent >> 8) % 250}`, 1024 + (sent % 60_000))
    if (libc.sendto(fd, packet, packet.length, 0, to, to.length) < 0) throw new SystemCallError('sendto', libc.errno())
    if (sent % 500 === 0) await delay(0)
  }
  libc.close(fd)
  globalThis.gc?.()
  const grownBytes = process.memoryUsage().heapUsed - before
  return { cookies: counter('SyncookiesSent') > 0, calls, grownBytes, echoMs: await echo() }
}

/** Whole calls of somebody who is nobody's peer. */
async function strangers(): Promise<object> {
  let closed = 0
  for (let begun = 0; begun < STRANGERS; begun++) {
    callTo('127.0.0.9').once('close', () => void closed++)
    if (begun % 20 === 19) await until('their end', () => closed >= begun - 20, 30_000, 1)
  }
  const echoMs = await echo()
  await until('the end of all', () => closed === STRANGERS)
  return { ...listener.strangers(), echoMs, calls, lines: lines.length }
}

/** A process that has no descriptor left for a call waits, and does not ask again and again. */
async function exhausted(): Promise<object> {
  const script =
    "process.stdout.write('r'); process.stdin.once('data', () => require('net').connect(179, '127.0.0.1').on('connect', () => process.stdout.write('c')))"
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  // Node closes a descriptor of its own when the program runs.
  await new Promise((resolve) => child.stdout.once('data', resolve))
  const before = calls
  const held: number[] = []
  try {
    for (;;) held.push(openSync('/dev/null', 'r'))
  } catch {
    // As many as there are.
  }
  child.stdin.write('\n')
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await delay(100)
  const startUsage = process.cpuUsage()
  await delay(500)
  const { user, system } = process.cpuUsage(startUsage)
  const waited = calls === before
  for (const fd of held) closeSync(fd)
  await until('the call', () => calls === before + 1)
  child.kill()
  return { waited, busyMs: (user + system) / 1000, told: lines.filter((line) => line.includes('EMFILE')).length }
}

const result = { halfOpen: await halfOpen(), strangers: await strangers(), exhausted: await exhausted() }
listener.close()
console.log(JSON.stringify(result, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))
process.exit(0)
