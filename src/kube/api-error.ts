/** The part of Kubernetes' `Status` object that says why a request failed. */
interface StatusBody {
  readonly kind?: unknown
  readonly message?: unknown
  readonly reason?: unknown
  readonly code?: unknown
  readonly details?: { readonly retryAfterSeconds?: unknown }
}

/** Reasons of our own, for `status` 0: there was no answer. */
export type NoAnswerReason = 'Unreachable' | 'Timeout' | 'Aborted'

/**
 * A request to the API server that did not succeed. `status` is the HTTP status, 0 when there was no answer. `reason` is the API
 * server's word (`Conflict`, `AlreadyExists`, `NotFound`, `Expired`, `Forbidden`, ...) or a NoAnswerReason.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly reason: string
  /** What the API server asks us to wait, when it says so (429, 503). */
  readonly retryAfterMs: number | undefined

  constructor(message: string, fields: { status: number; reason: string; retryAfterMs?: number | undefined; cause?: unknown }) {
    super(message, fields.cause === undefined ? {} : { cause: fields.cause })
    this.status = fields.status
    this.reason = fields.reason
    this.retryAfterMs = fields.retryAfterMs
  }
}

const STATUS_REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

/** The longest part of a body that is no Status which a message quotes. */
const LONGEST_QUOTE = 300

/** Makes the error of an answer. `what` names the request (`GET /api/v1/nodes`); `retryAfter` is the header, in seconds. */
export function answerError(what: string, status: number, body: string, retryAfter?: string): ApiError {
  const { message, reason, details } = parseStatus(body)
  const seconds = Number(retryAfter ?? details?.retryAfterSeconds)
  const text = typeof message === 'string' && message !== '' ? message : body.slice(0, LONGEST_QUOTE).trim()
  return new ApiError(`${what}: ${status} ${text}`, {
    status,
    reason: typeof reason === 'string' && reason !== '' ? reason : (STATUS_REASONS[status] ?? 'Unknown'),
    retryAfterMs: seconds > 0 ? seconds * 1000 : undefined,
  })
}

/** Makes the error of a watch's ERROR event, whose object is a Status. */
export function eventError(what: string, object: unknown): ApiError {
  const code = typeof object === 'object' && object !== null ? (object as StatusBody).code : undefined
  return answerError(what, typeof code === 'number' ? code : 500, JSON.stringify(object))
}

function parseStatus(body: string): StatusBody {
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null && (parsed as StatusBody).kind === 'Status' ? (parsed as StatusBody) : {}
  } catch {
    // A proxy in between answers with a page of its own: the caller quotes it.
    return {}
  }
}

/** A read or a write of an object that is not there, or of a kind that the API server does not know. */
export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404

/** Somebody else wrote first: read again, decide again. (`AlreadyExists` has the same status and is something else.) */
export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.reason === 'Conflict'

/** The name is taken. */
export const isAlreadyExists = (error: unknown): boolean => error instanceof ApiError && error.reason === 'AlreadyExists'

/** The API server no longer has the history that was asked for: list again. */
export const isGone = (error: unknown): boolean => error instanceof ApiError && error.status === 410

/** There was no answer, so the write may or may not have happened. */
export const isUnanswered = (error: unknown): boolean => error instanceof ApiError && error.status === 0
