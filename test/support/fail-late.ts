/** Writes that arrive late: the process that sent them is stopped meanwhile, as a paused virtual machine is. */
import type { AllocatorProcess } from './allocator-process.ts'
import type { ApiProxy, Fate, PassingWrite } from './api-proxy.ts'
import { until } from './until.ts'

export interface LateWrite {
  /** Resolves with the write once it is held and its sender stopped. Rejects when none came. */
  held(timeoutMs?: number): Promise<PassingWrite>
  /** Lets it go on to the API server, or be lost; its sender is still stopped. Without a held write nothing is held any more. */
  release(fate: Fate): void
  /** Lets the sender go on. */
  resume(): void
}

/** Stops `sender` at the first write that `matches`. The proxy counts and decides anew from here. */
export function holdWrite(proxy: ApiProxy, sender: AllocatorProcess, matches: (write: PassingWrite) => boolean): LateWrite {
  let caught: PassingWrite | undefined
  let settle: (fate: Fate) => void = () => undefined
  const decided = new Promise<Fate>((resolve) => {
    settle = resolve
  })
  proxy.reset((write) => {
    if (caught !== undefined || !matches(write)) return 'pass'
    caught = write
    process.kill(sender.pid, 'SIGSTOP')
    return decided
  })
  return {
    held: (timeoutMs) => until('a write to hold', () => caught, timeoutMs),
    release(fate) {
      settle(fate)
      if (caught === undefined) proxy.reset()
    },
    resume: () => void process.kill(sender.pid, 'SIGCONT'),
  }
}
