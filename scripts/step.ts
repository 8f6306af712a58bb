import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** How a program ended. */
export interface Outcome {
  readonly ok: boolean
  /** Why it is not ok: `exit code 1`, `signal SIGTERM`, `not done after 60 s`. Empty when it is. */
  readonly reason: string
  readonly seconds: number
  /** Standard output and standard error, in the order in which they came. */
  readonly output: string
}

export interface Program {
  /** A script for the Node that runs this, and its arguments. */
  readonly argv: readonly string[]
  /** After this long it gets SIGTERM, and SIGKILL if it is still there after the grace. */
  readonly limitMs: number
  readonly env?: Readonly<Record<string, string>>
  /** Called for each line of standard output as it comes, without its end. */
  readonly onLine?: (line: string) => void
}

/** What a scenario may take to tear its cluster down after SIGTERM. */
const KILL_GRACE_MS = 30_000

/** Runs one program of this repository to its end. Never rejects: a program that cannot be started is an outcome too. */
export function runProgram(program: Program): Promise<Outcome> {
  const startMs = performance.now()
  const child = spawn(process.execPath, program.argv, {
    cwd: ROOT,
    env: { ...process.env, ...program.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const bound = boundTime(child, program.limitMs)
  let output = ''
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) program.onLine?.(line)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return new Promise((resolve) => {
    const settle = (reason: string) => {
      bound.clear()
      if (rest !== '') program.onLine?.(rest)
      resolve({ ok: reason === '', reason, seconds: (performance.now() - startMs) / 1000, output })
    }
    child.on('error', (error) => settle(error.message))
    child.on('close', (code, signal) => settle(bound.reason() ?? ending(code, signal)))
  })
}

function boundTime(child: ChildProcess, limitMs: number) {
  let reason: string | undefined
  let kill: NodeJS.Timeout | undefined
  const limit = setTimeout(() => {
    reason = `not done after ${limitMs / 1000} s`
    child.kill('SIGTERM')
    kill = setTimeout(() => child.kill('SIGKILL'), KILL_GRACE_MS)
  }, limitMs)
  return {
    reason: () => reason,
    clear() {
      clearTimeout(limit)
      clearTimeout(kill)
    },
  }
}

function ending(code: number | null, signal: NodeJS.Signals | null): string {
  if (code === 0) return ''
  return signal === null ? `exit code ${code}` : `signal ${signal}`
}

/** One line of progress: what, how it went, how long it took. */
export function progress(name: string, outcome: Pick<Outcome, 'ok' | 'reason' | 'seconds'>): string {
  return `${outcome.ok ? 'ok  ' : 'FAIL'} ${outcome.seconds.toFixed(1).padStart(6)} s  ${name}${outcome.ok ? '' : `: ${outcome.reason}`}`
}
