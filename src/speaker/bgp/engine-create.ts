import { isDeepStrictEqual } from 'node:util'
import { CEASE } from '../../wire/bgp/iana.ts'
import type { BfdChange, BfdSessions, BfdSpec } from '../bfd/settings.ts'
import type { BgpEngine } from './engine.ts'
import { closeEngine } from './engine-close.ts'
import type { RouteVerdict } from './peer-report.ts'
import { createLineTable, type LineTable } from './rib-out/line-table.ts'
import { createRibOut, type RibOut } from './rib-out/rib-out.ts'
import type { BgpLine } from './route.ts'
import { createPeerSession, type PeerSession } from './session.ts'
import type { SessionOptions } from './session-state.ts'
import type { Arrival, BgpListener } from './session-transport.ts'
import type { BgpSettings, ListenSettings, PeerSettings } from './settings.ts'

export interface EngineOptions extends SessionOptions {
  /** The sessions of BFD; undefined: peers that want BFD do without. */
  readonly openBfd: ((onChange: (change: BfdChange) => void) => BfdSessions) | undefined
  /** A state, a cause or what is listened on has changed; several changes together are told once. */
  readonly onChange: () => void
  /** How long routes stay with GRACEFUL_SHUTDOWN before they are withdrawn; 1 s by default. */
  readonly drainMs?: number
}

/** A peer and its routes. */
export interface EnginePeer {
  readonly session: PeerSession
  readonly ribOut: RibOut
}

/** Changed by the functions of engine-*.ts alone. */
export interface EngineState {
  readonly options: EngineOptions
  readonly table: LineTable
  readonly peers: Map<string, EnginePeer>
  readonly bfd: BfdSessions | undefined
  listener: { readonly wanted: readonly [ListenSettings, readonly string[]]; readonly sockets: BgpListener } | undefined
  bfdSpecs: readonly BfdSpec[]
  isTelling: boolean
  closing: Promise<void> | undefined
}

/** Nothing happens before configure() and announce(). */
export function createBgpEngine(options: EngineOptions): BgpEngine {
  const bfd = options.openBfd?.((change) => state.peers.get(change.key)?.session.bfdChanged(change))
  const state: EngineState = {
    options,
    table: createLineTable(),
    peers: new Map(),
    bfd,
    listener: undefined,
    bfdSpecs: [],
    isTelling: false,
    closing: undefined,
  }
  return {
    configure(settings) {
      if (state.closing === undefined) configure(state, settings)
    },
    announce: (lines) => announce(state, lines),
    peers: () => {
      const reports = bfd?.reports()
      return [...state.peers].map(([name, { session }]) => session.report(reports?.get(name)))
    },
    listening: () => state.listener?.sockets.listening() ?? { port: undefined, problem: undefined },
    captured: (peer) => captured(state, peer),
    why: (text) => why(state, text),
    lines: () => state.table.lines(),
    health: () => ({ problems: bfd?.health().problems ?? [] }),
    close(how, limitMs) {
      state.closing ??= closeEngine(state, how, limitMs)
      return state.closing
    },
  }
}

function configure(state: EngineState, settings: BgpSettings | undefined): void {
  const wanted = new Map((settings?.peers ?? []).map((peer) => [peer.name, peer]))
  for (const [name, { session }] of state.peers) {
    if (wanted.has(name)) continue
    state.peers.delete(name)
    session.stop({ subcode: CEASE.peerDeconfigured, data: new Uint8Array(0), hard: true })
  }
  // Before a new peer is called: it may call at the same moment.
  listen(state, settings)
  for (const peer of wanted.values()) {
    const known = state.peers.get(peer.name)
    if (known === undefined) addPeer(state, peer)
    else known.session.configure(peer)
  }
  follow(state)
}

function addPeer(state: EngineState, peer: PeerSettings): void {
  const ribOut = createRibOut(peer, state.table)
  const session = createPeerSession(peer, ribOut, { ...state.options, onChange: () => tellLater(state) })
  state.peers.set(peer.name, { session, ribOut })
}

/** Moves the listening sockets when they have to be elsewhere. Sessions are not touched. */
function listen(state: EngineState, settings: BgpSettings | undefined): void {
  const devices = [...new Set((settings?.peers ?? []).flatMap(({ transport, remote }) => vrfOf(transport.device, remote)))].sort()
  const wanted = settings === undefined ? undefined : ([settings.listen, devices] as const)
  if (isDeepStrictEqual(state.listener?.wanted, wanted)) return
  state.listener?.sockets.close()
  const onCall = (arrival: Arrival): void => arrive(state, arrival)
  state.listener = wanted && { wanted, sockets: state.options.transport.listen(...wanted, onCall) }
  tellLater(state)
}

/** A session that is bound to a device is called on that device; a link-local peer names its link only. */
const vrfOf = (device: string | undefined, remote: PeerSettings['remote']): readonly string[] =>
  device === undefined || remote.kind === 'interface' || isLinkLocalText(remote) ? [] : [device]

const isLinkLocalText = ({ ip }: Extract<PeerSettings['remote'], { readonly kind: 'address' }>): boolean =>
  ip.family === 'IPv6' && ip.value >> 118n === 0b11_1111_1010n

function arrive(state: EngineState, arrival: Arrival): void {
  const { remote, scope } = arrival
  const called = [...state.peers.values()].find(({ session }) => {
    const terms = session.callerTerms()
    if (terms === undefined || terms.remote.family !== remote.family || terms.remote.value !== remote.value) return false
    return terms.scope === undefined || scope === undefined || terms.scope === scope
  })
  if (called === undefined) arrival.refuse()
  else called.session.arrive(arrival)
}

/** What depends on where the peers are, and on our own ends of the sessions. */
function follow(state: EngineState): void {
  const sessions = [...state.peers.values()].map(({ session }) => session)
  state.listener?.sockets.allow(sessions.flatMap((session) => session.callerTerms() ?? []))
  const specs = sessions.flatMap((session) => session.bfdSpec() ?? [])
  if (isDeepStrictEqual(specs, state.bfdSpecs)) return
  state.bfdSpecs = specs
  state.bfd?.follow(specs)
}

/** Once for all that changes in one turn. */
function tellLater(state: EngineState): void {
  if (state.isTelling) return
  state.isTelling = true
  state.options.clock.setTimer(0, () => {
    state.isTelling = false
    if (state.closing === undefined) follow(state)
    state.options.onChange()
  })
}

function announce({ table, peers }: EngineState, lines: readonly BgpLine[]): void {
  const isFirst = !table.isReady()
  const changes = table.follow(lines)
  if (!isFirst && changes.changed.length === 0 && changes.gone.length === 0) return
  for (const { session, ribOut } of peers.values()) session.wake(() => ribOut.changed(changes))
}

function captured(state: EngineState, peer: string | undefined) {
  const sessions = [...state.peers].flatMap(([name, { session }]) => (peer === undefined || peer === name ? [session] : []))
  return sessions.flatMap((session) => session.captured()).toSorted((a, b) => a.atMs - b.atMs)
}

function why({ table, peers }: EngineState, text: string): readonly RouteVerdict[] {
  const line = table.lookup(text)
  return line === undefined ? [] : [...peers.values()].map(({ session }) => session.why(line))
}
