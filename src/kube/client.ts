import type { IncomingMessage } from 'node:http'
import { type Clock, systemClock, type Timer } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { type Access, findAccess } from './access.ts'
import { eachChunk, readText } from './answer-body.ts'
import { ApiError, answerError, eventError } from './api-error.ts'
import { countRequests } from './kube-metrics.ts'
import { createTransport, type Transport } from './transport.ts'
import { createLineSplitter } from './watch-lines.ts'

export { ApiError, isAlreadyExists, isConflict, isGone, isNotFound, isUnanswered } from './api-error.ts'

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** From the server's root, without query: `/api/v1/nodes`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Any JSON value. */
  readonly body?: unknown
  /** Of the body; `application/json` unless told. */
  readonly contentType?: string
  /** From the call to the last byte of the answer. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: unknown
}

export interface WatchRequest {
  /** Of the collection. */
  readonly path: string
  /** Selectors and `resourceVersion`; the rest is filled in. */
  readonly query: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** How long the API server keeps the watch open. */
  readonly timeoutMs: number
  /** The watch ends after this long without a byte: a collection in which nothing happens gives no bookmarks either. */
  readonly idleTimeoutMs: number
  /** Called once the API server has accepted the watch. */
  readonly onOpen?: () => void
  /** Called in order, one call per event. A throw ends the watch. */
  readonly onEvent: (event: WatchEvent) => void
}

/** JSON over HTTPS to one API server. All rejections are ApiErrors. */
export interface ApiClient {
  /** Resolves with the answer's JSON (`undefined` when it has no body). */
  request<T>(request: ApiRequest): Promise<T>
  /**
   * Resolves when the API server ends the watch or nothing was heard for idleTimeoutMs: both are normal, and opening it again shows
   * whether the API server is there. Rejects on errors, the API server's ERROR events included, and when it does not open in 10 s.
   */
  watch(request: WatchRequest): Promise<void>
  /** Ends every exchange that runs (with reason `Aborted`) and all connections. Idempotent. */
  close(): void
}

export interface ApiClientOptions {
  /** Of a kubeconfig; without it see findAccess. */
  readonly kubeconfigPath?: string | undefined
  /** A context of the kubeconfig in place of its current one. */
  readonly context?: string | undefined
  /** Product and version, as `openelb-speaker/0.1.0`: the audit log and managedFields show it. */
  readonly userAgent: string
  readonly logger: Logger
  readonly metrics?: Metrics
  readonly clock?: Clock
  readonly env?: Readonly<Record<string, string | undefined>>
}

export const DEFAULT_TIMEOUT_MS = 10_000

/** Creates a client. Nothing is read or sent before the first request, so an API server that is away fails that request, not this. */
export function createApiClient(options: ApiClientOptions): ApiClient {
  const { kubeconfigPath, context, env = process.env, clock = systemClock, logger } = options
  const access = async (): Promise<Access> => {
    const found = await findAccess({ kubeconfigPath, context, env }).catch((error: unknown) => {
      throw new ApiError('no way to the API server', { status: 0, reason: 'Unreachable', cause: error })
    })
    logger.debug(`the API server is ${found.server.origin}`, { source: found.source })
    return found
  }
  const transport = createTransport(access, clock)
  const closing = new AbortController()
  const count = countRequests(options.metrics)
  const connection: Connection = { transport, closing: closing.signal, userAgent: options.userAgent, clock, count }
  return {
    request: (request) => requestJson(connection, request),
    watch: (request) => watch(connection, request),
    close() {
      closing.abort()
      transport.close()
    },
  }
}

interface Connection {
  readonly transport: Transport
  readonly closing: AbortSignal
  readonly userAgent: string
  readonly clock: Clock
  readonly count: ReturnType<typeof countRequests>
}

async function requestJson<T>(connection: Connection, request: ApiRequest): Promise<T> {
  const { method, path, query, timeoutMs = DEFAULT_TIMEOUT_MS } = request
  const what = `${method} ${path}`
  const startedMs = connection.clock.monotonicMs()
  const bound = bounded(connection, request.signal, what)
  const timer = connection.clock.setTimer(timeoutMs, () => bound.abort('Timeout', `no answer within ${timeoutMs} ms`))
  let status = 0
  try {
    const url = withQuery(path, query)
    const body = request.body === undefined ? undefined : JSON.stringify(request.body)
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }
    const send = () =>
      connection.transport.send({
        method,
        path: url,
        body,
        headers: { ...headers(connection), ...type },
        signal: bound.signal,
        stream: false,
      })
    const answer = await sendTwice(connection, method, send)
    status = answer.statusCode ?? 0
    const text = await readAnswer(answer, what, bound.signal)
    if (status >= 400) throw answerError(what, status, text, answer.headers['retry-after'])
    return parseJson<T>(text, what, status)
  } finally {
    timer.cancel()
    bound.release()
    connection.count(method, status, connection.clock.monotonicMs() - startedMs)
  }
}

/**
 * Sends again, once, where that is safe and useful: with fresh credentials after 401 (the token was replaced), and a GET whose
 * connection broke before the answer (the API server closed it while we wrote).
 */
