import { randomBytes, timingSafeEqual } from 'node:crypto'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type MembershipBody, type MembershipPacket, NONCE_LENGTH } from '../../wire/membership.ts'
import { fromStream, STREAM_PACKET_MAX, toStream } from '../../wire/membership-stream.ts'
import type { Link } from '../membership/effect.ts'

/** Streams to the neighbours on the ring. Nothing is said on them: their end tells that a process has ended, at once. */
export interface Links {
  /** Resolves when the port is listened on; rejects when it cannot be. */
  listen(): Promise<void>
  /** Which streams there should be. What is not among them any more is closed. */
  sync(links: readonly Link[]): void
  /** Closes all of them and the port. Idempotent. */
  close(): Promise<void>
}

export interface LinksOptions {
  readonly bind: { readonly address: string; readonly port: number }
  /** Seals a packet of this node. */
  readonly seal: (body: MembershipBody) => Uint8Array
  /** Opens and reads one; undefined for what is not sealed by a key of ours. */
  readonly open: (sealed: Uint8Array) => MembershipPacket | undefined
  /** A stream is open and both sides have proved that they have the key, now. */
  readonly onLinked: (node: string) => void
  /** Nobody listens on the node's port. */
  readonly onRefused: (node: string) => void
  /** The port was lost. */
  readonly onFailure: (error: Error) => void
}

const HANDSHAKE_MS = 2000
/** A connection that holds this long after an end was accepted by a living process, and not by the queue of a dying one. */
const PROBE_MS = 100
const PROBES = 5
const RETRY_FIRST_MS = 50
const RETRY_LONGEST_MS = 2000
/** Strangers cannot hold more than this many connections. */
const MOST_UNPROVED = 64

interface Outgoing {
  link: Link
  socket: Socket | undefined
  retryMs: number
  timer: NodeJS.Timeout | undefined
}

interface State {
  readonly server: Server
  readonly outgoing: Map<string, Outgoing>
  /** Proved streams that the other side opened. */
  readonly incoming: Map<string, Socket>
  readonly sockets: Set<Socket>
  wanted: ReadonlyMap<string, Link>
  unproved: number
  closed: boolean
}

export function createLinks(options: LinksOptions): Links {
  const state: State = {
    server: createServer({ noDelay: true }),
    outgoing: new Map(),
    incoming: new Map(),
    sockets: new Set(),
    wanted: new Map(),
    unproved: 0,
    closed: false,
  }
  state.server.on('connection', (socket) => accept(options, state, socket))
  return {
    listen: () => listen(options, state),
    sync: (links) => sync(options, state, links),
    async close() {
      if (state.closed) return
      state.closed = true
      for (const { timer } of state.outgoing.values()) clearTimeout(timer)
      for (const socket of state.sockets) socket.destroy()
      if (state.server.listening) await new Promise((resolve) => state.server.close(resolve))
    },
  }
}

function listen({ bind, onFailure }: LinksOptions, { server }: State): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: bind.address, port: bind.port }, () => {
      server.off('error', reject)
      server.on('error', onFailure)
      resolve()
    })
  })
}

function sync(options: LinksOptions, state: State, links: readonly Link[]): void {
  const wanted = new Map(links.map((link) => [link.node, link]))
  for (const node of state.wanted.keys()) {
    if (wanted.has(node)) continue
    drop(state, node)
    state.incoming.get(node)?.destroy()
  }
  state.wanted = wanted
  for (const link of links) {
    if (!link.opens) continue
    const present = state.outgoing.get(link.node)
    // Another incarnation may be another process: the stream to the former one says nothing of it.
    if (present !== undefined && (present.link.ip !== link.ip || present.link.incarnation !== link.incarnation)) drop(state, link.node)
    if (!state.outgoing.has(link.node)) dial(options, state, link)
  }
}

function drop(state: State, node: string): void {
  const present = state.outgoing.get(node)
  state.outgoing.delete(node)
  clearTimeout(present?.timer)
  present?.socket?.destroy()
}

function dial(options: LinksOptions, state: State, link: Link): void {
  const outgoing: Outgoing = { link, socket: undefined, retryMs: RETRY_FIRST_MS, timer: undefined }
  state.outgoing.set(link.node, outgoing)
  const isCurrent = () => !state.closed && state.outgoing.get(link.node) === outgoing
  const attempt = (): void => {
    const socket = track(state, connect(target(options, link.ip)))
    outgoing.socket = socket
    let proved = false
    greet(options, socket, link.node, () => {
      proved = true
      outgoing.retryMs = RETRY_FIRST_MS
      options.onLinked(link.node)
    })
    onEnd(socket, (code) => {
      if (!isCurrent()) return
      if (code === 'ECONNREFUSED') options.onRefused(link.node)
      else if (proved) probe(options, state, link, PROBES)
      if (!isCurrent()) return
      outgoing.timer = setTimeout(() => isCurrent() && attempt(), outgoing.retryMs)
      outgoing.retryMs = Math.min(RETRY_LONGEST_MS, outgoing.retryMs * 2)
    })
  }
  attempt()
}

