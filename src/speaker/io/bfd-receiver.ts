import type { Family } from '../../addr/ip.ts'
import { BFD_LENGTH, BFD_PORT } from '../../wire/bfd.ts'
import type { BfdArrival } from '../bfd/demux.ts'
import { addressText } from '../bfd/plan.ts'
import type { BfdSpec } from '../bfd/settings.ts'
import { bindUdp, openUdp, setOption } from './bfd-udp.ts'
import { createDatagramBatch, type DatagramBatch } from './datagram-batch.ts'
import { type Libc, SystemCallError } from './libc.ts'
import { attachFilter, type Instruction } from './packet-filter.ts'
import { setDevice } from './tcp-sockopt.ts'

/** The sockets that BFD packets come in by, one for each port, family and interface that a session names. */
export interface BfdReceivers {
  /** Opens and closes. True when the descriptors are others now. */
  follow(specs: readonly BfdSpec[]): boolean
  /** Opens what could not be opened, and anew what its interface has left. True when the descriptors are others now. */
  mend(): boolean
  fds(): readonly number[]
  /** Hands over everything that had come when it was called; the bytes hold for the call alone. True when a socket had to be closed. */
  drain(onPacket: (bytes: Uint8Array, arrival: BfdArrival) => void): boolean
  /** Packets that the kernel has dropped for us: too short, from behind a router, or more than the buffer holds. */
  dropped(): number
  problems(): readonly string[]
  close(): void
}

const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_RCVBUF = 8
const SO_MEMINFO = 55
/** Of the numbers that SO_MEMINFO gives, each of 32 bits. */
const MEMINFO_DROPS_AT = 32
const MEMINFO_BYTES = 36
const IP_PKTINFO = 8
const IP_RECVTTL = 12
const IPV6_V6ONLY = 26
const IPV6_RECVPKTINFO = 49
const IPV6_RECVHOPLIMIT = 51
const LEVEL = { IPv4: 0, IPv6: 41 } as const
const RECEIVE_BUFFER_BYTES = 1 << 20
/** As many packets as a default buffer holds of what came before the look, and more. */
const BATCH = 64
const BATCHES_A_LOOK = 16
/** Bytes of a UDP header. */
const UDP_HEADER = 8

const ACCEPT = [0x06, 0, 0, 0xffff] as const
const DROP = [0x06, 0, 0, 0] as const
/** Offset of the network header for a filter (linux/filter.h, SKF_NET_OFF), and of the TTL or hop limit behind it. */
const TTL_AT = { IPv4: -0x100000 + 8, IPv6: -0x100000 + 7 } as const

/** What is too short to be BFD costs no wake-up, nor, on one hop, what a router has passed on (IP_MINTTL is for TCP alone). RFC 5881 section 5. */
const filterOf = (family: Family, hops: BfdArrival['hops']): readonly Instruction[] => [
  [0x80, 0, 0, 0], //                              ld #len
  [0x35, 0, hops === 'single' ? 3 : 1, UDP_HEADER + BFD_LENGTH], // jge
  ...(hops === 'single'
    ? ([
        [0x30, 0, 0, TTL_AT[family]],
        [0x15, 0, 1, 255],
      ] as const)
    : []), // ldb [ttl]; jeq 255
  ACCEPT,
  DROP,
]

interface Kind {
  readonly family: Family
  readonly hops: BfdArrival['hops']
  readonly device: string | undefined
}

interface Receiver {
  readonly kind: Kind
  fd: number | undefined
  deviceIndex: number
  problem: SystemCallError | undefined
  drops: number
}

interface State {
  readonly libc: Libc
  readonly batch: DatagramBatch
  readonly receivers: Map<string, Receiver>
  /** Of sockets that are closed. */
  formerDrops: number
}

/** Opens nothing yet. */
export function createBfdReceivers(libc: Libc): BfdReceivers {
  const state: State = { libc, batch: createDatagramBatch(libc, BATCH), receivers: new Map(), formerDrops: 0 }
  const all = () => [...state.receivers.values()]
  return {
    follow: (specs) => follow(state, specs),
    mend() {
      let changed = false
      for (const receiver of all()) changed = mend(state, receiver) || changed
      return changed
    },
    fds: () => all().flatMap(({ fd }) => (fd === undefined ? [] : [fd])),
    drain(onPacket) {
      let lost = false
      for (const receiver of all()) lost = drain(state, receiver, onPacket) || lost
      return lost
    },
    dropped: () => state.formerDrops + all().reduce((sum, receiver) => sum + dropsOf(libc, receiver), 0),
    problems: () => all().flatMap(({ kind, problem }) => (problem === undefined ? [] : [problemOf(kind, problem)])),
    close() {
      for (const receiver of all()) close(state, receiver)
      state.receivers.clear()
    },
  }
}

const portOf = ({ hops }: Kind): number => (hops === 'single' ? BFD_PORT.singleHop : BFD_PORT.multihop)

