/** A child process that is followed by its JSON lines. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { stopChild } from '../../support/stop-child.ts'

export interface LineProcess<Line> {
  readonly child: ChildProcess
  readonly lines: readonly Line[]
  /** Resolves with the first line that matches, also one that came before. Rejects after `timeoutMs` or at the end of the process. */
  next(what: string, matches: (line: Line) => boolean, timeoutMs?: number): Promise<Line>
  /** Sends a signal and waits for the end, SIGKILL after 15 s. Gives the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

const DEFAULT_TIMEOUT_MS = 30_000

/** Follows standard output or standard error; lines that are no JSON are kept as `{ text }`. */
export function startLines<Line>(
  argv: readonly string[],
  stream: 'stdout' | 'stderr',
  env: Record<string, string> = {},
): LineProcess<Line> {
  const [file = '', ...args] = argv
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const lines: Line[] = []
  const listeners = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[name] }).on('line', (text) => {
      const line: unknown = text.startsWith('{') ? JSON.parse(text) : { text }
      if (name === stream) lines.push(line as Line)
      else if (!text.startsWith('{')) lines.push(line as Line)
      for (const listener of [...listeners]) listener()
    })
  }
  child.once('exit', () => {
    for (const listener of [...listeners]) listener()
  })
  return {
    child,
    lines,
    next: (what, matches, timeoutMs = DEFAULT_TIMEOUT_MS) =>
      new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          clearTimeout(timer)
          listeners.delete(look)
          settle()
        }
        const fail = (why: string) => end(() => reject(new Error(`${why} before ${what}: ${JSON.stringify(lines.slice(-5))}`)))
        const look = () => {
          const found = lines.find(matches)
          if (found !== undefined) end(() => resolve(found))
          else if (child.exitCode !== null || child.signalCode !== null) fail('the process ended')
        }
        const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs)
        listeners.add(look)
        look()
      }),
    stop: (signal = 'SIGTERM') => stopChild(child, signal),
  }
}
