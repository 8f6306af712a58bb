import { Worker } from 'node:worker_threads'
import { backoffDelayMs } from '../../runtime/backoff.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { FromMembership, MembershipStart, ToMembership } from '../membership/message.ts'

/** The thread of membership, kept alive. */
export interface MembershipThread {
  /** Why there is no thread at the moment; undefined while there is one. */
  readonly failure: string | undefined
  /** Does nothing while there is no thread. */
  post(message: ToMembership): void
  /** The thread does its work: the next restart is quick again. */
  succeeded(): void
  /** The thread says its last words and ends, or is ended. Idempotent. */
  close(): Promise<void>
}

export interface ThreadOptions {
  readonly start: MembershipStart
  readonly clock: Clock
  readonly logger: Logger
  /** A number in [0, 1) for the jitter of restarts. */
  readonly random: () => number
  readonly onMessage: (message: FromMembership) => void
  /** A thread has started that knows nothing yet; `post` reaches it. */
  readonly onStart: (post: (message: ToMembership) => void) => void
  /** The thread has ended, and nobody asked it to. */
  readonly onEnd: () => void
}

/** How long close() waits for the Worker to end by itself. */
const STOP_WITHIN_MS = 1000
/** The thread makes only short-lived garbage: a small young generation keeps its collections, and the process, small. */
const LIMITS = { maxYoungGenerationSizeMb: 4 }
const WORKER = new URL(import.meta.url.endsWith('.ts') ? '../membership/worker.ts' : '../membership/worker.js', import.meta.url)

interface State {
  running: { readonly thread: Worker; readonly exited: Promise<void> } | undefined
  failure: string | undefined
  attempts: number
  closed: boolean
}

/** Starts the thread. It is started again with backoff when it ends, and onStart is called each time. */
export function startMembershipThread(options: ThreadOptions): MembershipThread {
  const state: State = { running: undefined, failure: undefined, attempts: 0, closed: false }
  startWorker(options, state)
  return {
    get failure() {
      return state.running === undefined ? (state.failure ?? 'it ended') : undefined
    },
    post: (message) => state.running?.thread.postMessage(message),
    succeeded() {
      state.attempts = 0
    },
    async close() {
      if (state.closed) return
      state.closed = true
      const { running } = state
      if (running === undefined) return
      const stop: ToMembership = { kind: 'stop' }
      running.thread.postMessage(stop)
      const stopped = await Promise.race([running.exited.then(() => true), options.clock.sleep(STOP_WITHIN_MS).then(() => false)])
      if (!stopped) await running.thread.terminate()
    },
  }
}

function startWorker(options: ThreadOptions, state: State): void {
  const thread = new Worker(WORKER, { name: 'membership', workerData: options.start, resourceLimits: LIMITS })
  const exited = new Promise<void>((resolve) => {
    thread.once('error', (error) => {
      state.failure = error instanceof Error ? error.message : String(error)
    })
    thread.once('exit', () => {
      state.running = undefined
      resolve()
      if (state.closed) return
      options.onEnd()
      startAgain(options, state)
    })
  })
  thread.on('message', options.onMessage)
  state.running = { thread, exited }
  options.onStart((message) => thread.postMessage(message))
}

function startAgain(options: ThreadOptions, state: State): void {
  state.attempts += 1
  const delayMs = backoffDelayMs({ attempt: state.attempts, baseMs: 50, maxMs: 5000, random: options.random })
  options.logger.error('the membership thread ended; starting it again', { reason: state.failure ?? 'exit', delayMs })
  options.clock.setTimer(delayMs, () => {
    if (state.closed) return
    state.failure = undefined
    startWorker(options, state)
  })
}
