import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { childrenOf, identify, signalProcess } from './process-table.ts'

export interface CommandResult {
  /** Exit code; 128 + n when signal n ended the command, as shells say it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly input?: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Milliseconds after which the command is killed; 60 s when absent. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

const DEFAULT_TIMEOUT_MS = 60_000
const STDERR_LINES = 6

/** A step of the lab that failed: which one, why, and the log that knows more. Without a step it is a refusal: the reason is the whole sentence. */
export class StepError extends Error {
  readonly step: string | undefined
  readonly reason: string
  readonly log: string | undefined

  constructor(step: string | undefined, reason: string, log?: string) {
    super(`${step === undefined ? '' : `${step} failed: `}${reason}${log === undefined ? '' : `\n  its log: ${log}`}`)
    this.name = 'StepError'
    this.step = step
    this.reason = reason
    this.log = log
  }
}

/** The environment of everything the lab starts: no proxies (a proxy would see the lab's requests), and the system folders in PATH. */
export function labEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name, value]) => value !== undefined && !/^(https?|all|no)_proxy$/i.test(name))
  const path = new Set([...(process.env['PATH'] ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'])
  return { ...(Object.fromEntries(kept) as Record<string, string>), PATH: [...path].filter((part) => part !== '').join(':'), ...extra }
}

/** Runs a command to its end. Rejects only when it cannot be started or is too slow; a failing command is an answer. */
export function run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [file = '', ...args] = argv
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: { ...labEnvironment(), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: 'SIGKILL' as const }),
    })
    const out: Buffer[] = []
    const errors: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
    // A command that exits without reading its input is no failure of ours.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
    const timer = setTimeout(() => killWithChildren(child), options.timeoutMs ?? DEFAULT_TIMEOUT_MS)
    child.on('error', (error) => {
      clearTimeout(timer)
      // The pipes of a child that never was would keep this process here.
      for (const pipe of child.stdio) pipe?.destroy()
      reject(new Error(`cannot run ${file}: ${error.message}`))
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({
        code: exitCode(code, signal),
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(errors).toString(),
      })
    })
  })
}

/** nsenter waits for a child of its own when it enters a process table, and passes no signal on. */
function killWithChildren(child: ChildProcess): void {
  const inside = child.pid === undefined ? [] : childrenOf(child.pid).map(identify)
  child.kill('SIGKILL')
  for (const found of inside) if (found !== undefined) signalProcess(found, 'SIGKILL')
}

/** One number for both ways to end: 128 + n for signal n, as shells say it. */
export function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal])
}

/** Runs a command that must succeed; gives its stdout. Rejects with a StepError that carries the end of its stderr. */
export async function must(step: string, argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await run(argv, options).catch((error: Error) => {
    throw new StepError(step, error.message)
  })
  if (result.code !== 0)
    throw new StepError(step, `${argv.slice(0, 4).join(' ')} exited with ${result.code}: ${lastLines(result.stderr || result.stdout)}`)
  return result.stdout
}

export function lastLines(text: string, count: number = STDERR_LINES): string {
  return text.trim().split('\n').slice(-count).join('\n')
}

/** Asks `probe` until it answers with a value. Rejects with a StepError after `timeoutMs`, with the last reason `probe` gave by throwing. */
export async function until<T>(
  step: string,
  probe: () => Promise<T | undefined> | T | undefined,
  { timeoutMs, everyMs = 100, log }: { timeoutMs: number; everyMs?: number; log?: string },
): Promise<T> {
  const end = Date.now() + timeoutMs
  let reason = 'no answer'
  while (Date.now() < end) {
    try {
      const value = await probe()
      if (value !== undefined) return value
    } catch (error) {
      if (error instanceof StepError) throw error
      reason = error instanceof Error ? error.message : String(error)
    }
    await sleep(everyMs)
  }
  throw new StepError(step, `not within ${Math.round(timeoutMs / 1000)} s (${reason})`, log)
}
