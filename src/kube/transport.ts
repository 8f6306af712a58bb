import { createHash } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../runtime/clock.ts'
import type { Access, Credentials, TlsMaterial } from './access.ts'
import { ApiError } from './api-error.ts'

/** One HTTP exchange, before its body is read. `settled` must be called at its end. */
export interface Exchange {
  readonly method: string
  readonly path: string
  readonly body?: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** A stream takes a connection of its own, so that open watches never use up those for requests. */
  readonly stream: boolean
}

/** Connections to the API server: kept alive, made anew when the credentials change. */
export interface Transport {
  /** Resolves with the answer's head, whatever its status. Rejects with an ApiError of status 0. */
  send(exchange: Exchange): Promise<http.IncomingMessage>
  /** Forgets cached credentials: the API server did not accept them. */
  forgetCredentials(): void
  /** Idempotent. */
  close(): void
}

/** As long as the token of a Pod may be used after the kubelet replaced it; client-go reads it as often. */
const CREDENTIALS_AGE_MS = 60_000
/** Below the API server's own limit for idle connections (90 s), so that we never write on a connection that it is closing. */
const IDLE_CONNECTION_MS = 30_000
/** The kernel asks a silent peer after this, then each second, ten times: a dead API server is noticed within 20 s. */
const KEEP_ALIVE_PROBE_MS = 10_000
const MOST_CONNECTIONS = 64

interface Agents {
  readonly credentials: Credentials
  readonly fingerprint: string
  readonly requests: http.Agent
  readonly streams: http.Agent
}

export function createTransport(findAccess: () => Promise<Access>, clock: Clock): Transport {
  let access: Promise<Access> | undefined
  let cached: { readonly credentials: Promise<Credentials>; readonly untilMs: number } | undefined
  let agents: Agents | undefined
  const all = new Set<http.Agent>()
  const dropOnFailure = <T>(promise: Promise<T>, drop: () => void): Promise<T> => {
    promise.catch(drop)
    return promise
  }
  const currentAccess = (): Promise<Access> => {
    access ??= dropOnFailure(findAccess(), () => {
      access = undefined
    })
    return access
  }
  const currentCredentials = async (from: Access): Promise<Credentials> => {
    if (cached === undefined || clock.monotonicMs() >= cached.untilMs) {
      const credentials = dropOnFailure(from.credentials(), () => {
        cached = undefined
      })
      cached = { credentials, untilMs: clock.monotonicMs() + CREDENTIALS_AGE_MS }
    }
    return cached.credentials
  }
  const agentFor = (server: URL, credentials: Credentials, stream: boolean): http.Agent => {
    if (credentials.proxyAgent instanceof http.Agent) return credentials.proxyAgent
    if (agents?.credentials !== credentials) {
      const fingerprint = fingerprintOf(credentials.tls)
      // Only a new token: the connections stay. Otherwise exchanges that run keep the old ones to their end; idle ones time out.
      if (agents?.fingerprint === fingerprint) agents = { ...agents, credentials }
      else agents = { credentials, fingerprint, ...createAgents(server, credentials.tls) }
      all.add(agents.requests).add(agents.streams)
    }
    return stream ? agents.streams : agents.requests
  }
  return {
    async send(exchange) {
      // A credential plugin that hangs must not outlast the request.
      const from = await abortable(currentAccess(), exchange.signal)
      const credentials = await abortable(currentCredentials(from), exchange.signal)
      const agent = agentFor(from.server, credentials, exchange.stream)
      return await exchangeHeads(from.server, credentials, agent, exchange)
    },
    forgetCredentials() {
      cached = undefined
    },
    close() {
      for (const agent of all) agent.destroy()
      all.clear()
      agents = undefined
    },
  }
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function createAgents(server: URL, { ca, cert, key, pfx, passphrase, ...rest }: TlsMaterial): Pick<Agents, 'requests' | 'streams'> {
  const base = { keepAliveMsecs: KEEP_ALIVE_PROBE_MS, timeout: IDLE_CONNECTION_MS, scheduling: 'lifo' as const }
  const kept = { ...base, keepAlive: true, maxSockets: MOST_CONNECTIONS }
  if (server.protocol === 'http:') return { requests: new http.Agent(kept), streams: new http.Agent(base) }
  // Parsed once; and an agent that is given the texts themselves would join and compare all of them at each request.
  const secureContext = createSecureContext(
    Object.fromEntries(Object.entries({ ca, cert, key, pfx, passphrase }).filter(([, value]) => value !== undefined)),
  )
  const tls = { ...rest, secureContext }
  return { requests: new https.Agent({ ...kept, ...tls }), streams: new https.Agent({ ...base, ...tls }) }
}

function fingerprintOf(tls: TlsMaterial): string {
  const hash = createHash('sha256')
  for (const [name, value] of Object.entries(tls)) hash.update(`${name}=${String(value)}\n`)
  return hash.digest('hex')
}

function exchangeHeads(server: URL, credentials: Credentials, agent: http.Agent, exchange: Exchange): Promise<http.IncomingMessage> {
  const { method, path, body, signal } = exchange
  const prefix = server.pathname.replace(/\/$/, '')
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const options = {
    method,
    agent,
    signal,
    protocol: server.protocol,
    hostname: server.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: server.port || (server.protocol === 'http:' ? 80 : 443),
    path: `${prefix}${path}`,
    headers: { ...exchange.headers, ...credentials.headers, ...length },
  }
  return new Promise((resolve, reject) => {
    const request = (server.protocol === 'http:' ? http : https).request(options, resolve)
    request.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS).setNoDelay(true))
    request.on('error', (error) => reject(signal.aborted ? signal.reason : unreachable(method, server, path, error)))
    request.end(body)
  })
}

const unreachable = (method: string, server: URL, path: string, cause: Error): ApiError =>
  new ApiError(`${method} ${path}: no answer from ${server.origin}`, { status: 0, reason: 'Unreachable', cause })
