import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Announcer } from '../announcer.ts'
import { type Layer2Thread, startLayer2Thread } from '../io/layer2-thread.ts'
import type { Libc } from '../io/libc.ts'
import { type AddressKey, familyOfKey } from './address-key.ts'
import { createLayer2Counters, type Layer2Counters } from './counters.ts'
import { PAIR_DELAYS_MS } from './gratuitous.ts'
import type { FromWorker, SocketState, ToWorker } from './message.ts'
import type { ForeignClaim, Observation, ProbeOutcome } from './observation.ts'
import { createRequests, type Requests } from './requests.ts'
import { createSlots, type Slots } from './slots.ts'
import { EMPTY_TABLE, type Layer2Line, type Table, type TableInterface, type TablePort, tableChange } from './table.ts'

export interface Layer2Announcer extends Announcer<Layer2Line> {
  /** The counters of every address of the set, and those of the thread. */
  readonly counters: Layer2Counters
  slots(): Iterable<readonly [text: string, slot: number]>
  health(): Layer2Health
  /**
   * Asks the wire whether somebody has an address that nobody has been given yet; takes about 1 s. Rejects with the signal's reason when
   * it aborts, and with an Error when the wire cannot be asked (no such interface, the thread ended).
   */
  probe(address: AddressKey, on: TableInterface, signal: AbortSignal): Promise<ProbeOutcome>
  /** What was seen of an address of the set; undefined for another one. */
  observation(address: AddressKey): Observation | undefined
  /** Resolves when the thread has applied everything announced so far, by a thread that had to be started again too. */
  settled(): Promise<void>
}

/** How well the wire is served. */
export interface Layer2Health {
  readonly problems: readonly string[]
  /** The thread is up, turns, and has told of its sockets: what is not in `brokenInterfaces` is answered. */
  readonly serves: boolean
  /** Indexes of the interfaces of the set that have no raw socket, or not all of their groups. */
  readonly brokenInterfaces: ReadonlySet<number>
}

export interface Layer2Options {
  readonly libc: Libc
  readonly clock: Clock
  readonly logger: Logger
  /** A number in [0, 1) for the jitter of restarts. */
  readonly random: () => number
  /** The memory of a Fence. Without one the thread may always answer. */
  readonly fence?: SharedArrayBuffer
  /** Another host claims an address of the set; at most once a second and address. */
  readonly onForeignClaim?: (claim: ForeignClaim) => void
  /** When an address is announced, in milliseconds after the take-over, rising. Of IPv6 the first three that are a second apart. */
  readonly announcementDelaysMs?: readonly number[]
  /** How often it is announced again after that; never when it is left out. */
  readonly announcementRepeatMs?: number
}

/** The Worker turns its loop at least once a second; this long without a turn means that it is stuck. */
const STUCK_AFTER_MS = 5000

interface Parts {
  readonly options: Layer2Options
  readonly counters: Layer2Counters
  readonly slots: Slots
  readonly thread: Layer2Thread
  readonly requests: Requests
  readonly foreign: Map<AddressKey, ForeignClaim>
  readonly state: State
}

interface State {
  table: Table
  /** What the present thread told; undefined before its first report. */
  sockets: readonly SocketState[] | undefined
  heartbeat: { count: number; atMs: number }
}

/** Starts the thread that answers questions. It is started again with backoff when it dies, and gets the whole table again. */
export function createLayer2Announcer(options: Layer2Options): Layer2Announcer {
  const parts = createParts(options)
  const { counters, slots, thread, requests, state } = parts
  return {
    counters,
    slots: () => slots.entries(),
    announce: (lines) => announce(parts, lines),
    health: () => healthOf(parts),
    probe: (address, on, signal) => requests.probe(address, on, signal),
    observation: (address) => observationOf(parts, address),
    settled: () => requests.settled(),
    async close() {
      await thread.close()
      requests.close()
      state.sockets = undefined
    },
  }
}

function createParts(options: Layer2Options): Parts {
  const counters = createLayer2Counters()
  const slots = createSlots(counters)
  const foreign = new Map<AddressKey, ForeignClaim>()
  const state: State = { table: EMPTY_TABLE, sockets: undefined, heartbeat: { count: -1, atMs: options.clock.monotonicMs() } }
  const requests = createRequests((message) => thread.post(message))
  const announcements = { delaysMs: options.announcementDelaysMs ?? PAIR_DELAYS_MS, repeatMs: options.announcementRepeatMs }
  const thread: Layer2Thread = startLayer2Thread({
    ...options,
    settings: { counters: counters.memory, fence: options.fence, announcements },
    onMessage: (message) => received(parts, message),
    onStart(post) {
      const all = changeMessage(slots, EMPTY_TABLE, state.table)
      if (all !== undefined) post(all)
      requests.started(post)
    },
    onEnd(reason) {
      state.sockets = undefined
      requests.ended(reason)
    },
  })
  const parts: Parts = { options, counters, slots, thread, requests, foreign, state }
  return parts
}

