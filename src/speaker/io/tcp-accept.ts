import koffi from 'koffi'
import { type Family, formatIp, type Ip, parseIp } from '../../addr/ip.ts'
import { isTransient, type Libc, SystemCallError } from './libc.ts'
import { isLinkLocal, LONGEST_ADDRESS, parseSocketAddress, type SocketAddress, serializeSocketAddress } from './socket-address.ts'
import type { CallerTerms, IncomingCall, RefusedCall } from './tcp-options.ts'
import { adoptSocket } from './tcp-socket.ts'
import {
  arrivalTtl,
  closingOnError,
  openTcpSocket,
  resetTcp,
  SOCKET_FLAGS,
  setDevice,
  setLeastTtl,
  setMd5Key,
  setNoDelay,
  setSocketNumber,
  setTrafficClass,
  setTtl,
} from './tcp-sockopt.ts'

const SO_REUSEADDR = 2
/** Connections that the kernel completes before we take them. Beyond, it answers with SYN cookies and keeps nothing. */
const BACKLOG = 64
/** Calls that are taken before anything else has its turn. */
const CALLS_A_TURN = 16
/** How long calls wait when this process has no file descriptors left; asking again at once would take all of its time. */
const REST_MS = 1000
/** What a SYN is answered with, before it is known who calls: GTSM asks for it, and nobody is harmed by it. */
const ANSWER_TTL = 255

/** One listening socket. */
export interface Acceptor {
  readonly family: Family
  /** Replaces who may call. Gives why some may not although they should, by the text of their address: the kernel refused their key. */
  allow(terms: readonly CallerTerms[]): ReadonlyMap<string, string>
  /** False when its device is gone: it will never hear anything again. */
  isAlive(): boolean
  /** Idempotent. */
  close(): void
}

export interface AcceptorOptions {
  readonly libc: Libc
  readonly address: SocketAddress
  readonly device: string | undefined
  readonly onCall: (call: IncomingCall) => void
  readonly onRefused: (call: RefusedCall) => void
  /** Calls cannot be taken for now; they are tried again. */
  readonly onFailure: (error: SystemCallError) => void
}

interface State {
  readonly options: AcceptorOptions
  readonly family: Family
  readonly fd: number
  /** By callerKey; only those whose keys the kernel has taken. */
  callers: ReadonlyMap<string, CallerTerms>
  /** Peers that have a key on the listening socket. */
  keyed: ReadonlyMap<string, CallerTerms>
  poll: { close(): void } | undefined
  rest: NodeJS.Timeout | undefined
}

const callerKey = (remote: Ip, scope: number | undefined): string =>
  isLinkLocal(remote) ? `${formatIp(remote)}%${scope ?? 0}` : formatIp(remote)

/** Listens, and refuses everybody until `allow` says otherwise. Throws SystemCallError (EADDRINUSE and so on); nothing stays open then. */
export function openAcceptor(options: AcceptorOptions): Acceptor {
  const { libc, address, device } = options
  const { family } = address.ip
  const fd = openTcpSocket(libc, family)
  const state: State = { options, family, fd, callers: new Map(), keyed: new Map(), poll: undefined, rest: undefined }
  closingOnError(libc, fd, () => {
    // A port whose former connections are still in TIME_WAIT is free. Two that listen is another matter: the kernel refuses that.
    setSocketNumber(libc, fd, 'SO_REUSEADDR', SO_REUSEADDR, 1)
    if (device !== undefined) setDevice(libc, fd, device)
    setTtl(libc, fd, family, ANSWER_TTL)
    setTrafficClass(libc, fd, family)
    const bytes = serializeSocketAddress(address)
    if (libc.bind(fd, bytes, bytes.length) < 0) throw new SystemCallError('bind', libc.errno())
    if (libc.listen(fd, BACKLOG) < 0) throw new SystemCallError('listen', libc.errno())
    watch(state)
  })
  let open = true
  return {
    family,
    allow: (terms) => allow(state, terms),
    isAlive: () => device === undefined || hasDevice(libc, fd),
    close() {
      if (!open) return
      open = false
      clearTimeout(state.rest)
      state.poll?.close()
      libc.close(fd)
    },
  }
}

const SOL_SOCKET = 1
const SO_BINDTODEVICE = 25

