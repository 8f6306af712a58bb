import type { Ip } from '../../addr/ip.ts'
import { BFD_PORT } from '../../wire/bfd.ts'
import type { BfdSender } from '../bfd/session-set.ts'
import type { BfdSpec } from '../bfd/settings.ts'
import { bindUdp, openUdp } from './bfd-udp.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { attachFilter } from './packet-filter.ts'
import { isLinkLocal, serializeSocketAddress } from './socket-address.ts'
import { setDevice, setTrafficClass, setTtl } from './tcp-sockopt.ts'

/** The sockets that BFD packets leave by: one for each session, each with a source port of its own, which it keeps. RFC 5881 section 4. */
export interface BfdSenders {
  /** A sender whose socket cannot be opened now is opened by mend(). */
  open(spec: BfdSpec): BfdSender
  /** Opens what is not open, and opens anew what its interface has left. To be called about every second. */
  mend(): void
  /** Why packets do not leave, as sentences. */
  problems(): readonly string[]
  /** Closes all of them. */
  close(): void
}

/** RFC 5881 section 4. */
const FIRST_PORT = 49_152
const LAST_PORT = 65_535
/** RFC 5881 section 5 demands it of a single hop; through routers it leaves the other side its choice. */
const TTL = 255
/** The socket is for sending: nobody can fill its buffer. */
const NOTHING = [[0x06, 0, 0, 0]] as const
/** The address or the interface is gone, and with it what the socket is bound to. */
const LOST = new Set(['ENODEV', 'ENXIO', 'EADDRNOTAVAIL', 'EINVAL', 'EBADF'])

/** A port that another program has taken is given up for another one; after so many there is something else wrong. */
const PORTS_TO_TRY = 8

interface Sender {
  readonly spec: BfdSpec
  port: number
  fd: number | undefined
  /** Of its interface when the socket was opened; 0: none. */
  deviceIndex: number
  destination: Uint8Array
  problem: SystemCallError | undefined
}

interface State {
  readonly libc: Libc
  readonly random: () => number
  readonly senders: Set<Sender>
}

/** `random` gives a number in [0, 1), for the ports. */
export function createBfdSenders(libc: Libc, random: () => number): BfdSenders {
  const state: State = { libc, random, senders: new Set() }
  const all = () => [...state.senders]
  return {
    open(spec) {
      const sender: Sender = {
        ...{ spec, port: freePort(state), fd: undefined, deviceIndex: 0, destination: new Uint8Array(), problem: undefined },
      }
      state.senders.add(sender)
      openSocket(state, sender)
      return {
        send: (bytes) => send(libc, sender, bytes),
        close() {
          close(libc, sender)
          state.senders.delete(sender)
        },
      }
    },
    mend() {
      for (const sender of all()) {
        if (sender.spec.device !== undefined && libc.interfaceIndex(sender.spec.device) !== sender.deviceIndex) close(libc, sender)
        if (sender.fd === undefined) openSocket(state, sender)
      }
    },
    close() {
      for (const sender of all()) close(libc, sender)
      state.senders.clear()
    },
    problems: () =>
      all().flatMap(({ spec, problem }) => (problem === undefined ? [] : [`BFD packets to ${spec.key} do not leave: ${problem.message}`])),
  }
}

/** Of no other session of ours. Only who has 16,384 sessions would look for one for ever. */
function freePort({ random, senders }: State): number {
  const taken = new Set([...senders].map(({ port }) => port))
  for (;;) {
    const port = FIRST_PORT + Math.floor(random() * (LAST_PORT - FIRST_PORT + 1))
    if (!taken.has(port)) return port
  }
}

function openSocket(state: State, sender: Sender): void {
  for (let left = PORTS_TO_TRY; left > 0; left--) {
    sender.problem = tryToOpen(state.libc, sender)
    if (sender.problem?.code !== 'EADDRINUSE') return
    sender.port = freePort(state)
  }
}

function tryToOpen(libc: Libc, sender: Sender): SystemCallError | undefined {
  const { port } = sender
  const { remote, local, device, multihop } = sender.spec
  const index = device === undefined ? 0 : libc.interfaceIndex(device)
  const addressOf = (ip: Ip, of: number) => ({ ip, port: of, scope: isLinkLocal(ip) ? index : undefined })
  sender.deviceIndex = index
  sender.destination = serializeSocketAddress(addressOf(remote, multihop ? BFD_PORT.multihop : BFD_PORT.singleHop))
  try {
    sender.fd = openUdp(libc, remote.family, (fd) => {
      attachFilter(libc, fd, NOTHING)
      if (device !== undefined) setDevice(libc, fd, device)
      setTtl(libc, fd, remote.family, TTL)
      setTrafficClass(libc, fd, remote.family)
      bindUdp(libc, fd, addressOf(local, port))
    })
    return undefined
  } catch (error) {
    if (error instanceof SystemCallError) return error
    throw error
  }
}

function send(libc: Libc, sender: Sender, bytes: Uint8Array): boolean {
  const { fd, destination } = sender
  if (fd === undefined) return false
  if (libc.sendto(fd, bytes, bytes.length, 0, destination, destination.length) === bytes.length) {
    sender.problem = undefined
    return true
  }
  sender.problem = new SystemCallError('sendto', libc.errno())
  if (LOST.has(sender.problem.code)) close(libc, sender)
  return false
}

function close(libc: Libc, sender: Sender): void {
  if (sender.fd !== undefined) libc.close(sender.fd)
  sender.fd = undefined
}
