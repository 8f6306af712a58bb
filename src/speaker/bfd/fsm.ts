import { BFD_DIAGNOSTIC, type BfdPacket, type BfdState } from '../../wire/bfd.ts'
import { detectionTimeUs, jitteredTxUs, SLOW_TX_US, txIntervalUs } from './timers.ts'

/** What configuration says of a session. Intervals in microseconds; the multiplier is 1 to 255. RFC 5880 section 6.8.1. */
export interface BfdSettings {
  readonly desiredMinTxUs: number
  readonly requiredMinRxUs: number
  readonly detectMultiplier: number
  /** It says nothing until the peer has spoken. RFC 5880 section 6.1. */
  readonly passive: boolean
}

/** One session, asynchronous mode, no echo. Names are those of RFC 5880 section 6.8.1, without their `bfd.`. */
export interface BfdSession {
  readonly state: BfdState
  readonly diagnostic: number
  readonly settings: BfdSettings
  readonly localDiscriminator: number
  /** What the peer last said; a discriminator of 0 means that it is not known, or no longer. */
  readonly remote: BfdRemote
  /** What our packets say. */
  readonly desiredMinTxUs: number
  readonly requiredMinRxUs: number
  /** What counts: differs from what we say while a poll sequence asks whether the peer knows. RFC 5880 section 6.8.3. */
  readonly txInUseUs: number
  readonly rxInUseUs: number
  readonly polling: boolean
  /** The interval that the transmit timer runs with, before jitter; 0 when it does not run. */
  readonly transmitEveryUs: number
  readonly detecting: boolean
}

export interface BfdRemote {
  readonly discriminator: number
  readonly state: BfdState
  readonly desiredMinTxUs: number
  readonly minRxUs: number
  readonly detectMultiplier: number
  readonly demand: boolean
}

export type BfdEvent =
  /** Out of AdminDown, and into it. RFC 5880 section 6.8.16. */
  | { readonly kind: 'enable' }
  | { readonly kind: 'disable' }
  | { readonly kind: 'configure'; readonly settings: BfdSettings }
  /** A packet for this session (./demux.ts), its authentication verified (./authentication.ts). */
  | { readonly kind: 'packet'; readonly packet: BfdPacket }
  | { readonly kind: 'transmit-expires' }
  | { readonly kind: 'detect-expires' }
  /** Something else knows that the path is gone, such as a cable. RFC 5880 section 6.8.16 would permit AdminDown; Down comes back by itself. */
  | { readonly kind: 'path-down' }

/** Why a session went down. `neighbor-disabled` and `disabled` are no failures: routes stay. RFC 5882 sections 3.2 and 4.2. */
export type BfdDownCause = 'detection-time-expired' | 'neighbor-signaled-down' | 'neighbor-disabled' | 'path-down' | 'disabled'

export type BfdAction =
  | { readonly kind: 'send'; readonly packet: BfdPacket }
  | { readonly kind: 'start-timer'; readonly timer: 'transmit' | 'detect'; readonly us: number }
  | { readonly kind: 'stop-timer'; readonly timer: 'transmit' | 'detect' }
  | { readonly kind: 'session-up' }
  | { readonly kind: 'session-down'; readonly cause: BfdDownCause }

export interface BfdTransition {
  readonly session: BfdSession
  readonly actions: readonly BfdAction[]
}

/** Of a peer that has not been heard. RFC 5880 section 6.8.1: RemoteMinRxInterval is 1. */
const UNHEARD: BfdRemote = { discriminator: 0, state: 'Down', desiredMinTxUs: 0, minRxUs: 1, detectMultiplier: 0, demand: false }
const slow = ({ desiredMinTxUs }: BfdSettings): number => Math.max(SLOW_TX_US, desiredMinTxUs)

/** A session in AdminDown that sends nothing yet: `enable` is the first event. `localDiscriminator` is unique on this node, and not 0. */
export function createBfdSession(localDiscriminator: number, settings: BfdSettings): BfdSession {
  const [desiredMinTxUs, requiredMinRxUs] = [slow(settings), settings.requiredMinRxUs]
  return {
    ...{
      state: 'AdminDown',
      diagnostic: BFD_DIAGNOSTIC.none,
      settings,
      localDiscriminator,
      remote: UNHEARD,
      desiredMinTxUs,
      requiredMinRxUs,
    },
    ...{ txInUseUs: desiredMinTxUs, rxInUseUs: requiredMinRxUs, polling: false, transmitEveryUs: 0, detecting: false },
  }
}

