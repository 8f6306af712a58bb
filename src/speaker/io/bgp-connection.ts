import type { Socket } from 'node:net'
import { type Ip, parseIp } from '../../addr/ip.ts'
import type { Clock, Timer } from '../../runtime/clock.ts'
import type { Connection, ConnectionEvents } from '../bgp/session-transport.ts'
import type { Libc } from './libc.ts'
import { setPassword } from './tcp-socket.ts'

/** How long a last word may take to leave. */
const LAST_WORD_MS = 1000
/** The peer closes when it has read our last word. Some, as FRR, see our own close first when both come together, and never read it. */
const READING_MS = 200

interface Options {
  readonly libc: Libc
  readonly clock: Clock
  readonly socket: Socket
  readonly remote: Ip
  readonly events: ConnectionEvents
  /** Our end where the socket cannot tell it yet. */
  readonly local: Ip | undefined
  /** Its last word is on the way. */
  readonly onFinish: () => void
  /** The socket is closed, for whatever reason. */
  readonly onClosed: () => void
}

/** What is known of a connection besides its socket. */
interface State {
  readonly options: Options
  /** Those that end it. */
  readonly timers: Timer[]
  cause: string
  /** Nothing is told any more. */
  isSilent: boolean
}

/** A socket as a session uses it; the socket is the connection's from here on. */
export function openConnection(options: Options): Connection {
  const { socket, libc, remote } = options
  const state: State = { options, timers: [], cause: 'EOF', isSilent: false }
  listen(state)
  return {
    get local() {
      return addressOf(socket.localAddress) ?? options.local
    },
    get unwrittenBytes() {
      return socket.writableLength
    },
    write(bytes, done) {
      socket.write(bytes, (error) => {
        if (error === null || error === undefined) tell(state, done)
      })
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    setPassword: (password) => setPassword(libc, socket, remote, password),
    finish: () => finish(state),
    destroy() {
      state.isSilent = true
      socket.destroy()
    },
  }
}

function tell({ isSilent }: State, what: () => void): void {
  if (!isSilent) what()
}

function listen(state: State): void {
  const { socket, events, onClosed } = state.options
  socket.on('connect', () => tell(state, () => events.connected()))
  socket.on('data', (chunk: Uint8Array) => tell(state, () => events.received(chunk)))
  socket.on('error', (error: NodeJS.ErrnoException) => {
    state.cause = error.code ?? error.message
  })
  // The peer has said all that it will say: a BGP connection is of no use in one direction.
  socket.on('end', () => socket.destroy())
  socket.on('close', () => {
    tell(state, () => events.closed(state.cause))
    state.isSilent = true
    for (const timer of state.timers) timer.cancel()
    onClosed()
  })
}

function finish(state: State): void {
  const { socket, clock, onFinish } = state.options
  state.isSilent = true
  // What comes is read and thrown away: closing with unread bytes resets, and a reset may overtake our last word.
  socket.resume()
  onFinish()
  state.timers.push(
    clock.setTimer(READING_MS, () => socket.end()),
    clock.setTimer(LAST_WORD_MS, () => socket.destroy()),
  )
}

/** The zone of a link-local address is known from elsewhere. */
function addressOf(text: string | undefined): Ip | undefined {
  if (text === undefined) return undefined
  const read = parseIp(text.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/, ''))
  return read.ok ? read.value : undefined
}
