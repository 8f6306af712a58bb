import type { Ip } from '../../addr/ip.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Agreement } from '../../wire/bgp/negotiate.ts'
import type { Open } from '../../wire/bgp/open.ts'
import type { Capture } from './capture.ts'
import type { FsmStateName } from './fsm-transition.ts'
import { FSM_STATES } from './fsm-transition.ts'
import type { MessageStream } from './inbound-stream.ts'
import type { ErrorSight } from './peer-error.ts'
import type { PeerError } from './peer-report.ts'
import type { Peering, PeeringEvent } from './peering.ts'
import type { MutableCounts } from './session-counts.ts'
import type { SessionOutbound } from './session-outbound.ts'
import type { NamedTimers } from './session-timers.ts'
import type { Arrival, BgpTransport, Connection, FoundRouter } from './session-transport.ts'
import type { PeerSettings } from './settings.ts'

/** What a session needs of the world. */
export interface SessionOptions {
  readonly node: string
  readonly transport: BgpTransport
  readonly clock: Clock
  readonly logger: Logger
  /** 0 to 1, for jitter. */
  readonly random: () => number
  /** The start of the process, by clock.monotonicMs(). */
  readonly startedMs: number
  /** Something of report() changed that people wait for: the state, or the last error. */
  readonly onChange: () => void
}

/** One connection of the peering, by the id of its link. */
export interface SessionLink {
  readonly id: number
  readonly connection: Connection
  readonly stream: MessageStream
  /** The peer's end. */
  readonly remote: Ip
  isConnected: boolean
  /** It was dropped: what still comes of it is not for the machine. */
  isOver: boolean
  /** A NOTIFICATION was written: it shall arrive. */
  hasLastWord: boolean
  /** When messages were last read, and how long that took since the last rest. */
  readMs: number
  busyMs: number
  ours: Open | undefined
  theirs: Open | undefined
  agreement: Agreement | undefined
  /** When the peer's OPEN came. */
  openMs: number
}

/** The session that is Established. */
export interface Established {
  readonly link: SessionLink
  readonly agreement: Agreement
  readonly ours: Open
  readonly theirs: Open
  readonly upSinceMs: number
  readonly holdMs: number
  readonly keepaliveMs: number
}

/** All that is known of one peer, changed by the functions of session-*.ts alone. */
export interface PeerState {
  readonly options: SessionOptions
  readonly outbound: SessionOutbound
  readonly timers: NamedTimers
  readonly capture: Capture
  readonly links: Map<number, SessionLink>
  readonly received: MutableCounts
  readonly sent: MutableCounts
  /** By direction, code and subcode. */
  readonly notifications: Map<string, { direction: 'sent' | 'received'; code: number; subcode: number; count: number }>
  readonly queue: PeeringEvent[]
  /** Does what an event asks for. Should it throw, which is a bug, this session ends and begins again later; nothing else suffers. */
  readonly contain: (work: () => void) => void
  settings: PeerSettings
  peering: Peering
  isTurning: boolean
  /** Set by the action `deliver`. */
  delivers: boolean
  nextId: number
  /** The call that the running event tells of. */
  arrival: Arrival | undefined
  /** The router of an unnumbered peer. */
  router: FoundRouter | undefined
  established: Established | undefined
  hadSession: boolean
  /** The password was changed, and the peer was not heard on this connection since. */
  isRekeyed: boolean
  lastOpen: Open | undefined
  lastLocal: Ip | undefined
  downSinceMs: number | undefined
  flaps: number
  announcedToUs: number
  lastError: PeerError | undefined
  sight: ErrorSight
  /** The messages that wait for the next write, and how long they are. */
  corked: Uint8Array[]
  corkedBytes: number
  leastSlackMs: number | undefined
}

/** The state that people see: that of the connection that has come furthest. */
export const stateOf = ({ links }: Peering): FsmStateName =>
  FSM_STATES[Math.max(...links.map(({ fsm }) => FSM_STATES.indexOf(fsm.state)))] ?? 'Idle'

/** The name of a timer of one link. */
export const timerName = (id: number, timer: string): string => `${id}/${timer}`

/** The name of the timer that wakes the routes. */
export const WAKE = 'wake'
/** While there is no session, how it stands is looked at this often: by the timer `look`. */
export const LOOK_MS = 4000