/** The packet that says what the session is now. RFC 5880 section 6.8.7. `final` answers a poll. */
export const packetOf = (session: BfdSession, final = false): BfdPacket => ({
  diagnostic: session.diagnostic,
  state: session.state,
  poll: session.polling && !final,
  final,
  controlPlaneIndependent: false,
  demand: false,
  detectMultiplier: session.settings.detectMultiplier,
  myDiscriminator: session.localDiscriminator,
  yourDiscriminator: session.remote.discriminator,
  desiredMinTxUs: session.desiredMinTxUs,
  requiredMinRxUs: session.requiredMinRxUs,
  requiredMinEchoRxUs: 0,
})

/** One step of a session: pure and total. `chance`, 0 to 1, is for the jitter. Source: RFC 5880 section 6.8. */
export function stepBfd(session: BfdSession, event: BfdEvent, chance: number): BfdTransition {
  switch (event.kind) {
    case 'enable':
      return session.state === 'AdminDown' ? finish(session, { ...session, state: 'Down', diagnostic: 0 }, chance) : same(session)
    case 'disable':
      return session.state === 'AdminDown' ? same(session) : fall(session, 'disabled', chance)
    case 'configure':
      return finish(session, { ...session, settings: event.settings }, chance)
    case 'packet':
      return receive(session, event.packet, chance)
    case 'transmit-expires':
      return transmit(session, chance)
    case 'detect-expires':
      return lose(session, chance)
    case 'path-down':
      return session.state === 'Up' || session.state === 'Init' ? fall(session, 'path-down', chance) : same(session)
  }
}

const same = (session: BfdSession): BfdTransition => ({ session, actions: [] })

function transmit(session: BfdSession, chance: number): BfdTransition {
  if (session.transmitEveryUs === 0) return same(session)
  const us = jitteredTxUs(session.transmitEveryUs, session.settings.detectMultiplier, chance)
  return {
    session,
    actions: [
      { kind: 'send', packet: packetOf(session) },
      { kind: 'start-timer', timer: 'transmit', us },
    ],
  }
}

/** Nothing came for a Detection Time: the peer is not known any more. RFC 5880 sections 6.8.1 (RemoteDiscr) and 6.8.4. */
function lose(session: BfdSession, chance: number): BfdTransition {
  if (!session.detecting) return same(session)
  const unheard = { ...session, detecting: false, remote: { ...session.remote, discriminator: 0, state: 'Down', demand: false } } as const
  const wasHeard = session.state === 'Up' || session.state === 'Init'
  return wasHeard ? fall(unheard, 'detection-time-expired', chance) : finish(session, unheard, chance)
}

const DIAGNOSTIC_OF: Readonly<Record<BfdDownCause, number>> = {
  'detection-time-expired': BFD_DIAGNOSTIC.detectionTimeExpired,
  'neighbor-signaled-down': BFD_DIAGNOSTIC.neighborSignaledDown,
  'neighbor-disabled': BFD_DIAGNOSTIC.neighborSignaledDown,
  'path-down': BFD_DIAGNOSTIC.pathDown,
  disabled: BFD_DIAGNOSTIC.administrativelyDown,
}

function fall(session: BfdSession, cause: BfdDownCause, chance: number): BfdTransition {
  const state = cause === 'disabled' ? 'AdminDown' : 'Down'
  return finish(session, { ...session, state, diagnostic: DIAGNOSTIC_OF[cause] }, chance, cause)
}

/** Section 6.8.6, from where the session is known; in its order. */
function receive(before: BfdSession, packet: BfdPacket, chance: number): BfdTransition {
  const remote: BfdRemote = {
    discriminator: packet.myDiscriminator,
    state: packet.state,
    desiredMinTxUs: packet.desiredMinTxUs,
    minRxUs: packet.requiredMinRxUs,
    detectMultiplier: packet.detectMultiplier,
    demand: packet.demand,
  }
  const isAnswered = before.polling && packet.final
  const known = isAnswered ? { ...before, remote, ...settled(before) } : { ...before, remote }
  if (before.state === 'AdminDown') return finish(before, known, chance)
  const [state, cause] = nextState(before.state, packet.state)
  const heard = { ...known, state, diagnostic: cause === undefined ? known.diagnostic : DIAGNOSTIC_OF[cause] }
  const { session, actions } = finish(before, heard, chance, cause)
  const us = detectionTimeUs(remote.detectMultiplier, session.rxInUseUs, remote.desiredMinTxUs)
  const answer: readonly BfdAction[] = packet.poll ? [{ kind: 'send', packet: packetOf(session, true) }] : []
  return { session: { ...session, detecting: true }, actions: [...answer, ...actions, { kind: 'start-timer', timer: 'detect', us }] }
}

