/** HTTPS: one route per webhook, a certificate that can be changed while requests run. */
import type { Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import { type AdmissionReview, type Admit, outcomeOf, readDeadline, readReview, writeReview } from './admission.ts'
import type { ServingCertificate } from './certificate.ts'

/** One webhook. `name` is the label of its metrics and log lines. */
export interface Route {
  readonly name: string
  readonly path: string
  readonly admit: Admit
}

/** What is counted of each answered review. */
export interface ReviewRecord {
  readonly webhook: string
  readonly operation: string
  readonly outcome: ReturnType<typeof outcomeOf> | 'error'
  readonly durationMs: number
}

export interface AppOptions {
  readonly routes: readonly Route[]
  readonly logger: Logger
  readonly clock: Clock
  readonly onReview: (record: ReviewRecord) => void
  /**
   * Once this is true, every answer ends its connection, so that the API server asks another replica: left alone, it keeps a connection for
   * as long as we do, whatever became of the Service's endpoints. Idle ones are not cut at once, since a request may be on its way on them.
   */
  readonly isLeaving: () => boolean
}

/** An object of 1.5 MB, the most that etcd takes, comes twice in an UPDATE and grows by its managed fields. */
const LARGEST_REVIEW_BYTES = 8 * 1024 * 1024
/**
 * Longer than the 90 s that the API server keeps an idle connection: it, not we, closes one, so no request meets a closing one. That holds
 * for connections on which no request came yet, too: under load the API server opens more than it then uses, and does not try a request
 * again that fails on such a one.
 */
const KEEP_ALIVE_MS = 120_000
/** Running requests end in this time, or are cut. */
const CLOSE_TIMEOUT_MS = 1500

type App = FastifyInstance<Server>

/** The application without a socket; tests call it by `inject`. It has no certificate before startServer gives it one. */
export function createApp(options: AppOptions): App {
  const app = Fastify({
    https: { minVersion: 'TLSv1.2', headersTimeout: KEEP_ALIVE_MS },
    logger: false,
    bodyLimit: LARGEST_REVIEW_BYTES,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    // A request that still comes while we close is answered like any other.
    return503OnClosing: false,
  })
  readJsonPlainly(app)
  for (const route of options.routes) serveRoute(app, route, options)
  app.addHook('onSend', async (_request, reply) => {
    if (options.isLeaving()) reply.header('connection', 'close')
  })
  app.setErrorHandler((error, request, reply) => {
    const status = statusOf(error)
    const log = status >= 500 ? options.logger.error : options.logger.warn
    log(`a request to ${request.url.slice(0, 200)} was not answered`, { status, error: describeError(error) })
    void reply.code(status).send({ error: describeError(error) })
  })
  return app
}

/**
 * fastify searches every body for `__proto__` before it parses it. Ours need no such search: the schemas of the reviews copy the fields that
 * they name and nothing else.
 */
function readJsonPlainly(app: App): void {
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, JSON.parse(body.toString()))
    } catch (error) {
      done(Object.assign(new Error('the body is not JSON', { cause: error }), { statusCode: 400 }))
    }
  })
}

/** fastify's own errors (not JSON, too large) carry a status; whatever else is thrown is a bug, and failurePolicy decides. */
function statusOf(error: unknown): number {
  const { statusCode } = error as { readonly statusCode?: unknown }
  return typeof statusCode === 'number' && statusCode >= 400 ? statusCode : 500
}

function serveRoute(app: App, { name, path, admit }: Route, { logger, clock, onReview }: AppOptions): void {
  app.post(path, async (http, reply) => {
    const review = readReview(http.body)
    if (!review.ok) return reply.code(400).send({ error: review.error })
    const { request } = review.value
    const startedMs = clock.monotonicMs()
    const record = (outcome: ReviewRecord['outcome']): void =>
      onReview({ webhook: name, operation: request.operation, outcome, durationMs: clock.monotonicMs() - startedMs })
    try {
      const answer = await admit(request, readDeadline((http.query as { readonly timeout?: unknown }).timeout))
      record(outcomeOf(answer))
      logAnswer(logger, name, review.value, answer)
      return writeReview(review.value, answer)
    } catch (error) {
      record('error')
      throw error
    }
  })
}

type AnswerOf = Awaited<ReturnType<Admit>>

/** One line per decision; what is let in unchanged only at level debug, since that is most of it. */
function logAnswer(logger: Logger, webhook: string, { request }: AdmissionReview, answer: AnswerOf): void {
  const { operation, namespace, name, dryRun } = request
  const fields = { webhook, operation, ...(namespace && { namespace }), ...(name && { name }), ...(dryRun && { dryRun }) }
  const outcome = outcomeOf(answer)
  if (!answer.allowed) logger.info(`refused: ${answer.message}`, fields)
  else if (outcome === 'allowed') logger.debug('allowed', fields)
  else logger.info(outcome, { ...fields, ...(answer.warnings.length > 0 && { warnings: answer.warnings }), patch: answer.patch })
}

export interface WebhookServer {
  readonly port: number
  /** Serves this certificate to every connection made from now on; those that are open stay. Throws when TLS cannot use it. */
  setCertificate(certificate: Pick<ServingCertificate, 'cert' | 'key'>): void
  /** Ends idle connections, waits a moment for running requests, cuts what is left. Idempotent. */
  close(): Promise<void>
}

/** Listens. Until the first certificate is set, every handshake fails and the process is not ready. Rejects when it cannot listen. */
export async function startServer(app: App, options: { readonly host: string; readonly port: number }): Promise<WebhookServer> {
  await app.listen(options).catch(async (error: NodeJS.ErrnoException) => {
    // A kernel without IPv6 refuses "::"; every IPv4 address is what was meant there.
    if (options.host !== '::' || error.code !== 'EAFNOSUPPORT') throw error
    await app.listen({ ...options, host: '0.0.0.0' })
  })
  const { port } = app.server.address() as AddressInfo
  const cutAll = followConnections(app.server)
  return {
    port,
    setCertificate: ({ cert, key }) => app.server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' }),
    close: async () => {
      const late = setTimeout(cutAll, CLOSE_TIMEOUT_MS)
      await app.close()
      clearTimeout(late)
    },
  }
}

/** Gives the function that cuts every connection, also those on which no handshake or no request ever came: they count as busy. */
function followConnections(server: Server): () => void {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  return () => {
    for (const socket of open) socket.destroy()
  }
}