/** A device that was deleted and made anew has another index, to which the socket is not bound. */
const hasDevice = (libc: Libc, fd: number): boolean =>
  libc.getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, new Uint8Array(16), Uint32Array.of(16)) === 0

function watch(state: State): void {
  state.poll = koffi.node.poll(state.fd, { readable: true }, () => takeCalls(state))
}

function allow(state: State, terms: readonly CallerTerms[]): ReadonlyMap<string, string> {
  const { libc } = state.options
  const wanted = new Map(
    terms.filter(({ remote }) => remote.family === state.family).map((term) => [callerKey(term.remote, term.scope), term]),
  )
  const refused = new Map<string, string>()
  for (const [key, { remote }] of state.keyed) if (wanted.get(key)?.password === undefined) setMd5Key(libc, state.fd, remote, undefined)
  const keyed = new Map([...wanted].filter(([, { password }]) => password !== undefined))
  for (const [key, { remote, password }] of keyed) {
    const why = attempt(() => setMd5Key(libc, state.fd, remote, password))
    if (why !== undefined) refused.set(key, why)
  }
  state.keyed = keyed
  state.callers = new Map([...wanted].filter(([key]) => !refused.has(key)))
  return refused
}

function attempt(work: () => void): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof SystemCallError || error instanceof RangeError) return error.message
    throw error
  }
}

function takeCalls(state: State): void {
  const { libc, onFailure } = state.options
  const address = new Uint8Array(LONGEST_ADDRESS)
  for (let taken = 0; taken < CALLS_A_TURN; taken++) {
    const fd = libc.accept4(state.fd, address, Uint32Array.of(LONGEST_ADDRESS), SOCKET_FLAGS)
    if (fd >= 0) takeCall(state, fd, parseSocketAddress(address))
    else {
      const errno = libc.errno()
      if (isTransient(errno)) return
      const error = new SystemCallError('accept', errno)
      // The others are errors of one connection that has ended meanwhile; accept(2).
      if (!/^(EMFILE|ENFILE|ENOBUFS|ENOMEM)$/.test(error.code)) continue
      rest(state)
      onFailure(error)
      return
    }
  }
}

function rest(state: State): void {
  state.poll?.close()
  state.poll = undefined
  state.rest = setTimeout(() => watch(state), REST_MS)
  state.rest.unref()
}

function takeCall(state: State, fd: number, from: SocketAddress | undefined): void {
  const { libc, onCall, onRefused } = state.options
  if (from === undefined) {
    resetTcp(libc, fd)
    return
  }
  const scope = isLinkLocal(from.ip) ? from.scope : undefined
  const terms = state.callers.get(callerKey(from.ip, scope))
  const why = terms === undefined ? ({ kind: 'stranger' } as const) : ttlRefusal(libc, fd, terms)
  if (terms === undefined || why !== undefined) {
    resetTcp(libc, fd)
    if (why !== undefined) onRefused({ remote: from.ip, scope, why })
    return
  }
  const socket = adopted(libc, fd, terms)
  if (socket === undefined) return
  const local = parseIp(socket.localAddress?.split('%')[0] ?? '')
  if (local.ok) onCall({ socket, remote: from.ip, scope, local: local.value })
  else socket.destroy()
}

/**
 * The least TTL of a connection counts from when it is set, and segments may have come before. None of them is from afar when the one that
 * completed the handshake is not: the sequence numbers are known to who got our answer only.
 */
function ttlRefusal(libc: Libc, fd: number, { remote, leastTtl: least }: CallerTerms): RefusedCall['why'] | undefined {
  if (least === undefined) return undefined
  const ttl = arrivalTtl(libc, fd, remote.family)
  return ttl < least ? { kind: 'ttl', ttl, least } : undefined
}

/** The key too: it may have changed while the connection waited. Undefined when the connection has ended by now. */
function adopted(libc: Libc, fd: number, { remote, password, ttl, leastTtl }: CallerTerms): ReturnType<typeof adoptSocket> | undefined {
  const { family } = remote
  try {
    return closingOnError(libc, fd, () => {
      setLeastTtl(libc, fd, family, leastTtl)
      setMd5Key(libc, fd, remote, password)
      setTtl(libc, fd, family, ttl)
      setTrafficClass(libc, fd, family)
      setNoDelay(libc, fd)
      return adoptSocket(fd)
    })
  } catch (error) {
    if (error instanceof SystemCallError) return undefined
    throw error
  }
}
