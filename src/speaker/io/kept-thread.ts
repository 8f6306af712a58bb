import type { Worker } from 'node:worker_threads'
import { backoffDelayMs } from '../../runtime/backoff.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'

/** A thread that is kept alive. `ToThread` is what it is told. */
export interface KeptThread<ToThread> {
  /** Why there is no thread at the moment; undefined while there is one. */
  readonly failure: string | undefined
  /** Does nothing while there is no thread. */
  post(message: ToThread): void
  /** The thread does its work: the next restart is quick again. */
  succeeded(): void
  /** The thread is told to end, and is ended when it does not. Idempotent: every call resolves when it has ended. */
  close(): Promise<void>
}

/** One life of the thread. */
export interface Spawned<ToThread> {
  readonly thread: Worker
  post(message: ToThread): void
  /** The thread has ended: closes the way to it. */
  ended?(): void
}

export interface KeptThreadOptions<ToThread> {
  /** For the log: `the <title> thread ended`. */
  readonly title: string
  readonly clock: Clock
  readonly logger: Logger
  /** A number in [0, 1) for the jitter of restarts. */
  readonly random: () => number
  /** The message that ends it, and how long close() waits for that. */
  readonly stop: ToThread
  readonly stopWithinMs: number
  readonly spawn: () => Spawned<ToThread>
  /** A thread has started that knows nothing yet; `post` reaches it. */
  readonly onStart: (post: (message: ToThread) => void) => void
  /** The thread has ended; `wasAsked`: by close(). */
  readonly onEnd: (reason: string, wasAsked: boolean) => void
}

/** A thread that makes only short-lived garbage: a small young generation keeps its collections, and the process, small. */
export const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4 }

interface Running<ToThread> extends Spawned<ToThread> {
  readonly exited: Promise<void>
}

interface State<ToThread> {
  running: Running<ToThread> | undefined
  failure: string | undefined
  attempts: number
  closing: Promise<void> | undefined
}

/** Starts the thread. It is started again with backoff when it ends, and onStart is called each time. */
export function keepThread<ToThread>(options: KeptThreadOptions<ToThread>): KeptThread<ToThread> {
  const state: State<ToThread> = { running: undefined, failure: undefined, attempts: 0, closing: undefined }
  start(options, state)
  return {
    get failure() {
      return state.running === undefined ? (state.failure ?? 'it ended') : undefined
    },
    post: (message) => state.running?.post(message),
    succeeded() {
      state.attempts = 0
    },
    close() {
      state.closing ??= stop(options, state)
      return state.closing
    },
  }
}

async function stop<ToThread>(options: KeptThreadOptions<ToThread>, { running }: State<ToThread>): Promise<void> {
  if (running === undefined) return
  running.post(options.stop)
  const stopped = await Promise.race([running.exited.then(() => true), options.clock.sleep(options.stopWithinMs).then(() => false)])
  if (!stopped) await running.thread.terminate()
}

function start<ToThread>(options: KeptThreadOptions<ToThread>, state: State<ToThread>): void {
  const spawned = options.spawn()
  const { thread } = spawned
  const exited = new Promise<void>((resolve) => {
    thread.once('error', (error) => {
      state.failure = error instanceof Error ? error.message : String(error)
    })
    thread.once('exit', () => {
      spawned.ended?.()
      state.running = undefined
      resolve()
      options.onEnd(state.failure ?? 'it ended', state.closing !== undefined)
      if (state.closing === undefined) startAgain(options, state)
    })
  })
  state.running = { ...spawned, exited }
  options.onStart(spawned.post)
}

function startAgain<ToThread>(options: KeptThreadOptions<ToThread>, state: State<ToThread>): void {
  state.attempts += 1
  const delayMs = backoffDelayMs({ attempt: state.attempts, baseMs: 50, maxMs: 5000, random: options.random })
  options.logger.error(`the ${options.title} thread ended; starting it again`, { reason: state.failure ?? 'exit', delayMs })
  options.clock.setTimer(delayMs, () => {
    if (state.closing !== undefined) return
    state.failure = undefined
    start(options, state)
  })
}
