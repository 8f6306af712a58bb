import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { FromBfd, ToBfd } from '../bfd/message.ts'
import type { KeptThread } from './kept-thread.ts'
import type { Libc } from './libc.ts'
import { keepPollingThread } from './polling-thread.ts'

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
export const startBfdThread = ({ onEnd, ...options }: BfdThreadOptions): BfdThread =>
  keepPollingThread<ToBfd, FromBfd>({
    ...options,
    title: 'BFD',
    name: 'bfd',
    worker: WORKER,
    settings: {},
    stop: { kind: 'stop' },
    stopWithinMs: STOP_WITHIN_MS,
    onEnd: (_reason, wasAsked) => wasAsked || onEnd(),
  })
