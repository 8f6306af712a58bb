import { setTimeout as delay } from 'node:timers/promises'

type Answer<T> = T | undefined | false

/** Asks again and again until there is an answer that is neither undefined nor false. Rejects after `timeoutMs`, naming what was waited for. */
export async function until<T>(what: string, check: () => Promise<Answer<T>> | Answer<T>, timeoutMs = 30_000, pauseMs = 20): Promise<T> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const value = await check()
    if (value !== undefined && value !== false) return value
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await delay(pauseMs)
  }
}
