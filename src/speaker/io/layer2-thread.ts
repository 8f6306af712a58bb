import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { FromWorker, ToWorker, WorkerSettings } from '../layer2/message.ts'
import type { KeptThread } from './kept-thread.ts'
import type { Libc } from './libc.ts'
import { keepPollingThread } from './polling-thread.ts'

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

/** Starts the thread. It is started again with backoff when it ends, and onStart is called each time. Throws SystemCallError. */
export const startLayer2Thread = (options: ThreadOptions): Layer2Thread =>
  keepPollingThread<ToWorker, FromWorker>({
    ...options,
    title: 'layer 2',
    name: 'layer2',
    worker: WORKER,
    stop: { kind: 'stop' },
    stopWithinMs: STOP_WITHIN_MS,
  })
