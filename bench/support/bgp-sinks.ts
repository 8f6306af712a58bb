/**
 * Routers that only listen, one for each address given as an argument, all in one process: real TCP sessions, of which nothing but the number of
 * prefixes is kept. One JSON object a line (SinkLine) on standard output. Ends with its input.
 */
import { createServer, type Socket } from 'node:net'
import process from 'node:process'
import type { UpdateContext } from '../../src/wire/bgp/context.ts'
import { MESSAGE_MAX, parseFrame } from '../../src/wire/bgp/header.ts'
import { AFI, SAFI_UNICAST } from '../../src/wire/bgp/iana.ts'
import { serializeKeepalive } from '../../src/wire/bgp/keepalive.ts'
import { serializeOpen } from '../../src/wire/bgp/open.ts'
import { parseUpdate } from '../../src/wire/bgp/update.ts'

export interface SinkLine {
  readonly said: 'ready' | 'table'
  /** Of the sink that has heard a whole table, and how many prefixes and UPDATEs it was. */
  readonly address?: string
  readonly prefixes?: number
  readonly updates?: number
}

const AS = 65_000
const PORT = 179
const KEEPALIVE_MS = 20_000
const CONTEXT: UpdateContext = {
  peering: 'external',
  fourOctetAs: true,
  families: { IPv4: { pathIds: false, extendedNextHop: false } },
}
const say = (line: SinkLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

function serve(socket: Socket, address: string, routerId: number): void {
  let rest: Uint8Array = new Uint8Array(0)
  let [prefixes, updates] = [0, 0]
  const keepalive = setInterval(() => socket.write(serializeKeepalive()), KEEPALIVE_MS)
  const capabilities = [
    { kind: 'multiprotocol', afi: AFI.IPv4, safi: SAFI_UNICAST },
    { kind: 'four-octet-as', as: AS },
  ] as const
  socket.write(serializeOpen({ as: AS, holdSeconds: 90, routerId, capabilities }))
  socket.on('error', () => undefined).on('close', () => clearInterval(keepalive))
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const frame = parseFrame(rest, MESSAGE_MAX)
      if (!frame.ok) return void socket.destroy()
      if (frame.value === undefined) return
      const { type, body, length } = frame.value
      if (type === 'open') socket.write(serializeKeepalive())
      if (type === 'update') take(body)
      rest = rest.subarray(length)
    }
  })
  function take(body: Uint8Array) {
    const reading = parseUpdate(body, CONTEXT)
    if (reading.action !== 'accept') throw new Error(`an UPDATE that is ${reading.action}`)
    updates++
    for (const { nlri } of reading.announced) prefixes += nlri.count
    if (reading.endOfRib !== undefined) say({ said: 'table', address, prefixes, updates })
  }
}

const addresses = process.argv.slice(2)
for (const [at, address] of addresses.entries()) {
  const server = createServer((socket) => serve(socket, address, 0x0a00_0001 + at))
  await new Promise<void>((resolve) => server.listen(PORT, address, resolve))
}
process.stdin.on('end', () => process.exit(0)).resume()
say({ said: 'ready' })
