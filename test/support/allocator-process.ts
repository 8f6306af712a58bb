/** Allocator processes on this host, for tests and benchmarks against a real API server. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { stopChild } from './stop-child.ts'

const MAIN = fileURLToPath(new URL('../../src/allocator/main.ts', import.meta.url))
/** A start takes half a second alone, and much longer where many tests share two cores. */
const START_TIMEOUT_MS = 90_000

type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string; readonly level: string }

export interface AllocatorProcess {
  readonly health: string
  readonly lines: readonly LogLine[]
  readonly pid: number
  /** Resolves with the first line of this message, also one that was written before. */
  said(message: string, timeoutMs?: number): Promise<LogLine>
  page(path: '/readyz' | '/healthz' | '/metrics'): Promise<{ readonly status: number; readonly text: string }>
  /** Sends a signal (SIGTERM when not told) and waits for the end. Gives the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts a process from the sources and waits until it serves its health pages. */
export async function startAllocator(kubeconfig: string, identity: string, flags: readonly string[] = []): Promise<AllocatorProcess> {
  const args = [MAIN, '--metrics-addr=127.0.0.1:0', `--kubeconfig=${kubeconfig}`, '--log-level=debug', ...flags]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, POD_NAME: identity } })
  const lines: LogLine[] = []
  const listeners = new Set<(line: LogLine) => void>()
  createInterface({ input: child.stderr }).on('line', (text) => {
    const line = text.startsWith('{') ? (JSON.parse(text) as LogLine) : { msg: text, level: 'raw' }
    lines.push(line)
    for (const listener of listeners) listener(line)
  })
  const said = (message: string, timeoutMs = START_TIMEOUT_MS): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const known = lines.find(({ msg }) => msg === message)
      if (known !== undefined) return resolve(known)
      const end = (settle: () => void) => {
        clearTimeout(timer)
        listeners.delete(listen)
        child.off('exit', onExit)
        settle()
      }
      const fail = (why: string) => end(() => reject(new Error(`${why} before "${message}": ${JSON.stringify(lines.slice(-8))}`)))
      const onExit = () => fail('the allocator ended')
      const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs)
      const listen = (line: LogLine) => {
        if (line.msg === message) end(() => resolve(line))
      }
      listeners.add(listen)
      child.once('exit', onExit)
    })
  const started = await said('allocator started').catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  const health = `http://127.0.0.1:${String(started['metricsPort'])}`
  return {
    health,
    lines,
    pid: child.pid ?? 0,
    said,
    page: async (path) => {
      const answer = await fetch(`${health}${path}`)
      return { status: answer.status, text: await answer.text() }
    },
    stop: (signal = 'SIGTERM') => stopChild(child, signal),
  }
}
