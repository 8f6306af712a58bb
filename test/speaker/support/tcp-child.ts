/**
 * Calls, and listens to itself, in the network namespace that it runs in, and prints what came of each as one JSON object.
 * Run as: unshare --net sh -c 'ip link set lo up && exec node tcp-child.ts'
 */
import { readdirSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { formatIp } from '../../../src/addr/ip.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { createLogger } from '../../../src/runtime/logger.ts'
import { openLibc } from '../../../src/speaker/io/libc.ts'
import { type ListenerOptions, openListener } from '../../../src/speaker/io/tcp-listener.ts'
import type { CallerTerms, IncomingCall, RefusedCall, TcpCall, TcpListener } from '../../../src/speaker/io/tcp-options.ts'
import { openTcpCall, setPassword } from '../../../src/speaker/io/tcp-socket.ts'
import { setTtl } from '../../../src/speaker/io/tcp-sockopt.ts'
import { until } from '../../support/until.ts'
import { ipOf } from './objects.ts'

const libc = openLibc()
const logged: string[] = []
const logger = createLogger({ format: 'text', level: 'debug', write: (line) => void logged.push(line) })
const PLAIN = { scope: undefined, local: undefined, device: undefined, password: undefined, ttl: 64, leastTtl: undefined, mss: undefined }
/** A segment that the kernel drops gets no answer at all. */
const SILENCE_MS = 400

const callTo = (remote: string, rest: Partial<TcpCall> = {}): TcpCall => ({ ...PLAIN, remote: ipOf(remote), port: 179, ...rest })
const termsOf = (remote: string, rest: Partial<CallerTerms> = {}): CallerTerms => ({
  remote: ipOf(remote),
  scope: undefined,
  password: undefined,
  ttl: 64,
  leastTtl: undefined,
  ...rest,
})
const openFds = (): number => readdirSync('/proc/self/fd').length

interface Heard {
  readonly listener: TcpListener
  readonly calls: IncomingCall[]
  readonly refused: RefusedCall[]
  /** What was read of anybody. */
  text: string
}

function listen(rest: Partial<ListenerOptions> = {}): Heard {
  const calls: IncomingCall[] = []
  const refused: RefusedCall[] = []
  const onCall = (call: IncomingCall): void => {
    calls.push(call)
    call.socket
      .on('error', () => undefined)
      .on('data', (bytes) => {
        heard.text += String(bytes)
      })
  }
  const options = { libc, clock: systemClock, logger, random: () => 0, port: 'default' as const, addresses: [], devices: [], onCall }
  const heard: Heard = {
    listener: openListener({ ...options, onRefused: (call) => void refused.push(call), ...rest }),
    calls,
    refused,
    text: '',
  }
  return heard
}

/** Calls, says hello, and tells how it went. */
async function attempt(call: TcpCall): Promise<string> {
  const socket = openTcpCall(libc, call)
  const outcome = new Promise<string>((resolve) => {
    socket.once('connect', () => socket.write('hello')).on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? ''))
    socket.once('close', () => resolve('closed'))
  })
  const result = await Promise.race([outcome, delay(SILENCE_MS).then(() => (socket.connecting ? 'silence' : 'connected'))])
  socket.destroy()
  return result
}

async function callers(): Promise<object> {
  const heard = listen()
  heard.listener.allow([
    termsOf('127.0.0.1'),
    termsOf('127.0.0.2', { password: 'right' }),
    termsOf('127.0.0.3', { ttl: 255, leastTtl: 255 }),
    termsOf('127.0.0.4', { ttl: 255, leastTtl: 254, password: 'right' }),
    termsOf('::1', { ttl: 255, leastTtl: 255, password: 'six' }),
  ])
  const results: Record<string, string> = {}
  const tries: readonly (readonly [string, string, Partial<TcpCall>])[] = [
    ['plain', '127.0.0.1', {}],
    ['key where none is agreed', '127.0.0.1', { password: 'right' }],
    ['right key', '127.0.0.2', { password: 'right' }],
    ['wrong key', '127.0.0.2', { password: 'wrong' }],
    ['no key', '127.0.0.2', {}],
    ['right TTL', '127.0.0.3', { ttl: 255, leastTtl: 255 }],
    ['TTL one too low', '127.0.0.3', { ttl: 254 }],
    ['within two hops', '127.0.0.4', { ttl: 254, password: 'right' }],
    ['TTL too low, right key', '127.0.0.4', { ttl: 253, password: 'right' }],
    ['IPv6', '::1', { ttl: 255, leastTtl: 255, password: 'six' }],
    ['IPv6, wrong key', '::1', { ttl: 255, password: 'sixth' }],
    ['IPv6, TTL too low', '::1', { ttl: 64, password: 'six' }],
    ['stranger', '127.0.0.9', {}],
  ]
  for (const [what, from, rest] of tries) {
    const isIpv6 = from.includes(':')
    results[what] = await attempt(callTo(isIpv6 ? '::1' : '127.0.0.1', { ...(isIpv6 ? {} : { local: ipOf(from) }), ...rest }))
  }
  const { calls, refused, text, listener } = heard
  const shown = {
    results,
    calls: calls.map(({ remote, local }) => `${formatIp(remote)} > ${formatIp(local)}`),
    refused: refused.map(({ remote, why }) => `${formatIp(remote)} ${why.kind}${why.kind === 'ttl' ? ` ${why.ttl} < ${why.least}` : ''}`),
    text,
    strangers: listener.strangers().last.map(formatIp),
  }
  for (const { socket } of calls) socket.destroy()
  listener.close()
  listener.close()
  return { ...shown, afterwards: await attempt(callTo('127.0.0.1')) }
}

