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

export interface TcpListener {
  readonly port: number
  /** Who may call: the whole set. Keys change under connections that stay. */
  allow(terms: readonly CallerTerms[]): void
  close(): Promise<void>
}
