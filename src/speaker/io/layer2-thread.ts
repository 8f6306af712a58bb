import { MessageChannel, Worker } from 'node:worker_threads'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { FromWorker, ToWorker, WorkerSettings, WorkerStart } from '../layer2/message.ts'
import { type KeptThread, keepThread, THREAD_LIMITS } from './kept-thread.ts'
import type { Libc } from './libc.ts'
import { openWakeup, type Wakeup } from './wakeup.ts'

/** The thread of layer 2, kept alive. What is posted also wakes it. */
export type Layer2Thread = KeptThread<ToWorker>

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
const WORKER = new URL(import.meta.url.endsWith('.ts') ? '../layer2/worker.ts' : '../layer2/worker.js', import.meta.url)

/** Starts the thread. It is started again with backoff when it ends, and onStart is called each time. */
export function startLayer2Thread({ libc, settings, onMessage, ...options }: ThreadOptions): Layer2Thread {
  const wakeup = openWakeup(libc)
  const thread = keepThread<ToWorker>({
    ...options,
    title: 'layer 2',
    stop: { kind: 'stop' },
    stopWithinMs: STOP_WITHIN_MS,
    spawn: () => spawn(settings, wakeup, onMessage),
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

/** The thread waits in poll() and has no event loop: it is woken by a descriptor, and then reads its port. */
function spawn(settings: WorkerSettings, wakeup: Wakeup, onMessage: (message: FromWorker) => void) {
  const { port1, port2 } = new MessageChannel()
  const start: WorkerStart = { ...settings, port: port2, wakeupFd: wakeup.fd }
  const thread = new Worker(WORKER, { name: 'layer2', workerData: start, transferList: [port2], resourceLimits: THREAD_LIMITS })
  port1.on('message', onMessage)
  return {
    thread,
    post(message: ToWorker) {
      port1.postMessage(message)
      wakeup.wake()
    },
    ended: () => port1.close(),
  }
}
