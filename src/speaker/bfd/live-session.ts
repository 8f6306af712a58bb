import type { BfdPacket } from '../../wire/bfd.ts'
import { type BfdKey, nextSequence, type ReceivedSequence, signBfd, verifyBfd } from './authentication.ts'
import { diagnosticWords } from './diagnostic.ts'
import {
  type BfdAction,
  type BfdEvent,
  type BfdSession,
  createBfdSession,
  type BfdSettings as Intervals,
  packetOf,
  stepBfd,
} from './fsm.ts'
import type { BfdChange, BfdReport, BfdSettings } from './settings.ts'
import { detectionTimeUs } from './timers.ts'

/** One session with what its machine leaves to others: when its timers are due, its digests, its counts. Time is given, never read. */
export interface LiveSession {
  readonly discriminator: number
  readonly settings: BfdSettings
  /** Changed intervals are negotiated; another key counts from the next packet on. */
  configure(settings: BfdSettings, nowUs: number): void
  /** A packet that demux.ts found to be for this session; `bytes` are what parseBfd read. */
  receive(bytes: Uint8Array, packet: BfdPacket, nowUs: number): void
  /** Counts a packet that was for this session and is refused for how it came. `why` is a sentence part. */
  refuse(why: string): void
  /** Does what is due. */
  tick(nowUs: number): void
  /** When tick() has something to do; Infinity when nothing is due. */
  dueUs(): number
  /** AdminDown, and out of it again. */
  disable(nowUs: number): void
  enable(nowUs: number): void
  /** Says once more what the session is, if it is one that speaks. */
  repeat(): void
  report(): Omit<BfdReport, 'key' | 'upSinceMs'> & { readonly upSinceUs: number | undefined }
}

export interface LiveSessionOptions {
  readonly discriminator: number
  readonly settings: BfdSettings
  /** A number in [0, 1): for the jitter and the first sequence number. */
  readonly random: () => number
  /** False when the packet did not leave. */
  readonly send: (bytes: Uint8Array) => boolean
  /** At each change of the session's state. */
  readonly onChange: (change: Omit<BfdChange, 'key'>) => void
}

interface State {
  readonly options: LiveSessionOptions
  settings: BfdSettings
  key: BfdKey | undefined
  machine: BfdSession
  transmitDueUs: number
  detectDueUs: number
  detectionUs: number
  /** bfd.XmitAuthSeq. */
  sequence: number
  receivedSequence: ReceivedSequence
  lastHeardUs: number
  upSinceUs: number | undefined
  downs: number
  sent: number
  received: number
  discarded: number
  lastDiscard: string | undefined
}

const REFUSALS = {
  kind: 'its authentication is of another kind than ours',
  'key-id': 'its key has another number than ours',
  sequence: 'its sequence number is old, or far ahead',
  digest: 'its digest is wrong: the keys differ',
} as const

const utf8 = new TextEncoder()

const keyOf = ({ authentication }: BfdSettings): BfdKey | undefined =>
  authentication && {
    kind: authentication.type === 'keyed-sha1' ? 'sha1' : 'meticulousSha1',
    keyId: authentication.keyId,
    secret: utf8.encode(authentication.key),
  }

const intervalsOf = ({ transmitMs, receiveMs, detectMultiplier, passive }: BfdSettings): Intervals => ({
  desiredMinTxUs: transmitMs * 1000,
  requiredMinRxUs: receiveMs * 1000,
  detectMultiplier,
  passive,
})

/** A session in AdminDown: `enable` begins it. */
export function createLiveSession(options: LiveSessionOptions): LiveSession {
  const { discriminator, settings, random } = options
  const state: State = {
    ...{ options, settings, key: keyOf(settings), machine: createBfdSession(discriminator, intervalsOf(settings)) },
    ...{ transmitDueUs: Infinity, detectDueUs: Infinity, detectionUs: 0 },
    ...{ sequence: Math.floor(random() * 2 ** 32), receivedSequence: undefined, lastHeardUs: -Infinity },
    ...{ upSinceUs: undefined, downs: 0, sent: 0, received: 0, discarded: 0, lastDiscard: undefined },
  }
  return {
    discriminator,
    get settings() {
      return state.settings
    },
    configure(next, nowUs) {
      state.settings = next
      state.key = keyOf(next)
      step(state, { kind: 'configure', settings: intervalsOf(next) }, nowUs)
    },
    receive: (bytes, packet, nowUs) => receive(state, bytes, packet, nowUs),
    refuse: (why) => discard(state, why),
    tick: (nowUs) => tick(state, nowUs),
    dueUs: () => Math.min(state.transmitDueUs, state.detectDueUs),
    disable: (nowUs) => step(state, { kind: 'disable' }, nowUs),
    enable: (nowUs) => step(state, { kind: 'enable' }, nowUs),
    repeat() {
      if (state.machine.transmitEveryUs > 0) send(state, packetOf(state.machine))
    },
    report: () => reportOf(state),
  }
}

