/**
 * One of our processes as in its Pod: compiled as for the image, with the files and variables that a kubelet gives a ServiceAccount, and with
 * the memory limit and Node's flags of its container.
 * Its log goes to a file, so that reading it costs the bench nothing.
 */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { ALLOCATOR_NODE_FLAGS } from '../../deploy/manifest/allocator.ts'
import { stopChild } from '../../test/support/stop-child.ts'
import { createMemoryLimit } from './memory-limit.ts'
import { until } from './waiting.ts'

export interface Daemon {
  readonly pid: number
  readonly alive: boolean
  /** The first log line of this message, once it is there. */
  said(message: string): Promise<Readonly<Record<string, unknown>>>
  /** Ends it by SIGTERM and waits. Idempotent. */
  stop(): Promise<void>
}

/** Who a process is to the API server, and where that is. */
export interface Account {
  readonly server: URL
  readonly token: string
  /** PEM. */
  readonly authority: string
}

interface DaemonOptions {
  readonly account: Account
  readonly args: readonly string[]
  readonly identity: string
  /** Where its log and its ServiceAccount's files are put. */
  readonly folder: string
  readonly startMessage: string
}

/** As in deploy/manifest. */
const MEMORY_LIMIT_MIB = { allocator: 512, webhook: 256 } as const

/** A mount namespace of its own, in which the files are where a Pod has them. */
const AS_IN_POD = `
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io
cp -r "$1" /run/secrets/kubernetes.io/serviceaccount
echo $$ > "$2"
shift 2
exec "$@"`

/** Starts src/NAME/main.ts, which must have been compiled. Resolves when it has said `startMessage`. The kernel ends it with us, however we end. */
export async function startDaemon(name: 'allocator' | 'webhook', options: DaemonOptions): Promise<Daemon> {
  const { account, args, identity } = options
  const main = fileURLToPath(new URL(`../../dist/src/${name}/main.js`, import.meta.url))
  const log = `${options.folder}/${name}-${identity}.log`
  const files = writeAccount(`${options.folder}/${name}-${identity}`, account)
  const memory = createMemoryLimit(`${process.pid}-${identity}`, MEMORY_LIMIT_MIB[name])
  const inPod = ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', AS_IN_POD, 'pod', files, memory.procs ?? '/dev/null']
  const argv = ['--pdeathsig', 'KILL', ...inPod, process.execPath, ...(name === 'allocator' ? ALLOCATOR_NODE_FLAGS : []), main, ...args]
  const logFile = openSync(log, 'w', 0o600)
  const child = spawn('setpriv', argv, { stdio: ['ignore', 'ignore', logFile], env: environment(account, identity) })
  closeSync(logFile)
  const said = async (message: string): Promise<Readonly<Record<string, unknown>>> => {
    await until(`the ${name} says "${message}"`, () => {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`the ${name} ended before it said "${message}": ${readFileSync(log, 'utf8').slice(-2000)}`)
      }
      return findLine(log, message) !== undefined
    })
    return findLine(log, message) ?? {}
  }
  const stop = async (): Promise<void> => {
    await stopChild(child, 'SIGTERM')
    await memory.remove()
  }
  await said(options.startMessage).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return {
    pid: child.pid ?? 0,
    get alive() {
      return child.exitCode === null && child.signalCode === null
    },
    said,
    stop,
  }
}

function writeAccount(folder: string, { token, authority }: Account): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(`${folder}/token`, token, { mode: 0o600 })
  writeFileSync(`${folder}/ca.crt`, authority)
  return folder
}

function environment({ server }: Account, identity: string): NodeJS.ProcessEnv {
  const { KUBECONFIG: _ignored, ...inherited } = process.env
  return { ...inherited, POD_NAME: identity, KUBERNETES_SERVICE_HOST: server.hostname, KUBERNETES_SERVICE_PORT: server.port }
}

function findLine(log: string, message: string): Readonly<Record<string, unknown>> | undefined {
  const marker = `"msg":${JSON.stringify(message)}`
  const line = readFileSync(log, 'utf8')
    .split('\n')
    .find((text) => text.includes(marker))
  return line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>)
}
