import { Counter, Gauge } from 'prom-client'
import type { Clock, Timer } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { createFence, type Fence } from '../fence.ts'
import { type MembershipThread, startMembershipThread } from '../io/membership-thread.ts'
import type { AddressKey } from '../layer2/address-key.ts'
import { createMembershipCounters, DIRECTIONS, type MembershipCounters, PACKET_KINDS } from './counters.ts'
import { REJECTIONS } from './effect.ts'
import type { MembershipFacts } from './facts.ts'
import { type AddressWord, type FromMembership, type Keys, type Peer, STATE_EVERY_MS, type ToMembership } from './message.ts'
import { sameFacts } from './same-facts.ts'
import type { MembershipTiming } from './timing.ts'

/** Who is alive, heard by a thread of its own. Its handle on the main thread. */
export interface Membership {
  /** Every speaker that the API server last listed; this node may be among them. */
  peers(peers: readonly Peer[]): void
  /** The thread starts with the first keys. */
  keys(keys: Keys): void
  /** What this node says of itself. It is repeated as long as the main thread turns: silence of 3 s means that it is stuck. */
  state(says: { readonly serving: boolean; readonly leaving: boolean }): void
  words(upsert: readonly AddressWord[], remove: readonly AddressKey[]): void
  /** Tells these words of ours to every peer again. */
  repeat(addresses: readonly AddressKey[]): void
  /** Everything that came before onResumed(pause) is applied, and the layer 2 thread knows. */
  reconciled(pause: number): void
  /**
   * Closed. The thread opens it when it has heard the others and `reconciled` was said, and writes it from then on; before that, and while
   * there is no key, it is the caller's.
   */
  readonly fence: Fence
  readonly counters: MembershipCounters
  facts(): MembershipFacts
  /** Whether the sockets have been open. Until then nobody can have heard this node. */
  wasOpened(): boolean
  /** Why membership does not work, as sentences; none when it does. */
  health(): { readonly problems: readonly string[] }
  /** Says goodbye to the others, who take over at once: what has to be handed over was handed over before. Idempotent. */
  close(): Promise<void>
}

export interface MembershipOptions {
  readonly self: string
  readonly timing: MembershipTiming
  readonly bind: { readonly address: string; readonly port: number }
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics?: Metrics
  /** A number in [0, 1) for the jitter of restarts. */
  readonly random: () => number
  /** At each change but of the times of the last signs. */
  readonly onFacts: (facts: MembershipFacts) => void
  readonly onWords: (node: string, words: readonly AddressWord[]) => void
  /** After a start and after a pause of this process: see reconciled(). */
  readonly onResumed: (pause: number) => void
}

/** The thread turns at least once a second; this long without a turn means that it is stuck. */
const STUCK_AFTER_MS = 5000

interface State {
  thread: MembershipThread | undefined
  keys: Keys | undefined
  peers: readonly Peer[] | undefined
  says: { readonly serving: boolean; readonly leaving: boolean } | undefined
  readonly words: Map<AddressKey, AddressWord>
  facts: MembershipFacts
  sockets: string | undefined
  opened: boolean
  /** Threads number their pauses from 1 on; for the callers every one has a number of its own. */
  pause: { readonly number: number; readonly ofThread: number } | undefined
  pauses: number
  timer: Timer | undefined
  closed: boolean
  lastTurn: { readonly count: number; readonly atMs: number }
}

export function createMembership(options: MembershipOptions): Membership {
  const fence = createFence()
  const counters = createMembershipCounters()
  const state: State = {
    ...{ thread: undefined, keys: undefined, peers: undefined, says: undefined, words: new Map(), sockets: undefined, opened: false },
    ...{ pause: undefined, pauses: 0, timer: undefined, closed: false },
    facts: { settled: false, members: new Map() },
    lastTurn: { count: -1, atMs: options.clock.monotonicMs() },
  }
  if (options.metrics !== undefined) registerMetrics(options.metrics, counters, () => state.facts)
  const post = (message: ToMembership): void => state.thread?.post(message)
  return {
    fence,
    counters,
    facts: () => state.facts,
    wasOpened: () => state.opened,
    peers(peers) {
      state.peers = peers
      post({ kind: 'peers', peers })
    },
    keys(keys) {
      state.keys = keys
      if (state.closed) return
      if (state.thread === undefined) state.thread = startThread(options, state, fence, counters)
      else post({ kind: 'keys', keys })
    },
    state(says) {
      state.says = says
      repeatState(options, state)
    },
    words(upsert, remove) {
      for (const word of upsert) state.words.set(word.address, word)
      for (const address of remove) state.words.delete(address)
      post({ kind: 'words', upsert, remove })
    },
    repeat: (addresses) => post({ kind: 'repeat', addresses }),
    reconciled(pause) {
      if (state.pause?.number === pause) post({ kind: 'reconciled', pause: state.pause.ofThread })
    },
    health: () => ({ problems: problemsOf(options, state, counters) }),
    async close() {
      if (state.closed) return
      state.closed = true
      state.timer?.cancel()
      await state.thread?.close()
      fence.extend(0)
    },
  }
}