function announce({ state, slots, thread, foreign }: Parts, lines: readonly Layer2Line[]): void {
  const after = toTable(lines)
  const before = state.table
  state.table = after
  for (const { text, address } of lines) slots.take(address, text)
  const message = changeMessage(slots, before, after)
  if (message !== undefined) thread.post(message)
  for (const address of before.lines.keys()) {
    if (after.lines.has(address)) continue
    slots.free(address)
    foreign.delete(address)
  }
}

function toTable(lines: readonly Layer2Line[]): Table {
  const ports = new Map<string, TablePort>()
  for (const {
    address,
    interface: { index, name, mac },
  } of lines) {
    const family = familyOfKey(address)
    ports.set(`${family} ${index}`, { index, name, mac, family })
  }
  return {
    ports: [...ports.values()],
    lines: new Map(lines.map(({ address, burst, interface: { index } }) => [address, { address, burst, interfaceIndex: index }])),
  }
}

/** The difference. A thread that is being started again gets the whole table when it is up. */
function changeMessage(slots: Slots, before: Table, after: Table): ToWorker | undefined {
  const change = tableChange(before, after)
  if (change === undefined) return undefined
  return { kind: 'change', change: { ...change, upsert: change.upsert.map((line) => ({ ...line, slot: slots.of(line.address) })) } }
}

function received(parts: Parts, message: FromWorker): void {
  const { options, requests, foreign, state } = parts
  if (message.kind === 'sockets') socketsChanged(parts, message.states)
  else if (message.kind === 'probed') requests.probed(message)
  else if (message.kind === 'settled') requests.wasSettled(message.id)
  else
    for (const claim of message.claims) {
      if (!state.table.lines.has(claim.address)) continue
      foreign.set(claim.address, claim)
      options.onForeignClaim?.(claim)
    }
}

function socketsChanged({ options: { logger }, thread, state }: Parts, states: readonly SocketState[]): void {
  const before = state.sockets ?? []
  const changed = states.filter(
    ({ name, family, error }) => !before.some((one) => one.name === name && one.family === family && one.error === error),
  )
  state.sockets = states
  if (states.every(({ error }) => error === undefined)) thread.succeeded()
  for (const { name, family, error } of changed) {
    if (error === undefined) logger.info('raw socket open', { interface: name, family })
    else logger.warn('raw socket closed', { interface: name, family, error })
  }
}

function observationOf({ state, slots, counters, foreign }: Parts, address: AddressKey): Observation | undefined {
  if (!state.table.lines.has(address)) return undefined
  return { ...counters.marks(slots.of(address)), lastForeignClaim: foreign.get(address) }
}

function healthOf(parts: Parts): Layer2Health {
  const { state } = parts
  const { ports } = state.table
  const problem = threadProblem(parts)
  if (problem !== undefined) return { problems: [problem], serves: false, brokenInterfaces: new Set(ports.map(({ index }) => index)) }
  const broken = (state.sockets ?? []).filter(
    ({ interfaceIndex, family, error }) =>
      error !== undefined && ports.some((port) => port.index === interfaceIndex && port.family === family),
  )
  return {
    problems: broken.map(({ name, error }) => `${name}: ${error}`),
    serves: true,
    brokenInterfaces: new Set(broken.map(({ interfaceIndex }) => interfaceIndex)),
  }
}

/** Why nothing at all is answered. */
function threadProblem({ thread, state, counters, options: { clock } }: Parts): string | undefined {
  const count = counters.global('heartbeat')
  const nowMs = clock.monotonicMs()
  if (count !== state.heartbeat.count) state.heartbeat = { count, atMs: nowMs }
  if (thread.failure !== undefined) return `the layer 2 thread is not running: ${thread.failure}`
  if (state.sockets === undefined && state.table.ports.length > 0) return 'the layer 2 thread has not opened its sockets yet'
  if (nowMs - state.heartbeat.atMs > STUCK_AFTER_MS) return 'the layer 2 thread does not turn'
  return undefined
}
