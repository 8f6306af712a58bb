/**
 * A peer that no router is, on port 179 of whatever network namespace it runs in. It goes through OPEN and KEEPALIVE and then, by its first
 * argument: `flood COUNT` announces so many IPv4 prefixes as fast as they are read; `deaf` reads nothing any more, and says KEEPALIVE; `calls
 * ADDRESS COUNT` opens so many connections to port 179 there and says nothing. What it has done comes out as JSON lines.
 */
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { MESSAGE_TYPE } from '../../../src/wire/bgp/iana.ts'
import { serializeKeepalive } from '../../../src/wire/bgp/keepalive.ts'
import { serializeOpen } from '../../../src/wire/bgp/open.ts'
import { packRoutes } from '../../../src/wire/bgp/update-pack.ts'
import { context } from '../../wire/bgp/build.ts'

const AS = 65_000
const HOLD_SECONDS = 90
/** As a router sends a table of the Internet: few prefixes share their attributes. */
const PREFIXES_PER_UPDATE = 5
const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const [mode = '', ...rest] = process.argv.slice(2)

/** Resolves when the other side has said OPEN and KEEPALIVE. */
async function establish(socket: net.Socket): Promise<void> {
  socket.write(
    serializeOpen({
      as: AS,
      holdSeconds: HOLD_SECONDS,
      routerId: 0x0aff_0007,
      capabilities: [
        { kind: 'multiprotocol', afi: 1, safi: 1 },
        { kind: 'four-octet-as', as: AS },
      ],
    }),
  )
  socket.write(serializeKeepalive())
  const seen: number[] = []
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    for (let at = 0; at + 19 <= (chunk as Buffer).length; at += (chunk as Buffer).readUInt16BE(at + 16))
      seen.push((chunk as Buffer)[at + 18] ?? 0)
    if (seen.includes(MESSAGE_TYPE.keepalive)) return
  }
}

async function flood(socket: net.Socket, count: number): Promise<void> {
  socket.resume()
  const beganMs = performance.now()
  for (let at = 0; at < count; at += PREFIXES_PER_UPDATE) {
    const entries = Array.from({ length: Math.min(PREFIXES_PER_UPDATE, count - at) }, (_, index) => ({
      prefix: { family: 'IPv4' as const, base: BigInt(0x0100_0000 + (at + index) * 256), length: 24 },
      pathId: undefined,
    }))
    const attributes = {
      origin: 'igp',
      asPath: [{ kind: 'sequence', ases: [AS, 3, 4 + (at % 1000), 5] }],
      med: at % 100,
      communities: [at],
    } as const
    const nextHop = { address: { family: 'IPv4', value: 0x0a42_0002n }, linkLocal: undefined } as const
    const packed = packRoutes({ family: 'IPv4', attributes, nextHop, entries }, context(), 4096)
    if (!packed.ok) throw new Error(packed.error.code)
    for (const message of packed.value) if (!socket.write(message)) await new Promise((resolve) => socket.once('drain', resolve))
  }
  socket.write(serializeKeepalive(), () => print({ flooded: count, tookMs: performance.now() - beganMs }))
}

async function serve(socket: net.Socket): Promise<void> {
  socket.on('error', () => undefined)
  socket.on('close', () => print({ closed: true }))
  await establish(socket)
  setInterval(() => socket.writable && socket.write(serializeKeepalive()), 2000)
  if (mode === 'flood') await flood(socket, Number(rest[0]))
  else socket.pause()
  print({ established: mode })
}

async function call(address: string, count: number): Promise<void> {
  for (let made = 0; made < count; made++) {
    const socket = net.connect(179, address)
    socket.on('error', () => undefined)
    socket.on('close', () => undefined)
    if (made % 20 === 0) await delay(5)
  }
  print({ called: count })
}

if (mode === 'calls') await call(rest[0] ?? '', Number(rest[1]))
else net.createServer((socket) => void serve(socket)).listen(179, '0.0.0.0', () => print({ ready: true }))
process.stdin.on('end', () => process.exit(0)).resume()
