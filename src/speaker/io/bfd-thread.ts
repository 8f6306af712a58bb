import { MessageChannel, Worker } from 'node:worker_threads'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { BfdStart, FromBfd, ToBfd } from '../bfd/message.ts'
import { type KeptThread, keepThread, THREAD_LIMITS } from './kept-thread.ts'
import type { Libc } from './libc.ts'
import { openWakeup, type Wakeup } from './wakeup.ts'

/** The thread of BFD, kept alive. What is posted also wakes it. */
export type BfdThread = KeptThread<ToBfd>

export interface BfdThreadOptions {
  readonly libc: Libc
  readonly clock: Clock
  readonly logger: Logger
  /** A number in [0, 1) for the jitter of restarts. */
  readonly random: () => number
  readonly onMessage: (message: FromBfd) => void
  /** A thread has started that knows nothing yet; `post` reaches it. */
  readonly onStart: (post: (message: ToBfd) => void) => void
  /** The thread has ended, and nobody asked it to. */
  readonly onEnd: () => void
}

/** How long close() waits for the goodbyes. */
const STOP_WITHIN_MS = 1000
const WORKER = new URL(import.meta.url.endsWith('.ts') ? '../bfd/worker.ts' : '../bfd/worker.js', import.meta.url)

/** Starts the thread. It is started again with backoff when it ends, and onStart is called each time. Throws SystemCallError. */
export function startBfdThread({ libc, onMessage, onEnd, ...options }: BfdThreadOptions): BfdThread {
  const wakeup = openWakeup(libc)
  const thread = keepThread<ToBfd>({
    ...options,
    title: 'BFD',
    stop: { kind: 'stop' },
    stopWithinMs: STOP_WITHIN_MS,
    spawn: () => spawn(wakeup, onMessage),
    onEnd: (_reason, wasAsked) => wasAsked || onEnd(),
  })
  return {
    get failure() {
      return thread.failure
    },
    post: thread.post,
    succeeded: thread.succeeded,
    async close() {
      await thread.close()
      wakeup.close()
    },
  }
}

function spawn(wakeup: Wakeup, onMessage: (message: FromBfd) => void) {
  const { port1, port2 } = new MessageChannel()
  const start: BfdStart = { port: port2, wakeupFd: wakeup.fd }
  const thread = new Worker(WORKER, { name: 'bfd', workerData: start, transferList: [port2], resourceLimits: THREAD_LIMITS })
  port1.on('message', onMessage)
  return {
    thread,
    post(message: ToBfd) {
      port1.postMessage(message)
      wakeup.wake()
    },
    ended: () => port1.close(),
  }
}
