import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { backoffDelayMs } from '../../runtime/backoff.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { FromWorker, ToWorker, WorkerSettings, WorkerStart } from '../layer2/message.ts'
import type { Libc } from './libc.ts'
import { openWakeup, type Wakeup } from './wakeup.ts'

/** The thread of layer 2, kept alive. */
export interface Layer2Thread {
  /** Why there is no thread at the moment; undefined while there is one. */
  readonly failure: string | undefined
  /** Sends a message and wakes the thread. Does nothing while there is no thread. */
  post(message: ToWorker): void
  /** The thread does its work: the next restart is quick again. */
  succeeded(): void
  /** Idempotent. */
  close(): Promise<void>
}

export interface ThreadOptions {
  readonly libc: Libc
  readonly clock: Clock
  readonly logger: Logger
  /** A number in [0, 1) for the jitter of restarts. */
  readonly random: () => number
  readonly settings: WorkerSettings
  readonly onMessage: (message: FromWorker) => void
  /** A thread has started that knows nothing yet; `post` reaches it. */
  readonly onStart: (post: (message: ToWorker) => void) => void
  readonly onEnd: (reason: string) => void
}

/** How long close() waits for the Worker to end by itself. */
const STOP_WITHIN_MS = 2000
/** The thread makes only short-lived garbage: a small young generation keeps its collections, and the process, small. */
const LIMITS = { maxYoungGenerationSizeMb: 4 }
const WORKER = new URL(import.meta.url.endsWith('.ts') ? '../layer2/worker.ts' : '../layer2/worker.js', import.meta.url)

interface State {
  running: { readonly thread: Worker; readonly port: MessagePort; readonly exited: Promise<void> } | undefined
  failure: string | undefined
  attempts: number
  closed: boolean
}

/** Starts the thread. It is started again with backoff when it ends, and onStart is called each time. */
export function startLayer2Thread(options: ThreadOptions): Layer2Thread {
  const wakeup = openWakeup(options.libc)
  const state: State = { running: undefined, failure: undefined, attempts: 0, closed: false }
  startWorker(options, state, wakeup)
  return {
    get failure() {
      return state.running === undefined ? (state.failure ?? 'it ended') : undefined
    },
    post: (message) => post(state, wakeup, message),
    succeeded() {
      state.attempts = 0
    },
    async close() {
      if (state.closed) return
      state.closed = true
      await stopWorker(state, wakeup, options.clock)
      wakeup.close()
    },
  }
}

function post({ running }: State, wakeup: Wakeup, message: ToWorker): void {
  if (running === undefined) return
  running.port.postMessage(message)
  wakeup.wake()
}

function startWorker(options: ThreadOptions, state: State, wakeup: Wakeup): void {
  const { port1, port2 } = new MessageChannel()
  const start: WorkerStart = { ...options.settings, port: port2, wakeupFd: wakeup.fd }
  const thread = new Worker(WORKER, { name: 'layer2', workerData: start, transferList: [port2], resourceLimits: LIMITS })
  const exited = new Promise<void>((resolve) => {
    thread.once('error', (error) => {
      state.failure = error instanceof Error ? error.message : String(error)
    })
    thread.once('exit', () => {
      port1.close()
      state.running = undefined
      resolve()
      options.onEnd(state.failure ?? 'it ended')
      if (!state.closed) startAgain(options, state, wakeup)
    })
  })
  port1.on('message', options.onMessage)
  state.running = { thread, port: port1, exited }
  options.onStart((message) => post(state, wakeup, message))
}

function startAgain(options: ThreadOptions, state: State, wakeup: Wakeup): void {
  state.attempts += 1
  const delayMs = backoffDelayMs({ attempt: state.attempts, baseMs: 50, maxMs: 5000, random: options.random })
  options.logger.error('the layer 2 thread ended; starting it again', { reason: state.failure ?? 'exit', delayMs })
  options.clock.setTimer(delayMs, () => {
    if (state.closed) return
    state.failure = undefined
    startWorker(options, state, wakeup)
  })
}

async function stopWorker(state: State, wakeup: Wakeup, clock: Clock): Promise<void> {
  const { running } = state
  if (running === undefined) return
  post(state, wakeup, { kind: 'stop' })
  const stopped = await Promise.race([running.exited.then(() => true), clock.sleep(STOP_WITHIN_MS).then(() => false)])
  if (!stopped) await running.thread.terminate()
}
