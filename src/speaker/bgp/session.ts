import { CEASE } from '../../wire/bgp/iana.ts'
import type { BfdChange, BfdReport, BfdSpec } from '../bfd/settings.ts'
import type { CallerTerms } from '../io/tcp-options.ts'
import { createCapture } from './capture.ts'
import type { Stop } from './fsm-events.ts'
import { BLIND } from './peer-error.ts'
import type { CapturedMessage, PeerReport, RouteVerdict } from './peer-report.ts'
import { idlePeering } from './peering.ts'
import type { BgpLine } from './route.ts'
import { settingsChange } from './session-changes.ts'
import { noCounts } from './session-counts.ts'
import { expire } from './session-expiry.ts'
import { dropsNow } from './session-links.ts'
import type { SessionOutbound } from './session-outbound.ts'
import { reportOf } from './session-report.ts'
import { pump } from './session-send.ts'
import { LOOK_MS, type PeerState, type SessionLink, type SessionOptions, stateOf } from './session-state.ts'
import { abandonLinks, adoptPassword, bfdSpecOf, breakOff, callerTermsOf, ceaseText, followRouter } from './session-steps.ts'
import { createNamedTimers } from './session-timers.ts'
import type { Arrival } from './session-transport.ts'
import { happen, happenOn } from './session-turn.ts'
import type { PeerSettings } from './settings.ts'
import { jittered } from './timers.ts'

/** One peer of this node, from its settings to its routes. */
export interface PeerSession {
  settings(): PeerSettings
  /** Lives by new settings; what they ask of the session is decided by session-changes.ts. */
  configure(settings: PeerSettings): void
  /** The peer has called. */
  arrive(arrival: Arrival): void
  /** Its routes have changed, or are changed by `change`; the peer is told. */
  wake(change?: () => void): void
  bfdChanged(change: BfdChange): void
  /** What its calls are like; undefined: it may not call. */
  callerTerms(): CallerTerms | undefined
  /** The BFD session that shall be; undefined: none. */
  bfdSpec(): BfdSpec | undefined
  isEstablished(): boolean
  /** Whether it may outlive our restart: both sides do graceful restart. */
  survivesRestart(): boolean
  /** Nothing waits to be told, and the kernel has taken all. */
  isSettled(): boolean
  drain(phase: 'shutdown-community' | 'withdraw'): void
  why(line: BgpLine): RouteVerdict
  report(bfd: BfdReport | undefined): PeerReport
  captured(): readonly CapturedMessage[]
  /** Ends for good, with a Cease. */
  stop(stop: Stop): void
  /** Ends for good as if the process had died: without a word. */
  abandon(): void
}

/** A session that starts at once, unless its peer is administratively down. */
export function createPeerSession(settings: PeerSettings, outbound: SessionOutbound, options: SessionOptions): PeerSession {
  const state = initialState(settings, outbound, options)
  const router = createRouterWatch(state)
  if (!settings.adminDown) state.contain(() => wanted(state))
  return {
    settings: () => state.settings,
    configure: (next) => configure(state, router, next),
    arrive: (arrival) => state.contain(() => arrive(state, arrival)),
    wake: (change) =>
      state.contain(() => {
        change?.()
        fill(state)
      }),
    bfdChanged: (change) => state.contain(() => bfdChanged(state, change)),
    callerTerms: () => callerTermsOf(state),
    bfdSpec: () => bfdSpecOf(state),
    isEstablished: () => state.established !== undefined,
    survivesRestart: () => survivesRestart(state),
    isSettled: () => isSettled(state),
    drain: (phase) =>
      state.contain(() => {
        outbound.drain(phase)
        fill(state)
      }),
    why: (line) => outbound.why(line),
    report: (bfd) => reportOf(state, bfd),
    captured: () => state.capture.messages(state.settings.name),
    stop(stop) {
      router.close()
      state.contain(() => happen(state, { kind: 'stop', ...stop }))
      state.timers.stopAll()
    },
    abandon() {
      router.close()
      abandonLinks(state)
    },
  }
}

interface RouterWatch {
  /** Another router is meant now. */
  restart(): void
  close(): void
}

function createRouterWatch(state: PeerState): RouterWatch {
  let router = followRouter(state, wanted)
  return {
    restart() {
      router.close()
      router = followRouter(state, wanted)
    },
    close: () => router.close(),
  }
}

function configure(state: PeerState, router: RouterWatch, next: PeerSettings): void {
  const change = settingsChange(state.settings, next, state.established?.theirs.as)
  if (change === 'nothing') return
  const isOther = change === 'replace'
  if (isOther) router.close()
  state.contain(() => (change === 'soft' ? applySoftly(state, next) : applyAnew(state, next, isOther)))
  if (isOther) router.restart()
  state.options.onChange()
}