/** Says it now and every STATE_EVERY_MS: the timer turns with the main thread, and stops when that is stuck. */
function repeatState(options: MembershipOptions, state: State): void {
  state.timer?.cancel()
  if (state.says === undefined || state.closed) return
  state.thread?.post({ kind: 'state', ...state.says })
  state.timer = options.clock.setTimer(STATE_EVERY_MS, () => repeatState(options, state))
}

function startThread(options: MembershipOptions, state: State, fence: Fence, counters: MembershipCounters): MembershipThread {
  const { self, timing, bind, clock, logger, random } = options
  return startMembershipThread({
    start: { self, timing, bind, fence: fence.memory, counters: counters.memory },
    ...{ clock, logger, random },
    onMessage: (message) => take(options, state, message),
    onStart(post) {
      if (state.keys !== undefined) post({ kind: 'keys', keys: state.keys })
      if (state.says !== undefined) post({ kind: 'state', ...state.says })
      post({ kind: 'words', upsert: [...state.words.values()], remove: [] })
      if (state.peers !== undefined) post({ kind: 'peers', peers: state.peers })
    },
    onEnd() {
      // The others learn of it at once; whoever has no others, or was never heard by them, goes on.
      if (state.opened && state.peers?.some(({ node }) => node !== self) !== false) fence.extend(0)
      state.pause = undefined
      setFacts(options, state, { settled: false, members: state.facts.members })
    },
  })
}

function take(options: MembershipOptions, state: State, message: FromMembership): void {
  switch (message.kind) {
    case 'members':
      setFacts(options, state, message.facts)
      return
    case 'words':
      options.onWords(message.node, message.words)
      return
    case 'resumed':
      state.pauses += 1
      state.pause = { number: state.pauses, ofThread: message.pause }
      options.onResumed(state.pauses)
      return
    case 'sockets':
      if (message.error === undefined) {
        state.thread?.succeeded()
        state.opened = true
      }
      if (message.error === state.sockets) return
      state.sockets = message.error
      if (message.error === undefined) options.logger.info('membership sockets open', { ...options.bind })
      else options.logger.warn('membership sockets closed', { ...options.bind, error: message.error })
  }
}

function setFacts(options: MembershipOptions, state: State, facts: MembershipFacts): void {
  const isNew = !sameFacts(facts, state.facts)
  state.facts = facts
  if (isNew && !state.closed) options.onFacts(facts)
}

function problemsOf({ clock }: MembershipOptions, state: State, counters: MembershipCounters): readonly string[] {
  if (state.thread === undefined) return ['membership has no key, so the speakers do not hear one another']
  if (state.thread.failure !== undefined) return [`the membership thread is not running: ${state.thread.failure}`]
  const [count, atMs] = [counters.turns(), clock.monotonicMs()]
  if (count !== state.lastTurn.count) state.lastTurn = { count, atMs }
  if (atMs - state.lastTurn.atMs > STUCK_AFTER_MS) return ['the membership thread does not turn']
  return state.sockets === undefined ? [] : [`membership: ${state.sockets}`]
}

function registerMetrics({ registry }: Metrics, counters: MembershipCounters, facts: () => MembershipFacts): void {
  const registers = [registry]
  new Gauge({
    name: 'openelb_membership_members',
    help: 'Known speakers, this one included, by whether they are alive.',
    labelNames: ['state'],
    registers,
    collect() {
      const members = [...facts().members.values()]
      const alive = members.filter((member) => member.alive).length
      this.set({ state: 'alive' }, alive)
      this.set({ state: 'dead' }, members.length - alive)
    },
  })
  new Counter({
    name: 'openelb_membership_packets_total',
    help: 'Packets among the speakers, by direction and kind.',
    labelNames: ['direction', 'kind'],
    registers,
    collect() {
      this.reset()
      for (const direction of DIRECTIONS) {
        for (const kind of PACKET_KINDS) this.inc({ direction, kind }, counters.packets(direction, kind))
      }
    },
  })
  new Counter({
    name: 'openelb_membership_rejected_total',
    help: 'Packets that count for nothing, by reason: unsealed ones have another key, repeated and former ones may be recordings.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const reason of REJECTIONS) this.inc({ reason }, counters.rejected(reason))
    },
  })
}
