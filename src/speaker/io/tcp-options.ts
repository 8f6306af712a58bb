import type { Socket } from 'node:net'
import type { Ip } from '../../addr/ip.ts'

/** A connection that is to be made. */
export interface TcpCall {
  readonly remote: Ip
  readonly port: number
  /** Index of the interface of a link-local `remote`. */
  readonly scope: number | undefined
  readonly local: Ip | undefined
  /** SO_BINDTODEVICE. */
  readonly device: string | undefined
  readonly password: string | undefined
  readonly ttl: number
  readonly leastTtl: number | undefined
  readonly mss: number | undefined
}

/** What a connection of a configured peer must be like, whoever opened it. The listener has one for each peer that may call. */
export type CallerTerms = Pick<TcpCall, 'remote' | 'scope' | 'password' | 'ttl' | 'leastTtl'>

/** A call that came: already with the TTLs of its terms, and only from a remote that has terms. */
export interface IncomingCall {
  readonly socket: Socket
  readonly remote: Ip
  readonly scope: number | undefined
  readonly local: Ip
}

/** A call that was reset at once, and nothing of it read. `stranger`: nobody has terms for this remote. `ttl`: it came with a lower TTL than agreed. */
export interface RefusedCall {
  readonly remote: Ip
  readonly scope: number | undefined
  readonly why: { readonly kind: 'stranger' } | { readonly kind: 'ttl'; readonly ttl: number; readonly least: number }
}

export interface TcpListener {
  /** The port, while it is listened on; and a sentence when that is not, or not quite, as it was wanted. */
  state(): { readonly port: number | undefined; readonly problem: string | undefined }
  /**
   * Who may call: the whole set. What changed counts for calls from now on; connections that are there keep their key and their TTLs
   * (setPassword changes a key). Terms that the kernel refuses are in state(): their remotes are strangers then.
   */
  allow(terms: readonly CallerTerms[]): void
  /** Calls that were refused because nobody has terms for their remote: how many, and the remotes of the last ones, newest last. */
  strangers(): { readonly count: number; readonly last: readonly Ip[] }
  /** Connections that were handed over stay. Idempotent. */
  close(): void
}
