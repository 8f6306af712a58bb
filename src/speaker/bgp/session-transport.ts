import type { Ip } from '../../addr/ip.ts'
import type { CallerTerms, TcpCall } from '../io/tcp-options.ts'
import type { ListenSettings } from './settings.ts'

/** A TCP connection as a session uses it. After `closed` nothing more happens on it. */
export interface Connection {
  /** Our end; undefined until it is connected. */
  readonly local: Ip | undefined
  /** What the kernel has not taken yet. */
  readonly unwrittenBytes: number
  /** `done`: the kernel took all of it. Never called when the connection closes first. */
  write(bytes: Uint8Array, done: () => void): void
  /** Nothing is received until resume(). */
  pause(): void
  resume(): void
  /** The TCP MD5 key from now on. The other end has to change its own within what TCP bears. */
  setPassword(password: string | undefined): void
  /** What was written goes out and can be read, then it closes, after a bounded wait in any case. Nothing is received any more, and `closed` is not told. */
  finish(): void
  /** Closes at once; `closed` is not told. */
  destroy(): void
}

/** What happens on a connection. Never called within a call to it. */
export interface ConnectionEvents {
  connected(): void
  /** The chunk belongs to the receiver. */
  received(chunk: Uint8Array): void
  /** `cause`: the name of an errno such as ECONNREFUSED, or `EOF` when the other end has closed. */
  closed(cause: string): void
}

/** A call that came from a remote with terms. Exactly one of the two functions is to be called. */
export interface Arrival {
  readonly remote: Ip
  readonly scope: number | undefined
  take(events: ConnectionEvents): Connection
  refuse(): void
}

/** What is listened on; see engine.ts. */
export interface Listening {
  readonly port: number | undefined
  readonly problem: string | undefined
}

export interface BgpListener {
  listening(): Listening
  /** Who may call: the whole set. */
  allow(terms: readonly CallerTerms[]): void
  close(): void
}

/** Segments that the kernel has thrown away since it started; they are a reason where a peer seems silent. Undefined: not known. */
export interface SegmentDrops {
  /** A wrong or missing TCP MD5 signature. */
  readonly md5: number | undefined
  /** A TTL below the least. */
  readonly ttl: number | undefined
}

/** Our addresses on the interface that has `local`. */
export interface InterfaceAddresses {
  readonly global: Ip | undefined
  readonly linkLocal: Ip | undefined
}

/** All that BGP needs of the network of this node. */
export interface BgpTransport {
  /** Failures are told by `closed`, and never thrown. */
  call(call: TcpCall, events: ConnectionEvents): Connection
  /** `devices`: VRFs in which it has to listen as well. */
  listen(settings: ListenSettings, devices: readonly string[], onCall: (arrival: Arrival) => void): BgpListener
  /** Follows the one router behind an interface; undefined: there is none at the moment. */
  watchRouter(name: string, onRouter: (router: FoundRouter | undefined) => void): { close(): void }
  /** The index of an interface; undefined: there is none of this name. */
  interfaceIndex(name: string): number | undefined
  interfaceAddresses(local: Ip): InterfaceAddresses
  /** Whether the address is in a subnet of one of our interfaces. */
  isDirect(remote: Ip): boolean
  drops(): SegmentDrops
  /** Resolves when no connection is open any more. */
  settled(): Promise<void>
}

/** A router behind an interface, by its link-local address, and the index of the interface. */
export interface FoundRouter {
  readonly ip: Ip
  readonly scope: number
}