/** Sections 6.2 and 6.8.6: the state after one that the peer is in, and, for a fall, its cause. */
function nextState(own: Exclude<BfdState, 'AdminDown'>, peer: BfdState): readonly [BfdState, BfdDownCause?] {
  if (peer === 'AdminDown') return own === 'Down' ? [own] : ['Down', 'neighbor-disabled']
  if (own === 'Down') return [peer === 'Down' ? 'Init' : peer === 'Init' ? 'Up' : 'Down']
  if (own === 'Init') return [peer === 'Down' ? 'Init' : 'Up']
  return peer === 'Down' ? ['Down', 'neighbor-signaled-down'] : ['Up']
}

const settled = ({ desiredMinTxUs, requiredMinRxUs }: BfdSession) =>
  ({ polling: false, txInUseUs: desiredMinTxUs, rxInUseUs: requiredMinRxUs }) as const

/** Intervals, timers and words that follow from a change. A change of state is said at once. RFC 5880 section 6.8.7. */
function finish(before: BfdSession, changed: BfdSession, chance: number, cause?: BfdDownCause): BfdTransition {
  const adopted = adoptIntervals(changed)
  const everyUs = isSilent(adopted) ? 0 : txIntervalUs(adopted.txInUseUs, adopted.remote.minRxUs)
  const detecting = adopted.detecting && adopted.state !== 'AdminDown'
  const session: BfdSession = { ...adopted, transmitEveryUs: everyUs, detecting }
  const actions: BfdAction[] = []
  if (before.state === 'Up' && session.state !== 'Up' && cause !== undefined) actions.push({ kind: 'session-down', cause })
  if (before.state !== 'Up' && session.state === 'Up') actions.push({ kind: 'session-up' })
  const begins = session.polling && !before.polling
  if (everyUs > 0 && (before.state !== session.state || begins)) actions.push({ kind: 'send', packet: packetOf(session) })
  if (everyUs === 0 && before.transmitEveryUs > 0) actions.push({ kind: 'stop-timer', timer: 'transmit' })
  if (everyUs > 0 && everyUs !== before.transmitEveryUs) {
    actions.push({ kind: 'start-timer', timer: 'transmit', us: jitteredTxUs(everyUs, session.settings.detectMultiplier, chance) })
  }
  if (before.detecting && adopted.detecting && !detecting) actions.push({ kind: 'stop-timer', timer: 'detect' })
  return { session, actions }
}

/** Sections 6.8.7 and 6.1: the peer wants no packets, is in demand mode and sees us Up, or we are passive and it has not spoken. */
function isSilent({ settings, remote, polling, state }: BfdSession): boolean {
  if (settings.passive && remote.discriminator === 0) return true
  return remote.minRxUs === 0 || (remote.demand && state === 'Up' && remote.state === 'Up' && !polling)
}

/**
 * Makes our packets say what is configured; a session that is not Up is slow (section 6.8.3). While Up a change is asked about by a poll
 * sequence: until it is answered we send as often as before, if that is more often, and wait as long as before, if that is longer. A
 * change during a poll sequence waits for its end. Not Up, nobody counts on our packets yet, so no poll is needed.
 */
function adoptIntervals(session: BfdSession): BfdSession {
  const { settings, state } = session
  const desiredMinTxUs = state === 'Up' ? settings.desiredMinTxUs : slow(settings)
  const { requiredMinRxUs } = settings
  if (state !== 'Up')
    return { ...session, desiredMinTxUs, requiredMinRxUs, polling: false, txInUseUs: desiredMinTxUs, rxInUseUs: requiredMinRxUs }
  const isSaid = session.desiredMinTxUs === desiredMinTxUs && session.requiredMinRxUs === requiredMinRxUs
  if (isSaid || session.polling) return session
  const txInUseUs = Math.min(session.txInUseUs, desiredMinTxUs)
  const rxInUseUs = Math.max(session.rxInUseUs, requiredMinRxUs)
  return { ...session, desiredMinTxUs, requiredMinRxUs, polling: true, txInUseUs, rxInUseUs }
}
