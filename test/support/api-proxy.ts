/** A proxy in front of the API server that counts and spoils writes, so that a process can die, or lose a race, at any of them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, request } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { parse, stringify } from 'yaml'

/** One write that passes, or does not. */
export interface PassingWrite {
  readonly method: string
  /** With query. */
  readonly path: string
  /** Counts from 1, over all writes that `counts` accepts. */
  readonly number: number
}

/**
 * - `pass`: to the API server and back;
 * - `lost`: never reaches the API server, and the connection breaks;
 * - `unanswered`: the API server does it, and the connection breaks before the answer;
 * - `conflict`: the API server is not asked, and the answer is 409 Conflict.
 */
export type Fate = 'pass' | 'lost' | 'unanswered' | 'conflict'

export interface ApiProxy {
  readonly url: string
  /** How many writes came so far. */
  readonly writes: readonly PassingWrite[]
  /** Forgets the count and decides about writes from now on. A write waits for a fate that is promised: it is late. */
  reset(fate?: (write: PassingWrite) => Fate | Promise<Fate>): void
  /** A copy of a kubeconfig that leads through this proxy. */
  kubeconfig(of: string): string
  close(): Promise<void>
}

const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])
/** Events are best effort, and the Lease has tests of its own. */
const UNCOUNTED = /\/(events|leases)(\/|\?|$)/

/** `PATCH services/status` of `/api/v1/namespaces/a/services/b/status?...`. */
export function writeKind({ method, path }: PassingWrite): string {
  const [, plural = path, status = ''] = /\/(services|addressclaims|eips)(?:\/[^/?]+(\/status)?)?(?:\?|$)/.exec(path) ?? []
  return `${method} ${plural}${status}`
}

export async function startApiProxy(apiServer: string): Promise<ApiProxy> {
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: 128 })
  const sockets = new Set<Socket>()
  let writes: PassingWrite[] = []
  let fateOf: (write: PassingWrite) => Fate | Promise<Fate> = () => 'pass'
  const copies: string[] = []

  function forward(incoming: IncomingMessage, outgoing: ServerResponse, answered: boolean): void {
    const { host: _host, ...headers } = incoming.headers
    const upstream = request(new URL(incoming.url ?? '/', apiServer), { method: incoming.method, headers, agent }, (answer) => {
      if (!answered) {
        answer.resume()
        answer.on('end', () => incoming.socket.destroy())
        return
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      outgoing.flushHeaders()
      answer.pipe(outgoing)
      answer.on('error', () => outgoing.destroy())
    })
    upstream.on('error', () => outgoing.destroy())
    outgoing.on('close', () => upstream.destroy())
    incoming.pipe(upstream)
  }

  function judge(incoming: IncomingMessage): Fate | Promise<Fate> {
    const { method = '', url = '' } = incoming
    if (!WRITES.has(method) || UNCOUNTED.test(url)) return 'pass'
    const write = { method, path: url, number: writes.length + 1 }
    writes.push(write)
    return fateOf(write)
  }

  const server = createServer(async (incoming, outgoing) => {
    const fate = await judge(incoming)
    if (fate === 'lost') incoming.socket.destroy()
    else if (fate !== 'conflict') forward(incoming, outgoing, fate === 'pass')
    else {
      incoming.resume()
      const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Conflict', message: 'spoilt by the test', code: 409 }
      outgoing.writeHead(409, { 'content-type': 'application/json' }).end(JSON.stringify(status))
    }
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    get writes() {
      return writes
    },
    reset(fate = () => 'pass') {
      writes = []
      fateOf = fate
    },
    kubeconfig(of) {
      const config = parse(readFileSync(of, 'utf8')) as { clusters: { cluster: object }[] }
      // Without TLS between the process and the proxy; client-node asks for this to be said.
      for (const each of config.clusters) each.cluster = { server: url, 'insecure-skip-tls-verify': true }
      const path = `${of}.proxied-${copies.length}`
      writeFileSync(path, stringify(config), { mode: 0o600 })
      copies.push(path)
      return path
    },
    async close() {
      agent.destroy()
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
