/** Bounded waits and parallel work. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Progress } from './bench.ts'

/** As many as the allocator works on at once. */
export const CONCURRENCY = 16
const TIMEOUT_MS = 600_000
const PROGRESS_PERIOD_MS = 5000

/** Looks again every few milliseconds. Rejects after ten minutes. */
export async function until(what: string, check: () => boolean | Promise<boolean>, periodMs = 5): Promise<void> {
  const endMs = performance.now() + TIMEOUT_MS
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`not within ${TIMEOUT_MS} ms: ${what}`)
    await delay(periodMs)
  }
}

/** Works on all items, 16 at a time; says every few seconds how far it is. */
export async function inParallel<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
  said?: { readonly progress: Progress; readonly what: string },
): Promise<void> {
  const queue = items.values()
  let done = 0
  let nextMs = performance.now() + PROGRESS_PERIOD_MS
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      await work(item)
      done++
      if (said === undefined || performance.now() < nextMs) continue
      nextMs = performance.now() + PROGRESS_PERIOD_MS
      said.progress(`${said.what}: ${done} of ${items.length}`)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
}

/** Says every few seconds how far something is that others do, until it is there. */
export async function untilCounted(what: string, wanted: number, counted: () => number, progress: Progress): Promise<void> {
  let nextMs = performance.now() + PROGRESS_PERIOD_MS
  await until(what, () => {
    if (performance.now() >= nextMs) {
      nextMs = performance.now() + PROGRESS_PERIOD_MS
      progress(`${what}: ${counted()} of ${wanted}`)
    }
    return counted() === wanted
  })
}
