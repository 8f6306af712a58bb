import type { CapturedMessage, PeerReport, RouteVerdict } from './peer-report.ts'
import type { BgpLine } from './route.ts'
import type { BgpSettings } from './settings.ts'

/** All of this node's BGP: a session per peer, fed with the lines. */
export interface BgpEngine {
  /**
   * Makes the sessions what the settings say. Only what changed is touched: a session ends only when its AS, router id, families, transport or
   * capabilities change; passwords, timers of the future, policies, next hops and BFD change under a session that stays. Undefined: no BgpConf,
   * all sessions end as de-configured.
   */
  configure(settings: BgpSettings | undefined): void
  /** The whole set of what is announced. The first call ends the wait of a restart: before it no End-of-RIB is sent. */
  announce(lines: readonly BgpLine[]): void
  peers(): readonly PeerReport[]
  /** Port that is listened on; undefined: none. */
  listening(): { readonly port: number | undefined; readonly problem: string | undefined }
  /** Newest last; bounded. `peer`: of this BgpPeer only. */
  captured(peer?: string): readonly CapturedMessage[]
  /** For one prefix or address text: its line, and what each peer is told of it. */
  why(prefix: string): readonly RouteVerdict[]
  lines(): readonly BgpLine[]
  health(): { readonly problems: readonly string[] }
  /**
   * `restart`: sessions with graceful restart end as if the process had died, so that peers keep the routes until it is back; the others as
   * with `leave`. `leave`: routes are told once more with GRACEFUL_SHUTDOWN (RFC 8326), withdrawn `drainMs` later, and the sessions end with
   * Cease. Resolves when all is said, or after `limitMs`. Idempotent.
   */
  close(how: 'restart' | 'leave', limitMs: number): Promise<void>
}
