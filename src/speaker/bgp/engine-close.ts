import { CEASE } from '../../wire/bgp/iana.ts'
import type { EngineState } from './engine-create.ts'
import type { PeerSession } from './session.ts'
import { ceaseText } from './session-steps.ts'

const DRAIN_MS = 1000
/** How long a peer may take to read what is told at the end. */
const TELL_MS = 1000
const LOOK_MS = 5
/** For so long BFD goes on, so that the end of BGP is seen first. */
const BFD_REST_MS = 100

/** Ends all sessions; see BgpEngine.close(). */
export async function closeEngine(state: EngineState, how: 'restart' | 'leave', limitMs: number): Promise<void> {
  const { clock, transport } = state.options
  const over = new AbortController()
  const limit = clock.sleep(limitMs, over.signal).catch(() => undefined)
  await Promise.race([limit, endAll(state, how).then(() => endBfd(state))])
  for (const { session } of state.peers.values()) session.abandon()
  state.listener?.sockets.close()
  await Promise.race([limit, transport.settled()])
  over.abort()
}

/**
 * BFD ends after BGP, when the peers know: BIRD takes our AdminDown for a failure and gives up the routes of a session that it still has,
 * against RFC 5882 section 3.2.
 */
async function endBfd({ bfd, bfdSpecs, options: { clock } }: EngineState): Promise<void> {
  if (bfdSpecs.length > 0) await clock.sleep(BFD_REST_MS)
  await bfd?.close()
}

async function endAll(state: EngineState, how: 'restart' | 'leave'): Promise<void> {
  const { clock, node, drainMs = DRAIN_MS } = state.options
  const sessions = [...state.peers.values()].map(({ session }) => session)
  const staying = how === 'restart' ? sessions.filter((session) => session.survivesRestart()) : []
  for (const session of staying) session.abandon()
  const leaving = sessions.filter((session) => !staying.includes(session))
  const established = leaving.filter((session) => session.isEstablished())
  if (established.length > 0) {
    for (const session of established) session.drain('shutdown-community')
    await clock.sleep(drainMs)
    for (const session of established) session.drain('withdraw')
    await settled(state, established)
  }
  for (const session of leaving)
    session.stop({ subcode: CEASE.administrativeShutdown, data: ceaseText(`speaker on ${node} leaves`), hard: true })
}

/** Until every peer was told, or has not read for too long. */
async function settled({ options: { clock } }: EngineState, sessions: readonly PeerSession[]): Promise<void> {
  const endMs = clock.monotonicMs() + TELL_MS
  while (clock.monotonicMs() < endMs && !sessions.every((session) => session.isSettled())) await clock.sleep(LOOK_MS)
}