function initialState(settings: PeerSettings, outbound: SessionOutbound, options: SessionOptions): PeerState {
  const state: PeerState = {
    options,
    outbound,
    timers: createNamedTimers(options.clock, (name) => state.contain(() => expire(state, name, { fill, begin: wanted }))),
    capture: createCapture(),
    links: new Map(),
    received: noCounts(),
    sent: noCounts(),
    notifications: new Map(),
    queue: [],
    contain: (work) => contain(state, work),
    settings,
    peering: idlePeering(),
    isTurning: false,
    delivers: false,
    nextId: 1,
    arrival: undefined,
    router: undefined,
    established: undefined,
    hadSession: false,
    isRekeyed: false,
    lastOpen: undefined,
    lastLocal: settings.transport.localAddress,
    downSinceMs: options.clock.nowMs(),
    flaps: 0,
    announcedToUs: 0,
    lastError: undefined,
    sight: BLIND,
    corked: [],
    corkedBytes: 0,
    leastSlackMs: undefined,
  }
  return state
}

function contain(state: PeerState, work: () => void): void {
  try {
    work()
  } catch (error) {
    breakOff(state, error)
  }
}

/** The session shall be. */
function wanted(state: PeerState): void {
  state.sight = { ...BLIND, ...dropsNow(state) }
  happen(state, { kind: 'start' })
  state.timers.start('look', LOOK_MS)
}

/** Tells the peer what waits, as far as the kernel takes it. */
function fill(state: PeerState): void {
  const written = (link: SessionLink): void => {
    state.contain(() => {
      if (link.isOver) return
      happenOn(state, link.id, { kind: 'MessageWritten' })
      fill(state)
    })
  }
  pump(state, written, () => state.timers.start('more', 0))
}

function arrive(state: PeerState, arrival: Arrival): void {
  if (state.arrival !== undefined) {
    arrival.refuse()
    return
  }
  endRekeyed(state)
  state.arrival = arrival
  happen(state, { kind: 'incoming', id: state.nextId++ })
  state.arrival?.refuse()
  state.arrival = undefined
}

/**
 * A call that the kernel let pass has the new password. When the connection was silent since the change, the peer has given it up, and what it
 * said of that could not be read: nobody waits for the hold time.
 */
function endRekeyed(state: PeerState): void {
  const { established, isRekeyed } = state
  if (established !== undefined && isRekeyed) happenOn(state, established.link.id, { kind: 'TcpConnectionFails', cause: 'rekeyed' })
}

/** An administrator's AdminDown on either side is no failure. RFC 5882 section 3.2. */
function bfdChanged(state: PeerState, { wentDown }: BfdChange): void {
  const { established } = state
  if (!wentDown || established === undefined) return
  happenOn(state, established.link.id, { kind: 'AutomaticStop', subcode: CEASE.bfdDown, data: new Uint8Array(0), hard: true })
}

function applySoftly(state: PeerState, next: PeerSettings): void {
  const before = state.settings
  state.settings = next
  if (before.transport.password !== next.transport.password) adoptPassword(state)
  if (before.adminDown !== next.adminDown) switchAdmin(state)
  else if (state.established === undefined && isNewChance(before, next)) beginAgain(state)
  state.outbound.configure(next)
  fill(state)
}

/** What an attempt can fail by: whoever corrects it shall not wait until the peer has rested from its failures. */
const isNewChance = (before: PeerSettings, next: PeerSettings): boolean =>
  before.expectedAs !== next.expectedAs ||
  before.transport.password !== next.transport.password ||
  before.transport.passive !== next.transport.passive

function beginAgain(state: PeerState): void {
  if (!state.peering.wanted) return
  happen(state, { kind: 'stop', subcode: CEASE.otherConfigurationChange, data: new Uint8Array(0), hard: false })
  wanted(state)
}

function switchAdmin(state: PeerState): void {
  state.timers.stop('begin')
  if (!state.settings.adminDown) wanted(state)
  else happen(state, { kind: 'stop', subcode: CEASE.administrativeShutdown, data: ceaseText('shut down by its BgpPeer'), hard: true })
}

/** Another OPEN, or another router: the old session ends, and a new one is begun. */
function applyAnew(state: PeerState, next: PeerSettings, isOther: boolean): void {
  const subcode = isOther ? CEASE.peerDeconfigured : CEASE.otherConfigurationChange
  happen(state, { kind: 'stop', subcode, data: new Uint8Array(0), hard: isOther })
  state.settings = next
  if (isOther) {
    state.router = undefined
    state.lastOpen = undefined
    state.lastError = undefined
    state.hadSession = false
  }
  state.lastLocal = next.transport.localAddress
  state.outbound.configure(next)
  if (next.adminDown) state.timers.stop('begin')
  else state.timers.start('begin', jittered(REST_MS, state.options.random()))
}

/** A router shall have seen the end of the old connection before it is called again: some confuse the two. */
const REST_MS = 500

function survivesRestart({ established, settings }: PeerState): boolean {
  if (established === undefined || settings.gracefulRestart === undefined || settings.gracefulRestart.restartSec === 0) return false
  // Of a family that we do not name, the router drops the routes with the connection.
  if (!settings.families.some(({ restarts }) => restarts)) return false
  return established.theirs.capabilities.some(({ kind }) => kind === 'graceful-restart')
}

const isSettled = ({ established, outbound, peering }: PeerState): boolean =>
  established === undefined
    ? stateOf(peering) !== 'Established'
    : established.link.connection.unwrittenBytes === 0 && outbound.counts().pending === 0
