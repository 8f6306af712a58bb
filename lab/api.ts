import { Agent, request } from 'node:https'
import type { Credentials } from './pki.ts'

export interface ApiRequest {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
  readonly timeoutMs?: number
}

/** The lab's own few calls to its API server: is it ready, are the nodes, a token please. Everything else is kubectl's. */
export interface LabApi {
  /** Gives the body of a 2xx answer; rejects with the server's message for any other, and when there is none. */
  call(request: ApiRequest): Promise<string>
  close(): void
}

const DEFAULT_TIMEOUT_MS = 5000

export function createLabApi(server: string, authority: string, { certificate, key }: Credentials): LabApi {
  const agent = new Agent({ ca: authority, cert: certificate, key, keepAlive: true, maxSockets: 4 })
  return {
    call: ({ method = 'GET', path, body, timeoutMs = DEFAULT_TIMEOUT_MS }) =>
      new Promise((resolve, reject) => {
        const headers = { accept: 'application/json', 'content-type': 'application/json' }
        const outgoing = request(
          new URL(path, server),
          { method, agent, headers, timeout: timeoutMs, signal: AbortSignal.timeout(timeoutMs) },
          (response) => {
            const chunks: Buffer[] = []
            response.on('data', (chunk: Buffer) => chunks.push(chunk))
            response.on('error', reject)
            response.on('end', () => {
              const text = Buffer.concat(chunks).toString()
              const status = response.statusCode ?? 0
              if (status >= 200 && status < 300) resolve(text)
              else reject(new Error(`${method} ${path}: ${status} ${text.slice(0, 300)}`))
            })
          },
        )
        outgoing.on('error', reject)
        outgoing.end(body === undefined ? undefined : JSON.stringify(body))
      }),
    close: () => agent.destroy(),
  }
}
