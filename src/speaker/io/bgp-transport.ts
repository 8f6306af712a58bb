import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { BgpListener, BgpTransport, Connection, ConnectionEvents } from '../bgp/session-transport.ts'
import type { ListenSettings } from '../bgp/settings.ts'
import { openConnection } from './bgp-connection.ts'
import { interfaceAddresses, interfaceIndex, isDirect } from './bgp-interfaces.ts'
import { readSegmentDrops } from './bgp-segment-drops.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { watchRouter } from './router-watch.ts'
import { openListener } from './tcp-listener.ts'
import type { IncomingCall } from './tcp-options.ts'
import { openTcpCall } from './tcp-socket.ts'

/** Connections that say their last word at the same time; of more, the oldest is closed at once. */
const MOST_FINISHING = 32

export interface TransportOptions {
  readonly libc: Libc
  readonly clock: Clock
  readonly logger: Logger
  /** 0 to 1. */
  readonly random: () => number
  /** What is listened on changed. */
  readonly onListening: () => void
}

/** The sockets of this node. */
export function createBgpTransport(options: TransportOptions): BgpTransport {
  const { libc, clock, logger, random } = options
  const sockets = createOpenSockets()
  const connect = (
    socket: IncomingCall['socket'],
    { remote }: Pick<IncomingCall, 'remote'>,
    local: IncomingCall['local'] | undefined,
    events: ConnectionEvents,
  ) => openConnection({ libc, clock, socket, remote, local, events, ...sockets.add(socket) })
  return {
    call(call, events) {
      try {
        return connect(openTcpCall(libc, call), call, undefined, events)
      } catch (error) {
        return failedConnection(clock, error, events)
      }
    },
    listen: (settings, devices, onCall) =>
      listenOn(options, settings, devices, (call) =>
        onCall({
          remote: call.remote,
          scope: call.scope,
          take: (events) => connect(call.socket, call, call.local, events),
          refuse: () => void call.socket.resetAndDestroy(),
        }),
      ),
    watchRouter: (name, onRouter) => watchRouter({ libc, clock, logger, random, interface: name, onRouter }),
    interfaceIndex,
    interfaceAddresses,
    isDirect,
    drops: readSegmentDrops,
    settled: sockets.settled,
  }
}

/** The sockets that are open, and those of them that say their last word. */
function createOpenSockets() {
  const open = new Set<object>()
  const waiting: (() => void)[] = []
  const finishing: IncomingCall['socket'][] = []
  return {
    add(socket: IncomingCall['socket']) {
      open.add(socket)
      return {
        // Whoever calls and calls fills no memory with connections that wait for their end.
        onFinish() {
          finishing.push(socket)
          if (finishing.length > MOST_FINISHING) finishing.shift()?.destroy()
        },
        onClosed() {
          open.delete(socket)
          const at = finishing.indexOf(socket)
          if (at >= 0) finishing.splice(at, 1)
          if (open.size === 0) for (const resolve of waiting.splice(0)) resolve()
        },
      }
    },
    settled: (): Promise<void> => (open.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  }
}

/** What could not even be begun ends as what did not succeed. */
function failedConnection(clock: Clock, error: unknown, events: ConnectionEvents): Connection {
  const cause = error instanceof SystemCallError ? error.code : String(error)
  const timer = clock.setTimer(0, () => events.closed(cause))
  const nothing = (): void => undefined
  const destroy = (): void => timer.cancel()
  return {
    local: undefined,
    unwrittenBytes: 0,
    write: nothing,
    pause: nothing,
    resume: nothing,
    setPassword: nothing,
    finish: destroy,
    destroy,
  }
}

function listenOn(
  { libc, clock, logger, random, onListening }: TransportOptions,
  { port, addresses }: ListenSettings,
  devices: readonly string[],
  onCall: (call: IncomingCall) => void,
): BgpListener {
  const listener =
    port === 'none' ? undefined : openListener({ libc, clock, logger, random, port, addresses, devices, onCall, onChange: onListening })
  return {
    listening: () => listener?.state() ?? { port: undefined, problem: undefined },
    allow: (terms) => listener?.allow(terms),
    close: () => listener?.close(),
  }
}
