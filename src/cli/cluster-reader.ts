/** The cluster as a verb sees it: reads, and the two writes that there are. The shell in cluster.ts does it; tests have a Map. */
import type { ApiError } from '../kube/api-error.ts'
import type { Resource } from '../kube/resources.ts'
import { err, ok, type Result } from '../result.ts'

/** One question to the API server's authorizer about ourselves. */
export interface AccessQuestion {
  readonly verb: 'get' | 'list' | 'patch' | 'delete'
  readonly resource: Resource
  readonly subresource?: string
  readonly namespace?: string
  /** Roles may be about single objects: without a name the answer is about all of them. */
  readonly name?: string
}

/** A port of a Pod. */
export interface PodPort {
  readonly namespace: string
  readonly pod: string
  readonly port: number
}

/** All rejections are ApiErrors. */
export interface ClusterReader {
  /** The namespace of the kubeconfig's context, or `default`. */
  namespace(): Promise<string>
  /** The text of the API server's version, as `v1.34.4`. */
  version(): Promise<string>
  list<T>(resource: Resource, namespace?: string, fieldSelector?: string): Promise<readonly T[]>
  find<T>(resource: Resource, ref: { readonly name: string; readonly namespace?: string }): Promise<T | undefined>
  /** Whether we may do this; undefined when the API server does not say. */
  allowed(question: AccessQuestion): Promise<boolean | undefined>
  /** Deletes exactly this version of an object of cluster scope. Rejects with reason Conflict when it changed meanwhile. */
  remove(
    resource: Resource,
    object: { readonly name: string; readonly uid: string; readonly resourceVersion: string },
  ): Promise<'deleted' | 'not-found'>
  /**
   * Sets annotations of exactly this version of an object of cluster scope, null removes one; resolves with the object after it. Rejects
   * with reason Conflict when the object changed meanwhile, with NotFound when it is gone.
   */
  annotate<T>(
    resource: Resource,
    object: { readonly name: string; readonly resourceVersion: string },
    annotations: Readonly<Record<string, string | null>>,
  ): Promise<T>
  /** The JSON at `path` of a Pod, through the API server, which needs the right to get pods/proxy. Bounded to a few seconds. */
  podPage(at: PodPort, path: string): Promise<unknown>
  wait(ms: number): Promise<void>
  /** Milliseconds since an arbitrary start, of a clock that never goes back. */
  monotonicMs(): number
}

/** A read that may fail without ending the verb: what it would have said is then said to be unknown, and why. */
export type Reading<T> = Result<T, ApiError>

/** Turns a rejection into a value. What is no ApiError is a bug and passes. */
export async function attempt<T>(promise: Promise<T>): Promise<Reading<T>> {
  try {
    return ok(await promise)
  } catch (error) {
    if (isApiError(error)) return err(error)
    throw error
  }
}

/** By its name: this file does not load the class. */
const isApiError = (error: unknown): error is ApiError => error instanceof Error && error.name === 'ApiError'

/** The value, or undefined where it could not be read. */
export const readingOr = <T>(reading: Reading<T>): T | undefined => (reading.ok ? reading.value : undefined)
