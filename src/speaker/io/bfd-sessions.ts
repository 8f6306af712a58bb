import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type BfdThreadState, type FromBfd, STUCK_AFTER_MS } from '../bfd/message.ts'
import type { BfdChange, BfdReport, BfdSessions, BfdSpec } from '../bfd/settings.ts'
import { type BfdThread, startBfdThread } from './bfd-thread.ts'
import type { Libc } from './libc.ts'

export interface BfdSessionsOptions {
  readonly libc: Libc
  readonly clock: Clock
  readonly logger: Logger
  /** A number in [0, 1) for the jitter of restarts. */
  readonly random: () => number
  readonly onChange: (change: BfdChange) => void
}

interface State {
  readonly options: BfdSessionsOptions
  thread: BfdThread | undefined
  specs: readonly BfdSpec[]
  told: BfdThreadState
  reports: Map<string, BfdReport>
  lastTurnMs: number
  /** When it was last said that the thread is late. */
  warnedMs: number
  closed: boolean
}

/** Later than this a peer may be without a packet for two of MetalLB's quickest usual intervals (50 ms). */
const LATE_MS = 50
const WARN_EVERY_MS = 60_000
const NOTHING_TOLD: BfdThreadState = { reports: [], problems: [], strays: 0, lateMs: 0 }

/** The thread starts with the first spec: who has no BFD has no thread. */
export function createBfdSessions(options: BfdSessionsOptions): BfdSessions {
  const state: State = {
    ...{ options, thread: undefined, specs: [], told: NOTHING_TOLD, reports: new Map() },
    ...{ lastTurnMs: options.clock.monotonicMs(), warnedMs: Number.NEGATIVE_INFINITY, closed: false },
  }
  return {
    follow: (specs) => follow(state, specs),
    reports: () => state.reports,
    strays: () => state.told.strays,
    health: () => ({ problems: problemsOf(state) }),
    async close() {
      state.closed = true
      await state.thread?.close()
    },
  }
}

function follow(state: State, specs: readonly BfdSpec[]): void {
  const { options } = state
  if (state.closed) return
  const keys = new Set(specs.map(({ key }) => key))
  for (const key of state.reports.keys()) if (!keys.has(key)) state.reports.delete(key)
  state.specs = specs
  if (state.thread !== undefined) state.thread.post({ kind: 'specs', specs })
  else if (specs.length > 0) {
    state.lastTurnMs = options.clock.monotonicMs()
    state.thread = startBfdThread({
      ...options,
      onMessage: (message) => take(state, message),
      onStart: (post) => post({ kind: 'specs', specs: state.specs }),
      onEnd: () => lose(state),
    })
  }
}

function take(state: State, message: FromBfd): void {
  const { options, reports } = state
  const asked = new Set(state.specs.map(({ key }) => key))
  state.lastTurnMs = options.clock.monotonicMs()
  if (message.kind === 'state') {
    state.thread?.succeeded()
    state.told = message.state
    warnIfLate(state)
    state.reports = new Map(message.state.reports.filter(({ key }) => asked.has(key)).map((report) => [report.key, report]))
    return
  }
  const { key, state: name, diagnostic } = message.change
  if (!asked.has(key)) return
  const before = reports.get(key)
  if (before !== undefined) reports.set(key, { ...before, state: name, diagnostic })
  options.onChange(message.change)
}

/** Who looks for why a session with quick intervals went down finds here that nothing was wrong with the network. */
function warnIfLate(state: State): void {
  const { options, told, lastTurnMs } = state
  if (told.lateMs < LATE_MS || lastTurnMs - state.warnedMs < WARN_EVERY_MS) return
  state.warnedMs = lastTurnMs
  options.logger.warn('the BFD thread had its turn late: this node has too little processor time for quick intervals', {
    lateMs: Math.round(told.lateMs),
  })
}

/**
 * Without the thread nobody is watched, which is no sign that a peer is gone: the sessions begin anew with the next thread, and nothing is
 * said to have gone down. Peers that are quicker than the restart see us go, and end their side themselves.
 */
function lose(state: State): void {
  const { options, reports } = state
  for (const [key, report] of reports) {
    if (report.state === 'Down') continue
    const diagnostic = 'the BFD thread ended'
    reports.set(key, { ...report, state: 'Down', diagnostic })
    options.onChange({ key, state: 'Down', wentDown: false, diagnostic })
  }
}

function problemsOf({ options, thread, told, lastTurnMs }: State): readonly string[] {
  if (thread === undefined) return []
  if (thread.failure !== undefined) return [`the BFD thread does not run: ${thread.failure}`]
  const silentMs = options.clock.monotonicMs() - lastTurnMs
  return silentMs > STUCK_AFTER_MS ? [`the BFD thread has not turned for ${Math.round(silentMs / 1000)} s`] : told.problems
}
