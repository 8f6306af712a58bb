import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { type KeptThread, type KeptThreadOptions, keepThread, THREAD_LIMITS } from './kept-thread.ts'
import type { Libc } from './libc.ts'
import { openWakeup } from './wakeup.ts'

/** What every thread that waits in poll() is started with. */
interface PollingStart {
  /** Where messages come from, and go to. */
  readonly port: MessagePort
  /** Readable when a message has come. */
  readonly wakeupFd: number
}

export interface PollingThreadOptions<ToThread, FromThread> extends Omit<KeptThreadOptions<ToThread>, 'spawn'> {
  readonly libc: Libc
  /** The file of the thread, and its name for people. */
  readonly worker: URL
  readonly name: string
  /** What workerData has beside PollingStart. */
  readonly settings: object
  readonly onMessage: (message: FromThread) => void
}

/**
 * A thread that waits in poll() and has no event loop, kept alive: it is woken by a descriptor, and then reads its port. It is started again with
 * backoff when it ends, and onStart is called each time. Throws SystemCallError.
 */
export function keepPollingThread<ToThread, FromThread>(options: PollingThreadOptions<ToThread, FromThread>): KeptThread<ToThread> {
  const { libc, worker, name, settings, onMessage, ...kept } = options
  const wakeup = openWakeup(libc)
  const thread = keepThread<ToThread>({
    ...kept,
    spawn() {
      const { port1, port2 } = new MessageChannel()
      const workerData = { ...settings, port: port2, wakeupFd: wakeup.fd } satisfies PollingStart
      const spawned = new Worker(worker, { name, workerData, transferList: [port2], resourceLimits: THREAD_LIMITS })
      port1.on('message', onMessage)
      return {
        thread: spawned,
        post(message) {
          port1.postMessage(message)
          wakeup.wake()
        },
        ended: () => port1.close(),
      }
    },
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