const target = ({ bind }: LinksOptions, ip: string) => ({
  host: ip,
  port: bind.port,
  noDelay: true,
  // From the address that others know us by, unless that is every address.
  ...(bind.address === '::' || bind.address === '0.0.0.0' ? {} : { localAddress: bind.address }),
})

/** The side that opens: hello, their welcome, ours. */
function greet(options: LinksOptions, socket: Socket, node: string, onProved: () => void): void {
  const nonce = randomBytes(NONCE_LENGTH)
  socket.once('connect', () => socket.write(toStream(options.seal({ kind: 'hello', nonce }))))
  const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS)
  readPackets(options, socket, (packet) => {
    if (packet.kind !== 'welcome' || packet.sender !== node || !timingSafeEqual(packet.echo, nonce)) return false
    clearTimeout(timer)
    socket.write(toStream(options.seal({ kind: 'welcome', nonce, echo: packet.nonce })))
    onProved()
    return true
  })
  socket.once('close', () => clearTimeout(timer))
}

/** The side that is connected to. */
function accept(options: LinksOptions, state: State, socket: Socket): void {
  if (state.unproved >= MOST_UNPROVED) return void socket.destroy()
  track(state, socket)
  state.unproved += 1
  const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS)
  let settled = false
  const settle = (): void => {
    clearTimeout(timer)
    if (!settled) state.unproved -= 1
    settled = true
  }
  const nonce = randomBytes(NONCE_LENGTH)
  let node: string | undefined
  readPackets(options, socket, (packet) => {
    if (packet.kind === 'hello') {
      node = packet.sender
      socket.write(toStream(options.seal({ kind: 'welcome', nonce, echo: packet.nonce })))
      return true
    }
    if (packet.kind !== 'welcome' || packet.sender !== node || !timingSafeEqual(packet.echo, nonce)) return false
    settle()
    state.incoming.get(node)?.destroy()
    state.incoming.set(node, socket)
    options.onLinked(node)
    return true
  })
  onEnd(socket, () => {
    settle()
    if (node === undefined || state.incoming.get(node) !== socket) return
    state.incoming.delete(node)
    const link = state.wanted.get(node)
    if (link !== undefined && !state.closed) probe(options, state, link, PROBES)
  })
}

/**
 * A stream has ended. Asks the kernel there whether the process still listens: only a refusal says that it is gone, since a filter or a
 * change of the ring ends streams too. The queue of a dying process may accept one more connection, which then ends.
 */
function probe(options: LinksOptions, state: State, link: Link, left: number): void {
  const socket = track(state, connect(target(options, link.ip)))
  const timer = setTimeout(() => socket.destroy(), PROBE_MS)
  const startedMs = performance.now()
  onEnd(socket, (code) => {
    clearTimeout(timer)
    if (state.closed) return
    if (code === 'ECONNREFUSED') options.onRefused(link.node)
    else if (performance.now() - startedMs < PROBE_MS && left > 1) probe(options, state, link, left - 1)
  })
}

function track(state: State, socket: Socket): Socket {
  state.sockets.add(socket)
  socket.once('close', () => state.sockets.delete(socket))
  return socket
}

/** Calls once, at the first sign that the connection has ended: the other side's end, an error, or our own. */
function onEnd(socket: Socket, fn: (code: string | undefined) => void): void {
  let called = false
  const end = (code?: string): void => {
    if (called) return
    called = true
    fn(code)
    socket.destroy()
  }
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code))
  socket.once('end', () => end())
  socket.once('close', () => end())
}

/** Reads packets until `take` refuses one, which ends the connection. */
function readPackets({ open }: LinksOptions, socket: Socket, take: (packet: MembershipPacket) => boolean): void {
  let bytes: Uint8Array = new Uint8Array()
  socket.on('data', (chunk: Buffer) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    for (;;) {
      const next = fromStream(bytes)
      const packet = next.ok && next.value !== undefined ? open(next.value.packet) : undefined
      const isWaiting = next.ok && next.value === undefined && bytes.length <= STREAM_PACKET_MAX + 2
      if (isWaiting) return
      if (!next.ok || next.value === undefined || packet === undefined || !take(packet)) return void socket.destroy()
      bytes = next.value.rest
    }
  })
}
