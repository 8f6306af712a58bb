import type { ApiClient } from './client.ts'
import { isNotFound } from './client.ts'
import { apiVersionOf, type Resource, resourcePath } from './resources.ts'

/** Names one object; `namespace` for namespaced kinds only. */
export interface ObjectRef {
  readonly namespace?: string
  readonly name: string
}

/** What every call takes. */
export interface CallOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

interface WriteOptions extends CallOptions {
  readonly subresource?: string
  /** Who the change is of, in managedFields; the API server takes the user agent's first word when it is not given. */
  readonly fieldManager?: string
}

export interface ListOptions extends CallOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly pageSize?: number
}

/** One page of a list, its objects filled up with `apiVersion` and `kind`. */
export interface Page<T> {
  readonly items: readonly T[]
  /** Of the whole list: the same on each page. A watch may start here. */
  readonly resourceVersion: string
}

export const DEFAULT_PAGE_SIZE = 500

/** Rejects with status 404 when the object does not exist. */
export function getObject<T>(client: ApiClient, resource: Resource, ref: ObjectRef, options: CallOptions = {}): Promise<T> {
  return client.request<T>({ method: 'GET', path: resourcePath(resource, ref), ...call(options) })
}

/** Like getObject, but an object that does not exist is `undefined`. */
export async function findObject<T>(
  client: ApiClient,
  resource: Resource,
  ref: ObjectRef,
  options: CallOptions = {},
): Promise<T | undefined> {
  try {
    return await getObject<T>(client, resource, ref, options)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** Every object of the list, read in pages. Rejects with status 410 when the list took longer than the API server keeps history. */
export async function listObjects<T>(client: ApiClient, resource: Resource, options: ListOptions = {}): Promise<T[]> {
  const items: T[] = []
  for await (const page of listPages<T>(client, resource, options)) items.push(...page.items)
  return items
}

/** The pages of a list, one request each; all pages show the state of the first. */
export async function* listPages<T>(client: ApiClient, resource: Resource, options: ListOptions = {}): AsyncGenerator<Page<T>> {
  const { namespace, pageSize = DEFAULT_PAGE_SIZE } = options
  const path = resourcePath(resource, namespace === undefined ? {} : { namespace })
  let next: string | undefined
  do {
    const query = { ...selectors(options), limit: String(pageSize), ...(next ? { continue: next } : {}) }
    const page = await client.request<RawPage<T>>({ method: 'GET', path, query, ...call(options) })
    next = page.metadata.continue
    yield { items: complete(page.items ?? [], resource), resourceVersion: page.metadata.resourceVersion }
  } while (next)
}

interface RawPage<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items?: readonly T[] | null
}

/** The API server leaves `apiVersion` and `kind` out of the items of its own kinds. */
function complete<T>(items: readonly T[], resource: Resource): readonly T[] {
  const apiVersion = apiVersionOf(resource)
  return items.map((item) => ({ apiVersion, kind: resource.kind, ...item }))
}

/** The query of a list's or watch's selectors. */
export function selectors({ labelSelector, fieldSelector }: ListOptions): Record<string, string> {
  return { ...(labelSelector ? { labelSelector } : {}), ...(fieldSelector ? { fieldSelector } : {}) }
}

/** Fills in `apiVersion` and `kind`; the namespace is taken from `metadata`. Rejects with reason AlreadyExists when the name is taken. */
export function createObject<T extends Writable>(client: ApiClient, resource: Resource, object: T, options: WriteOptions = {}): Promise<T> {
  const { namespace } = object.metadata
  const path = resourcePath(resource, namespace === undefined ? {} : { namespace })
  return client.request<T>({ method: 'POST', path, body: typed(resource, object), ...write(options) })
}

/** Writes the whole object. With a `resourceVersion` in its metadata it is a compare-and-swap: reason Conflict when it is not the newest. */
export function replaceObject<T extends Writable>(
  client: ApiClient,
  resource: Resource,
  object: T,
  options: WriteOptions = {},
): Promise<T> {
  return client.request<T>({
    method: 'PUT',
    path: pathOf(resource, object.metadata, options),
    body: typed(resource, object),
    ...write(options),
  })
}

const PATCH_CONTENT_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

export interface PatchOptions extends WriteOptions {
  /** RFC 7386 merge, RFC 6902 operations, or server-side apply (which needs `fieldManager`). */
  readonly type: keyof typeof PATCH_CONTENT_TYPES
  /** Server-side apply only: takes fields over from other managers. */
  readonly force?: boolean
}

/**
 * Patches an object and resolves with the result. A merge patch that carries `metadata.resourceVersion` is a compare-and-swap.
 */
export function patchObject<T>(client: ApiClient, resource: Resource, ref: ObjectRef, patch: unknown, options: PatchOptions): Promise<T> {
  const { query, ...rest } = write(options)
  const forced = options.force === true ? { force: 'true' } : {}
  const contentType = PATCH_CONTENT_TYPES[options.type]
  return client.request<T>({
    method: 'PATCH',
    path: pathOf(resource, ref, options),
    body: patch,
    contentType,
    query: { ...query, ...forced },
    ...rest,
  })
}

export interface DeleteOptions extends CallOptions {
  /** Delete only the object with this uid: another one of the same name stays (reason Conflict). */
  readonly uid?: string
  /** Delete only this version (reason Conflict when it is not the newest). */
  readonly resourceVersion?: string
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
}

/** Deletes an object. One that was not there is an answer, no error. */
export async function deleteObject(
  client: ApiClient,
  resource: Resource,
  ref: ObjectRef,
  options: DeleteOptions = {},
): Promise<'deleted' | 'not-found'> {
  const { uid, resourceVersion, propagationPolicy } = options
  const preconditions = { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) }
  const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions, ...(propagationPolicy === undefined ? {} : { propagationPolicy }) }
  try {
    await client.request<unknown>({ method: 'DELETE', path: resourcePath(resource, ref), body, ...call(options) })
    return 'deleted'
  } catch (error) {
    if (isNotFound(error)) return 'not-found'
    throw error
  }
}

/** The least that a write needs to know. */
export interface Writable {
  readonly metadata: { readonly name?: string; readonly namespace?: string }
}

const typed = <T extends Writable>(resource: Resource, object: T): T => ({
  apiVersion: apiVersionOf(resource),
  kind: resource.kind,
  ...object,
})

function pathOf(resource: Resource, { namespace, name }: Writable['metadata'], { subresource }: WriteOptions): string {
  if (name === undefined) throw new RangeError('an object to write needs a name')
  return resourcePath(resource, {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(subresource === undefined ? {} : { subresource }),
  })
}

const call = ({ timeoutMs, signal }: CallOptions): CallOptions => ({
  ...(timeoutMs === undefined ? {} : { timeoutMs }),
  ...(signal === undefined ? {} : { signal }),
})

const write = (options: WriteOptions) => ({
  ...call(options),
  query: options.fieldManager === undefined ? {} : { fieldManager: options.fieldManager },
})
