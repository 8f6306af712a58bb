/** The first look at every Service, when nobody was looking before. */
import type { Clock, Timer } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'

export interface FirstPassOptions {
  /** Keys of Services, in groups: each group is done before the next begins. */
  readonly phases: readonly (readonly string[])[]
  /** Looks at one Service; rejects when that did not come to an end. */
  readonly work: (key: string) => Promise<void>
  /** Takes the keys that did not come to an end: they go on while the others are served. */
  readonly later: (key: string) => void
  readonly concurrency: number
  readonly clock: Pick<Clock, 'sleep' | 'setTimer'>
  readonly logger: Logger
  /** Aborts when the term is over. */
  readonly signal: AbortSignal
}

/** A Service that cannot be written must not keep all others from their addresses. */
const TRIES = 3
const PAUSES_MS = [100, 400] as const
const LONGEST_MS = 5000

export interface FirstPass {
  /** Resolves when every key has had its chance; rejects when the term ends before. */
  readonly done: Promise<void>
  /** Keys whose chance did not end with an answer, or not yet. */
  readonly unfinished: ReadonlySet<string>
  /** Resolves when nothing of it is in flight any more. */
  settled(): Promise<void>
}

/** Looks at all keys, some at a time, each for LONGEST_MS at most. */
export function runFirstPass(options: FirstPassOptions): FirstPass {
  const { phases, concurrency, clock, logger } = options
  const late = new Set<Promise<void>>()
  const unfinished = new Set<string>()
  const one = async (key: string): Promise<void> => {
    unfinished.add(key)
    const run = tryHard(key, options).then((isDone) => void (isDone && unfinished.delete(key)))
    let timer: Timer | undefined
    const limit = new Promise<'late'>((resolve) => {
      timer = clock.setTimer(LONGEST_MS, () => resolve('late'))
    })
    const outcome = await Promise.race([run, limit]).finally(() => timer?.cancel())
    if (outcome !== 'late') return
    logger.warn('first pass: the others go on without it', { service: key, afterMs: LONGEST_MS })
    const straggler: Promise<void> = run.catch(() => undefined).finally(() => late.delete(straggler))
    late.add(straggler)
  }
  const all = async (): Promise<void> => {
    for (const keys of phases) await inParallel(keys, concurrency, one)
  }
  const done = all()
  return {
    done,
    unfinished,
    async settled() {
      await done.catch(() => undefined)
      await Promise.all(late)
    },
  }
}

/** Tries a key a few times, then leaves it to the loop, and says which of the two. Rejects only when the term is over. */
async function tryHard(key: string, { work, later, clock, logger, signal }: FirstPassOptions): Promise<boolean> {
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    signal.throwIfAborted()
    try {
      await work(key)
      return true
    } catch (error) {
      signal.throwIfAborted()
      logger.warn(`first pass: ${describeError(error)}`, { service: key, attempt })
      const pauseMs = PAUSES_MS[attempt - 1]
      if (pauseMs !== undefined) await clock.sleep(pauseMs, signal)
    }
  }
  later(key)
  return false
}

async function inParallel(keys: readonly string[], concurrency: number, work: (key: string) => Promise<void>): Promise<void> {
  const queue = keys.values()
  const worker = async (): Promise<void> => {
    for (const key of queue) await work(key)
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, keys.length) }, worker))
}