/** What a caller of a low TTL says after a handshake with a right one, and everything once the key differs, is never read. */
async function living(): Promise<object> {
  const heard = listen()
  const terms = termsOf('127.0.0.1', { ttl: 255, leastTtl: 255, password: 'one' })
  heard.listener.allow([terms])
  const caller = openTcpCall(libc, callTo('127.0.0.1', { local: ipOf('127.0.0.1'), ttl: 255, leastTtl: 255, password: 'one' }))
  const { socket } = await until('the call', () => heard.calls[0])
  let [closed, answers] = [0, '']
  for (const end of [caller, socket]) end.on('close', () => void closed++).on('error', () => undefined)
  caller.on('data', (bytes) => {
    answers += String(bytes)
  })
  caller.write('a')
  await until('a', () => heard.text === 'a')
  const remote = ipOf('127.0.0.1')
  const seen: Record<string, string> = {}
  const step = async (what: string, ours: string | undefined, theirs: string | undefined): Promise<void> => {
    setPassword(libc, socket, remote, ours)
    caller.write('x')
    socket.write('y')
    await delay(SILENCE_MS)
    const between = `${heard.text}|${answers}`
    setPassword(libc, caller, remote, theirs)
    const [texts, replies] = [heard.text.length + 1, answers.length + 1]
    await until(what, () => heard.text.length === texts && answers.length === replies)
    seen[what] = `${between} then ${heard.text}|${answers}`
  }
  await step('another key', 'two', 'two')
  await step('none', undefined, undefined)
  await step('one again', 'three', 'three')
  seen['a TTL that falls'] = await falling(heard, caller)
  // New calls need the key of the terms, whatever the connections have that are there.
  heard.listener.allow([{ ...terms, password: 'four' }])
  const local = ipOf('127.0.0.1')
  const fresh = [
    await attempt(callTo('127.0.0.1', { local, ttl: 255, password: 'three' })),
    await attempt(callTo('127.0.0.1', { local, ttl: 255, password: 'four' })),
  ]
  caller.write('z')
  await until('z', () => heard.text.endsWith('z'))
  heard.listener.close()
  caller.write('!')
  await until('the end of the listener ends no connection', () => heard.text.endsWith('!'))
  for (const { socket } of heard.calls) socket.destroy()
  caller.destroy()
  await until('all is closed', () => closed === 2)
  setPassword(libc, caller, remote, 'nobody')
  return { seen, fresh, closed }
}

/** A caller whose packets come from further away than its handshake did. */
async function falling(heard: Heard, caller: Socket): Promise<string> {
  const { fd } = (caller as unknown as { _handle: { fd: number } })._handle
  const length = heard.text.length
  setTtl(libc, fd, 'IPv4', 254)
  caller.write('w')
  await delay(SILENCE_MS)
  const between = heard.text.slice(length)
  setTtl(libc, fd, 'IPv4', 255)
  await until('what was sent again', () => heard.text.length > length)
  return `${between} then ${heard.text.slice(length)}`
}

const occupy = (host: string, port: number): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer().listen(port, host, () => resolve(server))
  })
const vacate = (server: Server): Promise<void> => new Promise((resolve) => void server.close(() => resolve()))

async function ports(): Promise<object> {
  const free = listen()
  const first = free.listener.state()
  free.listener.close()
  const bgp = await occupy('127.0.0.1', 179)
  const beside = listen()
  const second = beside.listener.state()
  beside.listener.close()
  const own = await occupy('::1', 17_900)
  let changes = 0
  const late = listen({ onChange: () => void changes++ })
  const none = late.listener.state()
  late.listener.allow([termsOf('127.0.0.1')])
  await vacate(own)
  const later = await until('a port', () => late.listener.state().port !== undefined && late.listener.state())
  const reached = await attempt(callTo('127.0.0.1', { local: ipOf('127.0.0.1'), port: 17_900 }))
  for (const { socket } of late.calls) socket.destroy()
  late.listener.close()
  await vacate(bgp)
  const named = listen({ port: 1790, addresses: [ipOf('127.0.0.1'), ipOf('10.9.9.9')] })
  const partly = named.listener.state()
  named.listener.close()
  return { first, second, none, later, changes, reached, partly }
}

/** fds that are open after so many faults of each kind, beside those before. */
async function leaks(): Promise<object> {
  const before = openFds()
  const codes = new Set<string>()
  const faults: readonly Partial<TcpCall>[] = [
    { local: ipOf('10.9.9.9') },
    { device: 'nowhere' },
    { ttl: 256 },
    { mss: 1 },
    { password: 'x'.repeat(81) },
  ]
  for (let round = 0; round < 50; round++) {
    for (const fault of faults) {
      try {
        openTcpCall(libc, callTo('127.0.0.1', fault))
      } catch (error) {
        codes.add(error instanceof RangeError ? error.message : (error as Error).message)
      }
    }
  }
  const afterFaults = openFds()
  const heard = listen()
  for (let round = 0; round < 100; round++) codes.add(`a stranger: ${await attempt(callTo('127.0.0.1'))}`)
  const count = heard.listener.strangers().count
  heard.listener.close()
  for (let round = 0; round < 50; round++) codes.add(`nobody there: ${await attempt(callTo('127.0.0.1'))}`)
  await until('closed sockets', () => openFds() <= before)
  const lines = logged.filter((line) => line.includes('no BgpPeer names')).length
  return { codes: [...codes].sort(), leaked: afterFaults - before, strangers: count, lines }
}

const { listener } = listen()
const state = listener.state()
listener.close()
// Without the right to port 179 there is no more to see.
console.log(
  JSON.stringify(
    state.port === 179 ? { callers: await callers(), living: await living(), ports: await ports(), leaks: await leaks() } : state,
  ),
)
process.exit(0)
