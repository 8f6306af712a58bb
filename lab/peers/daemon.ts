import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { labEnvironment, lastLines, StepError } from '../command.ts'
import { enterNamespace } from '../network.ts'
import { identify, isAlive, type ProcessIdentity, signalProcess } from '../process-table.ts'

/** One program of a router, in the foreground of its namespace. */
export interface Daemon {
  readonly name: string
  running(): boolean
  start(): void
  signal(name: NodeJS.Signals): void
  /** Sends the signal and waits for the end; SIGKILL when that takes too long. Idempotent. */
  stop(signal: NodeJS.Signals): Promise<void>
}

/** Set in the environment of every process of a router, with its folder as value: how a later run knows what an earlier one left behind. */
const ROUTER_MARKER = 'OPENELB_ROUTER'

const STOP_LIMIT_MS = 5000

export function createDaemon(name: string, options: { namespace: string; folder: string; argv: readonly string[] }): Daemon {
  const log = daemonLog(options.folder, name)
  let process: ProcessIdentity | undefined
  const running = () => process !== undefined && isAlive(process)
  return {
    name,
    running,
    start() {
      if (!running()) process = launch(name, options, log)
    },
    signal(signal) {
      if (process !== undefined) signalProcess(process, signal)
    },
    async stop(signal) {
      if (process === undefined) return
      signalProcess(process, signal)
      // What is stopped hears nothing else.
      if (signal !== 'SIGKILL') signalProcess(process, 'SIGCONT')
      for (const end = Date.now() + STOP_LIMIT_MS; isAlive(process); await sleep(10))
        if (Date.now() > end) signalProcess(process, 'SIGKILL')
      process = undefined
    },
  }
}

export const daemonLog = (folder: string, name: string): string => `${folder}/${name}.out`

function launch(name: string, { namespace, folder, argv }: { namespace: string; folder: string; argv: readonly string[] }, log: string) {
  const output = openSync(log, 'a')
  try {
    const [file = '', ...args] = [...enterNamespace(namespace), ...argv]
    const env = labEnvironment({ [ROUTER_MARKER]: folder })
    // nsenter makes no process of its own for a network namespace: the child is the program.
    const child = spawn(file, args, { stdio: ['ignore', output, output], env, cwd: folder, detached: true })
    child.unref()
    child.on('error', () => undefined)
    const found = child.pid === undefined ? undefined : identify(child.pid)
    if (found === undefined) throw new StepError(name, 'it ended at once', log)
    return found
  } finally {
    closeSync(output)
  }
}

/** The last lines of a log; empty when there is none. */
export function endOf(path: string, lines = 12): string {
  return existsSync(path) ? lastLines(readFileSync(path, 'utf8'), lines) : ''
}
