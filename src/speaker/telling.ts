import type { Clock } from '../runtime/clock.ts'
import type { AddressWord } from './membership/message.ts'
import type { Words, WordsChange } from './words.ts'

/** How the peers come to know this node's words. */
export interface Telling {
  /** At once. `gently`: the claims whose owner is well and goes on until it hears of its successor: when the successor answers. */
  tell(change: WordsChange, gently: ReadonlyMap<AddressWord['address'], string>): void
}

interface Options {
  readonly words: Pick<Words, 'own'>
  readonly clock: Clock
  /** Of membership. */
  readonly send: (upsert: WordsChange['upsert'], remove: WordsChange['remove']) => void
  /** Resolves when the wire is served as it was last asked for. */
  readonly served: () => Promise<void>
}

/** A wire that takes longer must not keep the peers ignorant. */
const SERVED_WITHIN_MS = 200

/** Creates it. */
export function createTelling({ words, clock, send, served }: Options): Telling {
  return {
    tell({ upsert, remove }, gently) {
      const atOnce = upsert.filter(({ address }) => !gently.has(address))
      if (atOnce.length > 0 || remove.length > 0) send(atOnce, remove)
      const names = upsert.flatMap(({ address }) => gently.get(address) ?? [])
      if (names.length === 0) return
      const enough = new AbortController()
      // What is said meanwhile, or taken back, counts more than what was to be said.
      const end = (): void => {
        enough.abort()
        const now = names.flatMap((name) => words.own(name) ?? [])
        if (now.length > 0) send(now, [])
      }
      const limit = clock.sleep(SERVED_WITHIN_MS, enough.signal).catch(() => undefined)
      void Promise.race([served().catch(() => undefined), limit]).then(end)
    },
  }
}
