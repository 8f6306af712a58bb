/** Webhook processes on this host, for tests against a real API server. */
import { spawn } from 'node:child_process'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { stopChild } from './stop-child.ts'

const MAIN = fileURLToPath(new URL('../../src/webhook/main.ts', import.meta.url))
/** A start takes half a second alone, and much longer where many tests share two cores. */
const START_TIMEOUT_MS = 60_000

type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string; readonly level: string }

export interface WebhookProcess {
  readonly port: number
  /** Where /readyz is. */
  readonly health: string
  readonly lines: readonly LogLine[]
  readonly pid: number
  ready(): Promise<{ readonly ok: boolean; readonly text: string }>
  /** Sends a signal (SIGTERM when not told) and waits for the end. Gives the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts a process from the sources and waits until it listens. */
export async function startWebhook(
  kubeconfig: string,
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<WebhookProcess> {
  const args = [
    MAIN,
    '--webhook-port=0',
    '--webhook-host=127.0.0.1',
    '--metrics-addr=127.0.0.1:0',
    `--kubeconfig=${kubeconfig}`,
    '--log-level=debug',
    ...flags,
  ]
  // The kernel ends it with us, however we end.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  const lines: LogLine[] = []
  const started = await new Promise<LogLine>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the webhook did not start: ${JSON.stringify(lines.slice(-5))}`)), START_TIMEOUT_MS)
    child.once('exit', (code) => reject(new Error(`the webhook ended with ${code}: ${JSON.stringify(lines.slice(-5))}`)))
    createInterface({ input: child.stderr }).on('line', (text) => {
      const line = text.startsWith('{') ? (JSON.parse(text) as LogLine) : { msg: text, level: 'raw' }
      lines.push(line)
      if (line.msg !== 'webhook started') return
      clearTimeout(timer)
      resolve(line)
    })
  }).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  const health = `http://127.0.0.1:${String(started['metricsPort'])}`
  return {
    port: Number(started['port']),
    health,
    lines,
    pid: child.pid ?? 0,
    ready: async () => {
      const answer = await fetch(`${health}/readyz`)
      return { ok: answer.ok, text: await answer.text() }
    },
    stop: (signal = 'SIGTERM') => stopChild(child, signal),
  }
}

export interface Balancer {
  readonly port: number
  /** Cuts what is open; new connections go to these ports on the loopback address, in turn. None refuses connections. */
  target(ports: readonly number[]): void
  /** New connections go to these; open ones stay. */
  turnTo(ports: readonly number[]): void
  close(): Promise<void>
}

/** Gives each new TCP connection to the next target: what a Service does. */
export async function startBalancer(host: string): Promise<Balancer> {
  let ports: readonly number[] = []
  let turn = 0
  const open = new Set<Socket>()
  const server = createServer((incoming) => {
    const port = ports[turn++ % Math.max(1, ports.length)]
    if (port === undefined) return void incoming.destroy()
    const outgoing = connect(port, '127.0.0.1')
    for (const socket of [incoming, outgoing]) {
      open.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        open.delete(socket)
        incoming.destroy()
        outgoing.destroy()
      })
    }
    incoming.pipe(outgoing).pipe(incoming)
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    target(next) {
      ports = next
      for (const socket of open) socket.destroy()
    },
    turnTo(next) {
      ports = next
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}
