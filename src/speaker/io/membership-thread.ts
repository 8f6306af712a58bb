import { Worker } from 'node:worker_threads'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { FromMembership, MembershipStart, ToMembership } from '../membership/message.ts'
import { type KeptThread, keepThread, THREAD_LIMITS } from './kept-thread.ts'

/** The thread of membership, kept alive. It says its last words when it is closed. */
export type MembershipThread = KeptThread<ToMembership>

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
const WORKER = new URL(import.meta.url.endsWith('.ts') ? '../membership/worker.ts' : '../membership/worker.js', import.meta.url)

/** Starts the thread. It is started again with backoff when it ends, and onStart is called each time. */
export function startMembershipThread({ start, onMessage, onEnd, ...options }: ThreadOptions): MembershipThread {
  return keepThread({
    ...options,
    title: 'membership',
    stop: { kind: 'stop' },
    stopWithinMs: STOP_WITHIN_MS,
    spawn() {
      const thread = new Worker(WORKER, { name: 'membership', workerData: start, resourceLimits: THREAD_LIMITS })
      thread.on('message', onMessage)
      return { thread, post: (message) => thread.postMessage(message) }
    },
    onEnd(_reason, wasAsked) {
      if (!wasAsked) onEnd()
    },
  })
}
