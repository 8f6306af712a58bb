import type { Outbound } from './outbound.ts'
import type { RouteVerdict } from './peer-report.ts'
import type { BgpLine } from './route.ts'
import type { PeerSettings } from './settings.ts'

/** The routes of one peer, and what decides on them. After each of these calls a session asks for the next message by itself. */
export interface SessionOutbound extends Outbound {
  /** Policy, next hops, attributes or times have changed: only what differs is told. */
  configure(peer: PeerSettings): void
  /** `shutdown-community`: all is told once more with GRACEFUL_SHUTDOWN (RFC 8326); `withdraw`: all is withdrawn. */
  drain(phase: 'shutdown-community' | 'withdraw'): void
  why(line: BgpLine): RouteVerdict
}
