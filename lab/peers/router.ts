import type { Family } from '../../src/addr/ip.ts'
import type { RouterKind, RouterSpec } from './spec.ts'

/** One path of a prefix in a router's own table. Communities are words such as `65000:1`, `1:2:3`, `rt:65000:1`. */
export interface PeerPath {
  /** Canonical addresses. */
  readonly nextHops: readonly string[]
  /** The neighbour that told it, as the router names it; undefined: its own. */
  readonly from: string | undefined
  readonly asPath: readonly number[]
  readonly origin: 'igp' | 'egp' | 'incomplete'
  readonly med: number | undefined
  readonly localPref: number | undefined
  readonly communities: readonly string[]
  readonly largeCommunities: readonly string[]
  readonly extendedCommunities: readonly string[]
  /** Kept for a neighbour that restarts. */
  readonly stale: boolean
  /** Chosen; with several paths, one of those that are used together is called best. */
  readonly best: boolean
}

export interface PeerRoute {
  readonly prefix: string
  readonly paths: readonly PeerPath[]
}

/** A session as the router sees it. */
export interface PeerSession {
  readonly established: boolean
  /** The router's own word. */
  readonly state: string
  /** Messages since the router started. */
  readonly opensReceived: number | undefined
  readonly notificationsReceived: number | undefined
  /** How often it was up. */
  readonly ups: number | undefined
  readonly holdSec: number | undefined
  /** The router's own words for what both sides can. */
  readonly capabilities: readonly string[]
  /** What it says of the last end. */
  readonly lastError: string | undefined
  readonly bfd: string | undefined
}

/** Where a router runs and what it leaves behind. */
export interface RouterPlace {
  /** A network namespace under /run/netns. */
  readonly namespace: string
  /** A folder of its own for configuration, sockets and logs; made when absent. */
  readonly folder: string
  readonly spec: RouterSpec
}

/** A running router. */
export interface Router {
  readonly kind: RouterKind
  readonly spec: RouterSpec
  /** Name and version as the program says it. */
  version(): Promise<string>
  /** All routes of a family that are in its BGP table. */
  routes(family: Family): Promise<readonly PeerRoute[]>
  /** The session with a neighbour of the spec. Rejects when there is no such neighbour. */
  session(name: string): Promise<PeerSession>
  /** Ends the session with a NOTIFICATION of the router's; it comes up again by itself. */
  reset(name: string): Promise<void>
  /** Another configuration under a process that goes on where the program can; where it cannot (another AS in GoBGP), it restarts. */
  reconfigure(spec: RouterSpec): Promise<void>
  /** Its own word of goodbye, if it has one, and a new start. */
  restart(): Promise<void>
  /** SIGKILL, and nothing else. */
  kill(): Promise<void>
  /** After kill() or stop(). */
  start(): Promise<void>
  /** SIGSTOP and SIGCONT for the process that speaks BGP. */
  freeze(): void
  thaw(): void
  /** Idempotent. */
  stop(): Promise<void>
  /** The end of its log, for people. */
  log(): string
}
