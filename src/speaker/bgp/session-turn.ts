import { serializeKeepalive } from '../../wire/bgp/keepalive.ts'
import { serializeNotification } from '../../wire/bgp/notification.ts'
import { serializeOpen } from '../../wire/bgp/open.ts'
import type { FsmAction } from './fsm-actions.ts'
import type { FsmSettings } from './fsm-transition.ts'
import type { LinkEvent, PeeringEvent, PeeringSurroundings } from './peering.ts'
import { stepPeering } from './peering.ts'
import { callPeer, closeLink, refuseArrival, takeArrival } from './session-links.ts'
import { openOf } from './session-open.ts'
import { sessionDown, sessionFailed, sessionUp } from './session-outcome.ts'
import { countNotification } from './session-receive.ts'
import { sendMessage } from './session-send.ts'
import { type PeerState, type SessionLink, stateOf, timerName } from './session-state.ts'

/** Something happened: the machine steps, and all that it wants is done. What happens meanwhile waits for its turn. */
export function happen(state: PeerState, event: PeeringEvent): void {
  state.queue.push(event)
  if (state.isTurning) return
  state.isTurning = true
  const before = stateOf(state.peering)
  try {
    for (let next = state.queue.shift(); next !== undefined; next = state.queue.shift()) turn(state, next)
  } finally {
    state.isTurning = false
    state.queue.length = 0
  }
  if (stateOf(state.peering) !== before) state.options.onChange()
}

/** The same for what happens on one link. */
export const happenOn = (state: PeerState, id: number, event: LinkEvent): void => happen(state, { kind: 'link', id, event })

function turn(state: PeerState, event: PeeringEvent): void {
  const { peering, actions } = stepPeering(state.peering, event, surroundingsOf(state))
  state.peering = peering
  for (const { id, action } of actions) perform(state, id, action)
}

/** What the machine needs of the settings as they are now. */
function surroundingsOf({ settings, options }: PeerState): PeeringSurroundings {
  return {
    settings: fsmSettings(settings),
    us: { asNumber: settings.localAs, identifier: settings.routerId },
    passive: settings.transport.passive,
    chance: options.random(),
    nowMs: options.clock.monotonicMs(),
  }
}

const fsmSettings = ({ times, gracefulRestart, families }: PeerState['settings']): FsmSettings => ({
  holdMs: times.holdMs,
  keepaliveMs: times.keepaliveMs,
  connectRetryMs: times.connectRetryMs,
  delayOpenMs: 0,
  dampPeerOscillations: true,
  sendNotificationWithoutOpen: false,
  gracefulRestart: gracefulRestart && {
    families: families.filter(({ restarts }) => restarts).length,
    notification: gracefulRestart.notification,
  },
})

function perform(state: PeerState, id: number, action: FsmAction): void {
  const link = state.links.get(id)
  switch (action.kind) {
    case 'connect':
      callPeer(state, id, happenOn)
      break
    case 'drop':
      if (link !== undefined) closeLink(state, link)
      break
    case 'accept':
      takeArrival(state, id, happenOn)
      break
    case 'refuse':
      refuseArrival(state)
      break
    case 'track':
      break
    case 'start-timer':
      state.timers.start(timerName(id, action.timer), action.ms)
      break
    case 'stop-timer':
      state.timers.stop(timerName(id, action.timer))
      break
    case 'deliver':
      state.delivers = true
      break
    case 'session-up':
      if (link !== undefined) sessionUp(state, link, action.times)
      break
    case 'session-down':
      sessionDown(state, action.reason)
      break
    case 'attempt-failed':
      sessionFailed(state, action.reason)
      break
    default:
      if (link !== undefined) say(state, link, action)
  }
}

type SayAction = Extract<FsmAction, { readonly kind: `send-${string}` }>

function say(state: PeerState, link: SessionLink, action: SayAction): void {
  const written = (): void => {
    state.contain(() => {
      if (!link.isOver) happenOn(state, link.id, { kind: 'MessageWritten' })
    })
  }
  switch (action.kind) {
    case 'send-open': {
      const { node, clock, startedMs } = state.options
      const ageMs = clock.monotonicMs() - startedMs
      link.ours = openOf(state.settings, { node, ageMs, hadSession: state.hadSession })
      sendMessage(state, link, serializeOpen(link.ours), written)
      break
    }
    case 'send-keepalive':
      // What waits in the connection of a session will do as well: it says that we are alive when the peer reads it.
      if (state.established?.link === link && link.connection.unwrittenBytes > 0) break
      sendMessage(state, link, serializeKeepalive(), written)
      break
    case 'send-notification':
      link.hasLastWord = true
      countNotification(state, 'sent', action.code, action.subcode)
      sendMessage(state, link, serializeNotification(action), () => undefined)
      break
  }
}