async function sendTwice(connection: Connection, method: string, send: () => Promise<IncomingMessage>): Promise<IncomingMessage> {
  try {
    const answer = await send()
    if (answer.statusCode !== 401) return answer
    answer.resume()
    connection.transport.forgetCredentials()
  } catch (error) {
    const code = error instanceof ApiError ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined
    if (method !== 'GET' || (code !== 'ECONNRESET' && code !== 'EPIPE')) throw error
  }
  return await send()
}

async function watch(connection: Connection, request: WatchRequest): Promise<void> {
  const { path, query, timeoutMs, onEvent, onOpen } = request
  const what = `watch ${path}`
  const bound = bounded(connection, request.signal, what)
  const limit = createLimit(connection.clock)
  const timeoutSeconds = String(Math.max(1, Math.round(timeoutMs / 1000)))
  const url = withQuery(path, { ...query, watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds })
  let idle = false
  const onIdle = () => {
    idle = true
    bound.abort('Timeout', 'nothing heard')
  }
  try {
    limit.set(DEFAULT_TIMEOUT_MS, () => bound.abort('Timeout', `not open within ${DEFAULT_TIMEOUT_MS} ms`))
    const answer = await connection.transport.send({
      method: 'GET',
      path: url,
      headers: headers(connection),
      signal: bound.signal,
      stream: true,
    })
    const status = answer.statusCode ?? 0
    connection.count('WATCH', status, 0)
    if (status === 401) connection.transport.forgetCredentials()
    if (status !== 200) throw answerError(what, status, await readAnswer(answer, what, bound.signal), answer.headers['retry-after'])
    onOpen?.()
    const lines = createLineSplitter((line) => onEvent(parseEvent(line, what)))
    limit.set(request.idleTimeoutMs, onIdle)
    await eachChunk(answer, (chunk) => {
      limit.heard()
      lines.push(chunk)
    })
  } catch (error) {
    if (!idle) throw asApiError(error, what, bound.signal)
  } finally {
    limit.clear()
    bound.release()
    bound.abort('Aborted', 'over')
  }
}

/** One time limit at a time. `heard` begins its time anew, by a note alone: a timer per event of a watch would cost more than the event. */
function createLimit(clock: Clock) {
  let timer: Timer | undefined
  let heardMs = 0
  const clear = () => timer?.cancel()
  const set = (ms: number, fn: () => void) => {
    clear()
    heardMs = clock.monotonicMs()
    const arm = (inMs: number) => {
      timer = clock.setTimer(inMs, () => {
        const leftMs = heardMs + ms - clock.monotonicMs()
        if (leftMs > 0) arm(leftMs)
        else fn()
      })
    }
    arm(ms)
  }
  const heard = () => {
    heardMs = clock.monotonicMs()
  }
  return { set, heard, clear }
}

function parseEvent(line: string, what: string): WatchEvent {
  const event = parseJson<{ type: string; object: unknown }>(line, what, 200)
  if (event.type === 'ERROR') throw eventError(what, event.object)
  return event as WatchEvent
}

const headers = ({ userAgent }: Connection): Record<string, string> => ({ accept: 'application/json', 'user-agent': userAgent })

function withQuery(path: string, query: Readonly<Record<string, string>> | undefined): string {
  const text = new URLSearchParams(query).toString()
  return text === '' ? path : `${path}?${text}`
}

interface Bound {
  readonly signal: AbortSignal
  abort(reason: 'Timeout' | 'Aborted', why: string): void
  /** Lets go of the caller's signal, which may live much longer. */
  release(): void
}

/** One signal that ends an exchange: the caller's, the client's end, or a time limit; its reason is always an ApiError. */
function bounded(connection: Connection, outer: AbortSignal | undefined, what: string): Bound {
  const controller = new AbortController()
  const abort = (reason: 'Timeout' | 'Aborted', why: string, cause?: unknown) =>
    controller.abort(new ApiError(`${what}: ${why}`, { status: 0, reason, cause }))
  const sources = outer === undefined ? [connection.closing] : [connection.closing, outer]
  const onAbort = () => abort('Aborted', 'aborted', outer?.reason)
  for (const source of sources) {
    if (source.aborted) onAbort()
    source.addEventListener('abort', onAbort, { once: true })
  }
  const release = () => {
    for (const source of sources) source.removeEventListener('abort', onAbort)
  }
  return { signal: controller.signal, abort, release }
}

async function readAnswer(answer: IncomingMessage, what: string, signal: AbortSignal): Promise<string> {
  try {
    return await readText(answer)
  } catch (error) {
    throw asApiError(error, what, signal)
  }
}

function parseJson<T>(text: string, what: string, status: number): T {
  if (text === '') return undefined as T
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw new ApiError(`${what}: the answer is not JSON`, { status, reason: 'BadAnswer', cause: error })
  }
}

function asApiError(error: unknown, what: string, signal: AbortSignal): ApiError {
  if (signal.reason instanceof ApiError) return signal.reason
  if (error instanceof ApiError) return error
  const isNetwork = typeof (error as NodeJS.ErrnoException).code === 'string'
  if (isNetwork) return new ApiError(`${what}: the connection broke`, { status: 0, reason: 'Unreachable', cause: error })
  return new ApiError(`${what}: the answer could not be taken`, { status: 200, reason: 'BadAnswer', cause: error })
}
