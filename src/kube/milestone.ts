/** Something that happens once and then holds. */
export interface Milestone {
  readonly reached: boolean
  /** Resolves once reached. Rejects when `signal` aborts, or when it will never be reached. */
  wait(signal?: AbortSignal): Promise<void>
  reach(): void
  /** It will not happen: every wait, also a later one, rejects with `why`. No effect once reached. */
  giveUp(why: Error): void
}

/** Creates a milestone that is not reached yet. */
export function createMilestone(): Milestone {
  let state: { readonly kind: 'open' } | { readonly kind: 'reached' } | { readonly kind: 'given-up'; readonly why: Error } = {
    kind: 'open',
  }
  const waiting = new Set<() => void>()
  const settle = (next: typeof state) => {
    if (state.kind !== 'open') return
    state = next
    for (const wake of waiting) wake()
    waiting.clear()
  }
  return {
    get reached() {
      return state.kind === 'reached'
    },
    wait: (signal) =>
      new Promise((resolve, reject) => {
        const wake = () => {
          signal?.removeEventListener('abort', onAbort)
          if (state.kind === 'given-up') reject(state.why)
          else resolve()
        }
        const onAbort = () => {
          waiting.delete(wake)
          reject(signal?.reason)
        }
        if (state.kind !== 'open') return wake()
        if (signal?.aborted) return onAbort()
        waiting.add(wake)
        signal?.addEventListener('abort', onAbort, { once: true })
      }),
    reach: () => settle({ kind: 'reached' }),
    giveUp: (why) => settle({ kind: 'given-up', why }),
  }
}