/** The rest of RFC 5880 section 6.8.6 from the authentication on. */
function receive(state: State, bytes: Uint8Array, packet: BfdPacket, nowUs: number): void {
  // Section 6.8.1, bfd.AuthSeqKnown: after a silence of two Detection Times any number is taken; the peer may have started anew.
  if (nowUs - state.lastHeardUs >= 2 * state.detectionUs) state.receivedSequence = undefined
  const verdict = verifyBfd(bytes, packet, state.key, state.receivedSequence)
  if ('refused' in verdict) {
    discard(state, REFUSALS[verdict.refused])
    return
  }
  state.receivedSequence = verdict.sequence
  state.lastHeardUs = nowUs
  state.received++
  step(state, { kind: 'packet', packet }, nowUs)
  const { rxInUseUs, remote } = state.machine
  state.detectionUs = detectionTimeUs(remote.detectMultiplier, rxInUseUs, remote.desiredMinTxUs)
}

function discard(state: State, why: string): void {
  state.discarded++
  state.lastDiscard = why
}

/** Silence is judged first: who is down says so in the packet that is due. Everything that has come must have been received before. */
function tick(state: State, nowUs: number): void {
  if (state.detectDueUs <= nowUs) {
    state.detectDueUs = Infinity
    step(state, { kind: 'detect-expires' }, nowUs)
  }
  if (state.transmitDueUs > nowUs) return
  // From when it was due: a late turn of the thread is made up for, and does not make all later packets late. Who slept begins anew.
  const fromUs = nowUs - state.transmitDueUs < state.machine.transmitEveryUs ? state.transmitDueUs : nowUs
  state.transmitDueUs = Infinity
  step(state, { kind: 'transmit-expires' }, fromUs, nowUs)
}

/** `fromUs` is where timers that are started begin. */
function step(state: State, event: BfdEvent, fromUs: number, nowUs = fromUs): void {
  const before = state.machine.state
  const { session, actions } = stepBfd(state.machine, event, state.options.random())
  state.machine = session
  let wentDown = false
  for (const action of actions) {
    perform(state, action, fromUs)
    if (action.kind === 'session-down') wentDown = action.cause !== 'disabled' && action.cause !== 'neighbor-disabled'
  }
  if (before === session.state) return
  if (session.state === 'Up') state.upSinceUs = nowUs
  else if (before === 'Up') state.upSinceUs = undefined
  if (wentDown) state.downs++
  state.options.onChange({ state: session.state, wentDown, diagnostic: diagnosticWords(session.diagnostic) })
}

function perform(state: State, action: BfdAction, fromUs: number): void {
  if (action.kind === 'send') send(state, action.packet)
  if (action.kind !== 'start-timer' && action.kind !== 'stop-timer') return
  const dueUs = action.kind === 'start-timer' ? fromUs + action.us : Infinity
  if (action.timer === 'transmit') state.transmitDueUs = dueUs
  else state.detectDueUs = dueUs
}

function send(state: State, packet: BfdPacket): void {
  const { key, options } = state
  if (key !== undefined) state.sequence = nextSequence(state.sequence)
  if (options.send(signBfd(packet, key, state.sequence))) state.sent++
}

function reportOf(state: State): ReturnType<LiveSession['report']> {
  const { machine, detectionUs, upSinceUs, downs, sent, received, discarded, lastDiscard } = state
  return {
    state: machine.state,
    remoteState: machine.remote.state,
    diagnostic: diagnosticWords(machine.diagnostic),
    detectionMs: detectionUs / 1000,
    transmitMs: machine.transmitEveryUs / 1000,
    ...{ upSinceUs, downs, sent, received, discarded, lastDiscard },
  }
}
