import { formatIp } from '../../addr/ip.ts'
import type { EndReason } from './fsm-actions.ts'
import { causeOf, type ErrorSight, type PeerCause, type PeerErrorCode } from './peer-error.ts'
import { dropsNow } from './session-links.ts'
import { LOOK_MS, type PeerState, type SessionLink, WAKE } from './session-state.ts'
import type { SessionTimes } from './timers.ts'

/** The session is Established: its routes may be told. */
export function sessionUp(state: PeerState, link: SessionLink, times: SessionTimes): void {
  const { agreement, ours, theirs, connection } = link
  const { transport, clock, logger } = state.options
  const local = connection.local ?? state.lastLocal
  if (agreement === undefined || ours === undefined || theirs === undefined || local === undefined) return
  const { holdMs, keepaliveMs } = times
  state.established = { link, agreement, ours, theirs, upSinceMs: clock.nowMs(), holdMs, keepaliveMs }
  state.hadSession = true
  state.lastLocal = local
  state.downSinceMs = undefined
  state.announcedToUs = 0
  state.leastSlackMs = undefined
  state.sight = { ...state.sight, ...dropsNow(state) }
  const { global, linkLocal } = transport.interfaceAddresses(local)
  state.outbound.established(
    {
      agreement,
      localAddress: local,
      remoteAddress: link.remote,
      interfaceAddress: global,
      linkLocalAddress: linkLocal,
      asNumbers: { local: ours.as, peer: theirs.as },
    },
    clock.monotonicMs(),
  )
  state.timers.start(WAKE, 0)
  logger.info('a BGP session is established', { peer: state.settings.name, address: formatIp(link.remote), peerAs: theirs.as })
}

/** It is over. The reason is remembered, if it is one that people have to know. */
export function sessionDown(state: PeerState, reason: EndReason): void {
  const { clock, logger } = state.options
  const { established } = state
  state.established = undefined
  state.isRekeyed = false
  state.corked = []
  state.corkedBytes = 0
  state.timers.stop(WAKE)
  state.outbound.ended()
  state.downSinceMs = clock.nowMs()
  state.flaps++
  state.timers.start('look', LOOK_MS)
  const sight = { ...sinceBegin(state), wasConnected: true, holdMs: established?.holdMs ?? 0 }
  const cause = causeOf(reason, state.settings, sight)
  logger.warn('a BGP session has ended', { peer: state.settings.name, reason: cause?.message ?? reason.kind })
  if (cause !== undefined) remember(state, cause)
}

/** An attempt came to nothing, or has come to nothing so far. */
export function sessionFailed(state: PeerState, reason: EndReason): void {
  const cause = causeOf(reason, state.settings, sinceBegin(state))
  if (cause === undefined || isOutdone(state, cause)) return
  remember(state, cause)
}

/** What was thrown away since the attempt began. */
function sinceBegin({ options, sight }: PeerState): ErrorSight {
  const { md5, ttl } = options.transport.drops()
  return { ...sight, md5Drops: (md5 ?? 0) - sight.md5Drops, ttlDrops: (ttl ?? 0) - sight.ttlDrops }
}

const GENERAL: ReadonlySet<string> = new Set<PeerErrorCode>(['lost', 'refused', 'timeout', 'unreachable'])
/** For so long a general cause does not hide one that says more, such as a wrong AS: the peer may refuse us while it rests from that. */
const REMEMBERED_MS = 30_000

function isOutdone({ lastError, options }: PeerState, { code }: PeerCause): boolean {
  if (lastError === undefined || !GENERAL.has(code) || GENERAL.has(lastError.code)) return false
  return options.clock.nowMs() - lastError.atMs < REMEMBERED_MS
}

function remember(state: PeerState, cause: PeerCause): void {
  const { clock, logger, onChange } = state.options
  const isNew = state.lastError?.message !== cause.message
  state.lastError = { ...cause, atMs: clock.nowMs() }
  if (!isNew) return
  logger.warn('a BGP peer has a problem', { peer: state.settings.name, cause: cause.message, cure: cause.cure })
  onChange()
}
