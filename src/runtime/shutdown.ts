import process from 'node:process'
import { describeError, type Logger } from './logger.ts'

/** One thing to end. `timeoutMs` bounds this step; without it the step may take what is left of the whole grace. */
export interface ShutdownStep {
  readonly name: string
  readonly close: () => Promise<void> | void
  readonly timeoutMs?: number
}

export interface ShutdownOptions {
  /** Time for all steps together. */
  readonly graceMs?: number
  readonly logger: Logger
  /** Ends the process. Given only by tests. */
  readonly exit?: (code: number) => void
}

export interface Shutdown {
  /** Runs the steps as a signal would; for an end that the process itself decides. `code` is the exit code when all goes well. */
  begin(why: string, code?: number): Promise<void>
  /** Stops listening to signals. Idempotent. */
  dispose(): void
}

const DEFAULT_GRACE_MS = 10_000

/**
 * At the first of `signals` runs `steps` one after the other and exits: code 0, or 1 when a step failed or took too long (the others
 * still run while the grace lasts). A second signal exits at once, with 1.
 */
export function onShutdown(signals: readonly NodeJS.Signals[], steps: readonly ShutdownStep[], options: ShutdownOptions): Shutdown {
  const { graceMs = DEFAULT_GRACE_MS, logger, exit = process.exit } = options
  let running: Promise<void> | undefined
  const begin = (why: string, code = 0): Promise<void> => {
    running ??= (async () => {
      logger.info(`shutting down: ${why}`)
      const clean = await runSteps(steps, performance.now() + graceMs, logger)
      exit(clean ? code : 1)
    })()
    return running
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    if (running === undefined) return void begin(`got ${signal}`)
    logger.warn(`got ${signal} again: leaving at once`)
    exit(1)
  }
  for (const signal of signals) process.on(signal, onSignal)
  return {
    begin,
    dispose: () => {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}

async function runSteps(steps: readonly ShutdownStep[], deadlineMs: number, logger: Logger): Promise<boolean> {
  let clean = true
  for (const step of steps) {
    const leftMs = deadlineMs - performance.now()
    const limitMs = Math.max(0, Math.min(leftMs, step.timeoutMs ?? leftMs))
    try {
      await within(limitMs, step)
    } catch (error) {
      clean = false
      logger.error(`shutdown step "${step.name}" did not end well: ${describeError(error)}`)
    }
  }
  return clean
}

async function within(limitMs: number, step: ShutdownStep): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${Math.round(limitMs)} ms`)), limitMs)
  })
  try {
    await Promise.race([Promise.resolve().then(step.close), late])
  } finally {
    clearTimeout(timer)
  }
}
