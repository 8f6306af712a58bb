import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { backoffDelayMs } from '../../runtime/backoff.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Announcer } from '../announcer.ts'
import type { Libc } from '../io/libc.ts'
import { openWakeup, type Wakeup } from '../io/wakeup.ts'
import { familyOfKey } from './address-key.ts'
import { createLayer2Counters, type Layer2Counters } from './counters.ts'
import type { FromWorker, SocketState, ToWorker, WorkerStart } from './message.ts'
import { createSlots, type Slots } from './slots.ts'
import { EMPTY_TABLE, type Layer2Line, type Table, type TablePort, tableChange } from './table.ts'

export interface Layer2Announcer extends Announcer<Layer2Line> {
  /** The counters of every address of the set, and those of the thread. */
  readonly counters: Layer2Counters
  slots(): Iterable<readonly [text: string, slot: number]>
}

export interface Layer2Options {
  readonly libc: Libc
  readonly clock: Clock
  readonly logger: Logger
  /** A number in [0, 1) for the jitter of restarts. */
  readonly random: () => number
}

/** The Worker turns its loop at least once a second; this long without a turn means that it is stuck. */
const STUCK_AFTER_MS = 5000
/** How long close() waits for the Worker to end by itself. */
const STOP_WITHIN_MS = 2000
/** The thread makes only short-lived garbage: a small young generation keeps its collections, and the process, small. */
const LIMITS = { maxYoungGenerationSizeMb: 4 }
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

interface State {
  table: Table
  worker: RunningWorker | undefined
  sockets: readonly SocketState[]
  failure: string | undefined
  attempts: number
  closed: boolean
  heartbeat: { count: number; atMs: number }
}

interface RunningWorker {
  readonly thread: Worker
  readonly port: MessagePort
  readonly exited: Promise<void>
}

/** Starts the thread that answers questions. It is restarted with backoff when it dies, and gets the whole table again. */
export function createLayer2Announcer(options: Layer2Options): Layer2Announcer {
  const counters = createLayer2Counters()
  const slots = createSlots(counters)
  const wakeup = openWakeup(options.libc)
  const state: State = {
    table: EMPTY_TABLE,
    worker: undefined,
    sockets: [],
    failure: undefined,
    attempts: 0,
    closed: false,
    heartbeat: { count: -1, atMs: options.clock.monotonicMs() },
  }
  startWorker(options, state, counters, slots, wakeup)
  return {
    counters,
    slots: () => slots.entries(),
    announce(lines) {
      const after = toTable(lines)
      const before = state.table
      state.table = after
      for (const { text, address } of lines) slots.take(address, text)
      send(state, slots, wakeup, before, after)
      for (const address of before.lines.keys()) if (!after.lines.has(address)) slots.free(address)
    },
    health: () => ({ problems: problemsOf(state, counters, options.clock) }),
    async close() {
      if (state.closed) return
      state.closed = true
      await stopWorker(state, wakeup, options.clock)
      wakeup.close()
    },
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

/** Sends the difference. A Worker that is being restarted gets the whole table when it is up. */
function send(state: State, slots: Slots, wakeup: Wakeup, before: Table, after: Table): void {
  const change = tableChange(before, after)
  if (change === undefined || state.worker === undefined) return
  const upsert = change.upsert.map((line) => ({ ...line, slot: slots.of(line.address) }))
  const message: ToWorker = { kind: 'change', change: { ...change, upsert } }
  state.worker.port.postMessage(message)
  wakeup.wake()
}

function startWorker(options: Layer2Options, state: State, counters: Layer2Counters, slots: Slots, wakeup: Wakeup): void {
  const { port1, port2 } = new MessageChannel()
  const start: WorkerStart = { port: port2, wakeupFd: wakeup.fd, counters: counters.memory }
  const thread = new Worker(WORKER, { name: 'layer2', workerData: start, transferList: [port2], resourceLimits: LIMITS })
  const exited = new Promise<void>((resolve) => {
    thread.once('error', (error) => {
      state.failure = error instanceof Error ? error.message : String(error)
    })
    thread.once('exit', () => {
      port1.close()
      state.worker = undefined
      state.sockets = []
      resolve()
      if (state.closed) return
      state.attempts += 1
      const delayMs = backoffDelayMs({ attempt: state.attempts, baseMs: 50, maxMs: 5000, random: options.random })
      options.logger.error('the layer 2 thread ended; starting it again', { reason: state.failure ?? 'exit', delayMs })
      options.clock.setTimer(delayMs, () => {
        if (!state.closed) startWorker(options, state, counters, slots, wakeup)
      })
    })
  })
  port1.on('message', (message: FromWorker) => {
    const changed = message.states.filter(
      ({ name, family, error }) => !state.sockets.some((one) => one.name === name && one.family === family && one.error === error),
    )
    state.sockets = message.states
    state.failure = undefined
    if (message.states.every(({ error }) => error === undefined)) state.attempts = 0
    for (const { name, family, error } of changed) {
      if (error === undefined) options.logger.info('raw socket open', { interface: name, family })
      else options.logger.warn('raw socket closed', { interface: name, family, error })
    }
  })
  state.worker = { thread, port: port1, exited }
  send(state, slots, wakeup, EMPTY_TABLE, state.table)
}

async function stopWorker(state: State, wakeup: Wakeup, clock: Clock): Promise<void> {
  const { worker } = state
  if (worker === undefined) return
  const message: ToWorker = { kind: 'stop' }
  worker.port.postMessage(message)
  wakeup.wake()
  const stopped = await Promise.race([worker.exited.then(() => true), clock.sleep(STOP_WITHIN_MS).then(() => false)])
  if (!stopped) await worker.thread.terminate()
}

function problemsOf(state: State, counters: Layer2Counters, clock: Clock): readonly string[] {
  const count = counters.global('heartbeat')
  const nowMs = clock.monotonicMs()
  if (count !== state.heartbeat.count) state.heartbeat = { count, atMs: nowMs }
  if (state.worker === undefined) return [`the layer 2 thread is not running: ${state.failure ?? 'it ended'}`]
  if (nowMs - state.heartbeat.atMs > STUCK_AFTER_MS) return ['the layer 2 thread does not turn']
  return state.table.ports.flatMap(({ index, family, name }) => {
    const socket = state.sockets.find((one) => one.interfaceIndex === index && one.family === family)
    return socket?.error === undefined ? [] : [`${name}: ${socket.error}`]
  })
}
