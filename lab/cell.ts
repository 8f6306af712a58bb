import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { labEnvironment, lastLines, StepError, until } from './command.ts'
import { enterNamespace } from './network.ts'
import { childrenOf, identify, isAlive, killAndWait, MARKER, type ProcessIdentity, signalProcess } from './process-table.ts'

/** A command running in a cell, restartable: tests stop and start components. */
export interface Component {
  readonly name: string
  readonly log: string
  readonly running: boolean
  /** The process itself as the host sees it (not the nsenter around it). */
  readonly pid: number | undefined
  start(): Promise<void>
  /** Sends the signal and waits for the end, at most 10 s. Idempotent. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/**
 * A machine made of namespaces: a network, a process table and mounts of its own. Its first process is an init that only waits;
 * when that is killed the kernel ends every process inside, containers and shims too, and with them every mount. So nothing
 * that runs in a cell can outlive it, whatever became of the lab.
 */
export interface Cell {
  readonly namespace: string
  readonly anchor: ProcessIdentity
  /** argv prefix that runs a command inside. */
  readonly enter: readonly string[]
  component(name: string, argv: readonly string[], environment?: Readonly<Record<string, string>>): Component
}

export interface CellOptions {
  readonly namespace: string
  /** The lab's directory: every process carries it in its environment. */
  readonly directory: string
  readonly logs: string
  /** Bind mounts made in this order before anything runs inside: host path, path in the cell. */
  readonly binds: readonly (readonly [string, string])[]
  /** Called when a process was started, to write it down. */
  readonly onStart: (name: string, process: ProcessIdentity, log: string) => void
}

const ANCHOR_TIMEOUT_MS = 10_000
const STOP_TIMEOUT_MS = 10_000
/** wait reaps what is orphaned inside; the sleep only gives it something to wait for. */
const INIT_LOOP = 'echo ready\nexec >&2\nwhile :; do sleep 86400 & wait; done'

/** Starts the cell's init. Rejects with a StepError when the kernel or a mount refuses. */
export async function startCell(options: CellOptions): Promise<Cell> {
  const log = `${options.logs}/cell-${options.namespace}.log`
  const mounts = options.binds.map(([from, to]) => `mount --rbind '${from}' '${to}'`)
  const unshare = ['unshare', '--mount', '--propagation', 'slave', '--pid', '--fork', '--kill-child', '--mount-proc']
  const argv = [...enterNamespace(options.namespace), ...unshare, '/bin/sh', '-ec', [...mounts, INIT_LOOP].join('\n')]
  const child = start(argv, log, options, 'pipe')
  const anchor = await identified(child, `cell ${options.namespace}`, log)
  options.onStart(`cell-${options.namespace}`, anchor, log)
  await ready(child, `cell ${options.namespace}`, log)
  return cellOf(options, anchor)
}

function cellOf(options: CellOptions, anchor: ProcessIdentity): Cell {
  const enter = enterCell(anchor.pid)
  return {
    namespace: options.namespace,
    anchor,
    enter,
    component: (name, argv, environment) => createComponent(name, [...enter, ...argv], environment ?? {}, options),
  }
}

/** The argv prefix that enters the cell whose anchor has this pid. Throws a StepError when the cell is gone. */
export function enterCell(anchorPid: number): string[] {
  const [init] = childrenOf(anchorPid)
  if (init === undefined) throw new StepError('entering a cell', `its first process (under pid ${anchorPid}) is gone`)
  return ['nsenter', `--target=${init}`, '--net', '--mount', '--pid']
}

function createComponent(
  name: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  options: CellOptions,
): Component {
  const log = `${options.logs}/${name}.log`
  let wrapper: ProcessIdentity | undefined
  const inner = () => (wrapper === undefined || !isAlive(wrapper) ? undefined : childrenOf(wrapper.pid)[0])
  return {
    name,
    log,
    get running() {
      return wrapper !== undefined && isAlive(wrapper)
    },
    get pid() {
      return inner()
    },
    async start() {
      if (wrapper !== undefined && isAlive(wrapper)) return
      wrapper = await identified(start(argv, log, options, 'ignore', environment), name, log)
      options.onStart(name, wrapper, log)
    },
    async stop(signal = 'SIGTERM') {
      const pid = inner()
      const target = pid === undefined ? undefined : identify(pid)
      if (wrapper === undefined || target === undefined) return
      signalProcess(target, signal)
      const waiting = wrapper
      await until(`stopping ${name}`, () => (isAlive(waiting) ? undefined : true), { timeoutMs: STOP_TIMEOUT_MS, everyMs: 20, log }).catch(
        () => killAndWait([target, waiting], STOP_TIMEOUT_MS),
      )
    },
  }
}

/** Detached, so that it lives on when the lab's command ends; stderr (and stdout, unless piped) go to the log. */
function start(argv: readonly string[], log: string, options: CellOptions, stdout: 'pipe' | 'ignore', environment = {}): ChildProcess {
  const [file = '', ...args] = argv
  const output = openSync(log, 'a')
  try {
    const env = labEnvironment({ [MARKER]: options.directory, ...environment })
    const child = spawn(file, args, { detached: true, stdio: ['ignore', stdout === 'pipe' ? 'pipe' : output, output], env, cwd: '/' })
    child.unref()
    return child
  } finally {
    closeSync(output)
  }
}

async function identified(child: ChildProcess, step: string, log: string): Promise<ProcessIdentity> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) => reject(new StepError(step, error.message, log)))
  })
  const found = child.pid === undefined ? undefined : identify(child.pid)
  if (found === undefined) throw new StepError(step, 'it ended at once', log)
  return found
}

function ready(child: ChildProcess, step: string, log: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => finish(new StepError(step, `not ready within ${ANCHOR_TIMEOUT_MS / 1000} s`, log)), ANCHOR_TIMEOUT_MS)
    const finish = (error?: Error) => {
      clearTimeout(timer)
      child.stdout?.destroy()
      if (error === undefined) resolve()
      else reject(error)
    }
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('ready\n')) finish()
    })
    child.once('exit', (code) =>
      finish(new StepError(step, `its first process exited with ${code}${text === '' ? '' : `: ${lastLines(text)}`}`, log)),
    )
  })
}
