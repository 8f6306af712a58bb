import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { describeError } from './logger.ts'

/** One thing that must hold. `detail` says why it does not. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail?: string
}

export interface HealthServerOptions {
  readonly host: string
  /** 0 takes any free port; the answer says which. */
  readonly port: number
  readonly registry: Registry
  /** Whether the process can do its work now: asked at each request to /readyz. */
  readonly ready: () => readonly Check[]
  /** Whether a restart could help: asked at each request to /healthz. None means that answering is enough. */
  readonly live?: () => readonly Check[]
  /** More pages by their paths, each as JSON text: asked at each request, with what stands behind the `?`. */
  readonly pages?: Readonly<Record<string, (query: URLSearchParams) => string>>
}

export interface HealthServer {
  readonly port: number
  /** Stops listening and drops open connections. Idempotent. */
  close(): Promise<void>
}

/** A scraper that sends its request slower than this is cut off. */
const REQUEST_TIMEOUT_MS = 5000

/**
 * Serves /metrics (Prometheus text), /healthz and /readyz. The last two answer 200 or 503 and list every check as Kubernetes' own
 * components do: `[+]name ok`, `[-]name failed: detail`. Rejects when the address cannot be listened on.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, listener(options))
  await listen(server, options.host, options.port)
  const { port } = server.address() as AddressInfo
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        // An error here only says that the server was closed before.
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listener({ registry, ready, live, pages: more = {} }: HealthServerOptions): RequestListener {
  const pages = new Map<string, (query: URLSearchParams) => Promise<Page> | Page>([
    ['/metrics', async () => ({ status: 200, type: registry.contentType, text: await registry.metrics() })],
    ['/healthz', () => checksPage('healthz', live?.() ?? [])],
    ['/readyz', () => checksPage('readyz', ready())],
    ...Object.entries(more).map(([path, json]) => [path, (query: URLSearchParams) => jsonPage(json(query))] as const),
  ])
  return (request, response) => {
    const answer = ({ status, type, text }: Page) =>
      response.writeHead(status, { 'content-type': type }).end(request.method === 'HEAD' ? '' : text)
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    const page = pages.get(path)
    if (request.method !== 'GET' && request.method !== 'HEAD') return void answer(plainPage(405, 'only GET is served here\n'))
    if (page === undefined) return void answer(plainPage(404, `there is only ${[...pages.keys()].join(', ')}\n`))
    Promise.resolve()
      .then(() => page(new URLSearchParams(query)))
      .then(answer, (error: unknown) => answer(plainPage(500, `${describeError(error)}\n`)))
  }
}

interface Page {
  readonly status: number
  readonly type: string
  readonly text: string
}

const jsonPage = (text: string): Page => ({ status: 200, type: 'application/json', text })

const plainPage = (status: number, text: string): Page => ({ status, type: 'text/plain; charset=utf-8', text })

function checksPage(name: string, checks: readonly Check[]): Page {
  const lines = checks.map(({ name, ok, detail }) => (ok ? `[+]${name} ok` : `[-]${name} failed: ${detail ?? 'no reason given'}`))
  const passed = checks.every((check) => check.ok)
  return plainPage(passed ? 200 : 503, `${[...lines, `${name} check ${passed ? 'passed' : 'failed'}`].join('\n')}\n`)
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    await listenOnce(server, host, port)
  } catch (error) {
    // A kernel without IPv6 refuses "::"; every IPv4 address is what was meant there.
    if (host !== '::' || (error as NodeJS.ErrnoException).code !== 'EAFNOSUPPORT') throw error
    await listenOnce(server, '0.0.0.0', port)
  }
}

const listenOnce = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
