import { describeError } from '../../runtime/logger.ts'
import { isLinkLocal } from '../../wire/bgp/attributes/mp-reach.ts'
import { CEASE } from '../../wire/bgp/iana.ts'
import { shutdownNotification } from '../../wire/bgp/notification.ts'
import type { BfdSpec } from '../bfd/settings.ts'
import type { CallerTerms } from '../io/tcp-options.ts'
import { idlePeering } from './peering.ts'
import { targetOf } from './session-links.ts'
import type { PeerState } from './session-state.ts'
import { happen } from './session-turn.ts'

/** The data of a Cease with a text. RFC 9003. */
export const ceaseText = (text: string): Uint8Array => shutdownNotification('administrativeShutdown', text).data

/** Ends all connections without a word. */
export function abandonLinks(state: PeerState): void {
  state.timers.stopAll()
  for (const link of state.links.values()) {
    link.isOver = true
    link.connection.destroy()
  }
  state.links.clear()
  if (state.established !== undefined) state.outbound.ended()
  state.established = undefined
  state.peering = idlePeering()
}

/** How long a session that broke by a bug of ours waits before it is tried again. */
const BROKEN_REST_MS = 30_000

/** What should never happen has: the connections end without a word, as in a crash, and it is tried again. */
export function breakOff(state: PeerState, error: unknown): void {
  const { clock, logger, onChange } = state.options
  logger.error('a BGP session broke', { peer: state.settings.name, error })
  const wasUp = state.established !== undefined
  abandonLinks(state)
  if (wasUp) state.flaps++
  if (wasUp) state.downSinceMs = clock.nowMs()
  const message = `The session broke by an error of the speaker: ${describeError(error)}.`
  state.lastError = { code: 'internal', message, cure: 'Please report it with the log of the speaker.', atMs: clock.nowMs() }
  state.timers.start('begin', BROKEN_REST_MS)
  onChange()
}

/** The connections that are there go on with the password of the settings. */
export function adoptPassword(state: PeerState): void {
  const { links, settings, options } = state
  state.isRekeyed = state.established !== undefined
  for (const { connection } of links.values()) {
    try {
      connection.setPassword(settings.transport.password)
    } catch (error) {
      options.logger.warn('the password of a BGP session could not be changed', { peer: settings.name, error })
    }
  }
}

/** Follows the router of an unnumbered peer; nothing for others. Whoever is not known yet cannot be called, nor call. */
export function followRouter(state: PeerState, start: (state: PeerState) => void): { close(): void } {
  const { remote } = state.settings
  if (remote.kind === 'address') return { close: () => undefined }
  return state.options.transport.watchRouter(remote.name, (router) => {
    const before = state.router
    // One that is not heard any more may come back: until then it is the last known that is called, and no session ends for it.
    if (router === undefined || before?.ip.value === router.ip.value) return
    state.router = router
    if (state.settings.adminDown) return
    // Another router than the one that we speak with, or the first one: an attempt that rests must not wait.
    state.contain(() => {
      happen(state, { kind: 'stop', subcode: CEASE.otherConfigurationChange, data: new Uint8Array(0), hard: false })
      start(state)
    })
  })
}

/** A peer may call when we know where from, and when we would call it. */
export function callerTermsOf(state: PeerState): CallerTerms | undefined {
  const target = targetOf(state)
  if (target === undefined || state.settings.adminDown) return undefined
  const { password, ttl, leastTtl } = state.settings.transport
  return { ...target, password, ttl, leastTtl }
}

/** A peer with BFD has a session of it as long as one of BGP is wanted, from the first connection on: before, our address is not known. */
export function bfdSpecOf(state: PeerState): BfdSpec | undefined {
  const { settings, lastLocal, peering, options } = state
  const target = targetOf(state)
  if (settings.bfd === undefined || !peering.wanted || target === undefined || lastLocal === undefined) return undefined
  if (lastLocal.family !== target.remote.family) return undefined
  const { ttl, leastTtl, device } = settings.transport
  const isNear = isLinkLocal(target.remote) || ttl === 1 || leastTtl === 255 || options.transport.isDirect(target.remote)
  const own = settings.remote.kind === 'interface' ? settings.remote.name : device
  return { ...settings.bfd, key: settings.name, remote: target.remote, local: lastLocal, device: own, multihop: !isNear }
}
