import type { Clock, Timer } from '../runtime/clock.ts'

/** Names that are acted on together. */
export interface Gathering {
  add(name: string): void
  /** Idempotent. */
  close(): void
}

interface Options {
  readonly clock: Clock
  /** Whether acting costs so much that names are gathered first. */
  readonly isDear: () => boolean
  readonly act: (names: readonly string[]) => void
}

const GATHER_MS = 10

/** Acts at once, or, where that is dear, on everything that comes within GATHER_MS. */
export function createGathering({ clock, isDear, act }: Options): Gathering {
  const names = new Set<string>()
  let timer: Timer | undefined
  const end = (): void => {
    timer?.cancel()
    timer = undefined
    const gathered = [...names]
    names.clear()
    if (gathered.length > 0) act(gathered)
  }
  return {
    add(name) {
      names.add(name)
      if (!isDear()) end()
      else timer ??= clock.setTimer(GATHER_MS, end)
    },
    close() {
      timer?.cancel()
      names.clear()
    },
  }
}
