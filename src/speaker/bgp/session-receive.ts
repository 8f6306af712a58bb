import { EXTENDED_MESSAGE_MAX, type Frame, MESSAGE_MAX } from '../../wire/bgp/header.ts'
import { ERROR, OPEN_ERROR } from '../../wire/bgp/iana.ts'
import { negotiate } from '../../wire/bgp/negotiate.ts'
import { parseNotification } from '../../wire/bgp/notification.ts'
import { parseOpen } from '../../wire/bgp/open.ts'
import type { ProtocolError } from '../../wire/bgp/protocol-error.ts'
import { parseRouteRefresh } from '../../wire/bgp/route-refresh.ts'
import { readInbound } from './inbound-update.ts'
import type { LinkEvent } from './peering.ts'
import { countMessage, countWithdrawals } from './session-counts.ts'
import { peerOpenOf, refusalOf } from './session-open.ts'
import { type PeerState, type SessionLink, timerName, WAKE } from './session-state.ts'

/** Tells the machine what happens on a link, and comes back when all of it is done. */
export type Tell = (state: PeerState, id: number, event: LinkEvent) => void

/** Work on the messages of one chunk: whether it goes on. */
export type Permit = () => boolean

/**
 * Reads what is in the stream of a link, message by message, until it is dry, the link is over, or `mayGoOn` says that others have their
 * turn: then the answer is `more`.
 */
export function readMessages(state: PeerState, link: SessionLink, tell: Tell, mayGoOn: Permit): 'dry' | 'over' | 'more' {
  for (;;) {
    const step = link.stream.next(longestOf(link))
    if (step.kind === 'dry') return 'dry'
    if (step.kind === 'broken') {
      state.received.discarded++
      fail(state, link, step.error, tell)
      return 'over'
    }
    noteReceived(state, link, step.frame, step.bytes)
    take(state, link, step.frame, tell)
    if (link.isOver) return 'over'
    if (!mayGoOn()) return 'more'
  }
}

const longestOf = ({ agreement }: SessionLink): number =>
  agreement?.longestReceived === EXTENDED_MESSAGE_MAX ? EXTENDED_MESSAGE_MAX : MESSAGE_MAX

function noteReceived(state: PeerState, link: SessionLink, { type }: Frame, message: Uint8Array): void {
  countMessage(state.received, type)
  if (state.established?.link === link) state.isRekeyed = false
  const slackMs = state.timers.remainingMs(timerName(link.id, 'hold'))
  if (slackMs !== undefined && state.established?.link === link) state.leastSlackMs = Math.min(state.leastSlackMs ?? slackMs, slackMs)
  state.capture.add({ direction: 'received', atMs: state.options.clock.nowMs(), type, message, context: link.agreement?.receive })
}

function take(state: PeerState, link: SessionLink, { type, body }: Frame, tell: Tell): void {
  switch (type) {
    case 'open':
      takeOpen(state, link, body, tell)
      break
    case 'keepalive':
      tell(state, link.id, { kind: 'KeepAliveMsg' })
      break
    case 'notification':
      takeNotification(state, link, body, tell)
      break
    case 'update':
      takeUpdate(state, link, body, tell)
      break
    case 'routeRefresh':
      takeRefresh(state, link, body, tell)
      break
  }
}

/** An error in a message becomes the event that its code belongs to. */
function fail(state: PeerState, link: SessionLink, { code, subcode, data, cause }: ProtocolError, tell: Tell): void {
  state.sight = { ...state.sight, detail: cause }
  tell(state, link.id, { kind: EVENT_OF[code] ?? 'BGPHeaderErr', subcode, data })
}

const EVENT_OF: Readonly<Record<number, 'BGPHeaderErr' | 'BGPOpenMsgErr' | 'UpdateMsgErr' | 'RouteRefreshMsgErr'>> = {
  [ERROR.header]: 'BGPHeaderErr',
  [ERROR.open]: 'BGPOpenMsgErr',
  [ERROR.update]: 'UpdateMsgErr',
  [ERROR.routeRefresh]: 'RouteRefreshMsgErr',
}

function takeOpen(state: PeerState, link: SessionLink, body: Uint8Array, tell: Tell): void {
  const read = parseOpen(body)
  if (!read.ok) {
    state.received.discarded++
    fail(state, link, read.error, tell)
    return
  }
  const { ours } = link
  // A second OPEN is an error whatever it says; the machine knows.
  if (link.theirs === undefined && ours !== undefined) {
    state.lastOpen = read.value
    state.sight = { ...state.sight, peerAs: read.value.as, peerRouterId: read.value.routerId }
    const refusal = refusalOf(state.settings, ours, read.value)
    if (refusal !== undefined) {
      fail(state, link, { code: ERROR.open, ...refusal }, tell)
      return
    }
    link.theirs = read.value
    link.agreement = negotiate(ours, read.value)
    link.openMs = state.options.clock.monotonicMs()
    state.sight = { ...state.sight, holdMs: link.agreement.holdSeconds * 1000 }
  }
  tell(state, link.id, { kind: 'BGPOpen', open: peerOpenOf(read.value) })
}

function takeNotification(state: PeerState, link: SessionLink, body: Uint8Array, tell: Tell): void {
  const read = parseNotification(body)
  if (!read.ok) return
  const { code, subcode } = read.value
  const data = read.value.data.slice()
  countNotification(state, 'received', code, subcode)
  const isVersion = code === ERROR.open && subcode === OPEN_ERROR.unsupportedVersion
  tell(state, link.id, { kind: isVersion ? 'NotifMsgVerErr' : 'NotifMsg', code, subcode, data })
}

/** One more of its kind. */
export function countNotification(state: PeerState, direction: 'sent' | 'received', code: number, subcode: number): void {
  const key = `${direction} ${code} ${subcode}`
  const known = state.notifications.get(key)
  if (known === undefined) state.notifications.set(key, { direction, code, subcode, count: 1 })
  else known.count++
}

function takeUpdate(state: PeerState, link: SessionLink, body: Uint8Array, tell: Tell): void {
  if (!delivers(state, link, { kind: 'UpdateMsg' }, tell)) return
  const { agreement, theirs } = link
  if (agreement === undefined || theirs === undefined) return
  const { localAs, role } = state.settings
  const update = readInbound(body, { context: agreement.receive, localAs, peerAs: theirs.as, role })
  if (update.kind === 'reset') {
    state.received.discarded++
    fail(state, link, update.error, tell)
    return
  }
  if (update.ignored !== undefined) state.received.discarded++
  state.announcedToUs += update.announced
  countWithdrawals(state.received, update.withdrawn)
}

function takeRefresh(state: PeerState, link: SessionLink, body: Uint8Array, tell: Tell): void {
  const read = parseRouteRefresh(body)
  if (!read.ok) {
    state.received.discarded++
    fail(state, link, read.error, tell)
    return
  }
  if (!delivers(state, link, { kind: 'RouteRefreshMsg' }, tell)) return
  // BoRR and EoRR frame routes of the peer's, of which none is kept.
  if (read.value?.subtype !== 'request') return
  state.outbound.refresh(read.value)
  state.timers.start(WAKE, 0)
}

function delivers(state: PeerState, link: SessionLink, event: LinkEvent, tell: Tell): boolean {
  state.delivers = false
  tell(state, link.id, event)
  if (!state.delivers) state.received.discarded++
  return state.delivers && !link.isOver
}