function problemOf(kind: Kind, { code, message }: SystemCallError): string {
  const why = code === 'EADDRINUSE' ? 'another program on this node has it; is there another BFD daemon?' : message
  return `BFD cannot listen on UDP port ${portOf(kind)} (${kind.family}${kind.device === undefined ? '' : `, ${kind.device}`}): ${why}`
}

/** One that is bound to an interface takes the packets of that interface from one that is not; both are for all sessions. */
function follow(state: State, specs: readonly BfdSpec[]): boolean {
  const { receivers } = state
  const kinds = specs.map(({ remote, multihop, device }): Kind => ({ family: remote.family, hops: multihop ? 'multi' : 'single', device }))
  const wanted = new Map(kinds.map((kind) => [`${kind.family} ${kind.hops} ${kind.device ?? ''}`, kind]))
  let changed = false
  for (const [name, receiver] of receivers) {
    if (wanted.has(name)) continue
    close(state, receiver)
    receivers.delete(name)
    changed = true
  }
  for (const [name, kind] of wanted) {
    if (receivers.has(name)) continue
    const receiver: Receiver = { kind, fd: undefined, deviceIndex: 0, problem: undefined, drops: 0 }
    receivers.set(name, receiver)
    open(state, receiver)
    changed = true
  }
  return changed
}

function mend(state: State, receiver: Receiver): boolean {
  const { device } = receiver.kind
  const isElsewhere = device !== undefined && state.libc.interfaceIndex(device) !== receiver.deviceIndex
  if (receiver.fd !== undefined && !isElsewhere) return false
  close(state, receiver)
  open(state, receiver)
  return true
}

function open({ libc, receivers }: State, receiver: Receiver): void {
  const { family, hops, device } = receiver.kind
  const siblings = [...receivers.values()].filter(({ kind, fd }) => fd !== undefined && kind.family === family && kind.hops === hops)
  receiver.problem = undefined
  try {
    receiver.deviceIndex = device === undefined ? 0 : libc.interfaceIndex(device)
    receiver.fd = openUdp(libc, family, (fd) => {
      const level = LEVEL[family]
      if (family === 'IPv6') setOption(libc, fd, 'IPV6_V6ONLY', level, IPV6_V6ONLY, 1)
      setOption(libc, fd, 'IP_PKTINFO', level, family === 'IPv4' ? IP_PKTINFO : IPV6_RECVPKTINFO, 1)
      setOption(libc, fd, 'IP_RECVTTL', level, family === 'IPv4' ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1)
      setOption(libc, fd, 'SO_RCVBUF', SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES)
      attachFilter(libc, fd, filterOf(family, hops))
      if (device !== undefined) setDevice(libc, fd, device)
      sharing(libc, [fd, ...siblings.flatMap((sibling) => sibling.fd ?? [])], () =>
        bindUdp(libc, fd, { ip: { family, value: 0n }, port: portOf(receiver.kind), scope: undefined }),
      )
    })
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
    receiver.problem = error
  }
}

/** Our own sockets may share a port, for this moment only: another program that wants it too is told, and does not take our packets. */
function sharing(libc: Libc, fds: readonly number[], work: () => void): void {
  const set = (value: 0 | 1) => {
    for (const fd of fds) setOption(libc, fd, 'SO_REUSEADDR', SOL_SOCKET, SO_REUSEADDR, value)
  }
  if (fds.length > 1) set(1)
  try {
    work()
  } finally {
    if (fds.length > 1) set(0)
  }
}

function drain(state: State, receiver: Receiver, onPacket: (bytes: Uint8Array, arrival: BfdArrival) => void): boolean {
  const { batch } = state
  const { hops, device } = receiver.kind
  try {
    for (let left = BATCHES_A_LOOK; left > 0 && receiver.fd !== undefined; left--) {
      const { count, datagrams } = batch.receive(receiver.fd)
      for (const { bytes, source, destination, ttl } of datagrams) {
        onPacket(bytes, { hops, remote: addressText(source), local: addressText(destination), interface: device, ttl })
      }
      if (count < batch.capacity) return false
    }
    return false
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
    close(state, receiver)
    receiver.problem = error
    return true
  }
}

function dropsOf(libc: Libc, receiver: Receiver): number {
  if (receiver.fd === undefined) return 0
  const value = new Uint8Array(MEMINFO_BYTES)
  if (libc.getsockopt(receiver.fd, SOL_SOCKET, SO_MEMINFO, value, Uint32Array.of(MEMINFO_BYTES)) === 0) {
    receiver.drops = new DataView(value.buffer).getUint32(MEMINFO_DROPS_AT, true)
  }
  return receiver.drops
}

function close(state: State, receiver: Receiver): void {
  if (receiver.fd === undefined) return
  state.formerDrops += dropsOf(state.libc, receiver)
  state.libc.close(receiver.fd)
  receiver.fd = undefined
  receiver.drops = 0
}
