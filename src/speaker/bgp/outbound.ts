import type { Family, Ip } from '../../addr/ip.ts'
import type { Agreement } from '../../wire/bgp/negotiate.ts'
import type { RouteRefresh } from '../../wire/bgp/route-refresh.ts'

/** What an established session is, for whoever fills it with routes. */
export interface SessionTerms {
  readonly agreement: Agreement
  /** Ends of the TCP connection. */
  readonly localAddress: Ip
  readonly remoteAddress: Ip
  /** Our global and link-local IPv6 address on the session's interface, for IPv6 next hops where localAddress is none; undefined: there is none. */
  readonly interfaceAddress: Ip | undefined
  readonly linkLocalAddress: Ip | undefined
  readonly asNumbers: { readonly local: number; readonly peer: number }
}

/**
 * The routes of one peer, as messages. A session asks for the next one whenever the kernel took the last, so a peer that does not read makes
 * no queue. Nothing here waits or sends.
 */
export interface Outbound {
  /** A session is up: everything is told anew, each family ended by End-of-RIB. */
  established(terms: SessionTerms, nowMs: number): void
  /** The session is gone. */
  ended(): void
  /** The next whole message (UPDATE, End-of-RIB, BoRR, EoRR); undefined: nothing is due now. */
  next(nowMs: number): Uint8Array | undefined
  /** Milliseconds until next() has something by time alone; undefined: only after a change. */
  waitMs(nowMs: number): number | undefined
  /** The peer asks for its routes again (RFC 2918, 7313). */
  refresh(request: RouteRefresh): void
  /** Prefixes that the peer was told and not withdrawn, and those that wait to be told or withdrawn. */
  counts(): { readonly announced: number; readonly pending: number; readonly byFamily: { readonly [F in Family]: number } }
}
