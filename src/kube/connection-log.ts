import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import { ApiError } from './api-error.ts'
import { type Resource, resourceName } from './resources.ts'

/** Whether a collection can be read now, said in the log once per change and not once per try. */
export interface ConnectionLog {
  /** False before the first answer. */
  readonly connected: boolean
  heard(): void
  failed(error: unknown): void
}

/** Creates the log of one collection. */
export function createConnectionLog(resource: Resource, logger: Logger, clock: Clock): ConnectionLog {
  let connected = false
  let trouble: { readonly kind: string; readonly sinceMs: number } | undefined
  return {
    get connected() {
      return connected
    },
    heard() {
      connected = true
      if (trouble !== undefined) {
        logger.info(`${resourceName(resource)} can be read again`, { afterMs: Math.round(clock.monotonicMs() - trouble.sinceMs) })
      }
      trouble = undefined
    },
    failed(error) {
      connected = false
      const kind = error instanceof ApiError ? `${error.status} ${error.reason}` : 'other'
      if (kind === trouble?.kind) return
      trouble = { kind, sinceMs: trouble?.sinceMs ?? clock.monotonicMs() }
      logger.warn(`${explain(resource, error)}; trying again`, { cause: describeError(error) })
    },
  }
}

function explain(resource: Resource, error: unknown): string {
  const name = resourceName(resource)
  if (!(error instanceof ApiError)) return `${name} cannot be read`
  switch (error.status) {
    case 0:
      return `the API server does not answer, so ${name} are as last seen`
    case 401:
      return 'the API server does not know who we are: token or certificate is not valid'
    case 403:
      return `the API server forbids reading ${name}: the role of this ServiceAccount lacks it`
    case 404:
      return `the API server knows no ${name}: the CustomResourceDefinition is not installed`
    default:
      return `the API server cannot serve ${name} now`
  }
}
