import type { ObjectMeta } from '../api/core-objects.ts'
import type { Logger } from '../runtime/logger.ts'

/** An object as the API server sent it, without managedFields. */
export interface RawObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

/** What happened to one key: `before` is absent for a new object, `after` for one that is gone. */
export interface ObjectChange<T> {
  readonly key: string
  readonly before: T | undefined
  readonly after: T | undefined
}

/** Objects by key, and who wants to hear of changes. */
export interface ObjectStore<T> {
  get(key: string): T | undefined
  values(): Iterable<T>
  readonly size: number
  subscribe(listener: (change: ObjectChange<T>) => void): () => void
  put(raw: RawObject): void
  remove(raw: RawObject): void
  /** Takes a whole list, page by page; at the end, what was in no page is removed. */
  beginListing(): { add(items: readonly RawObject[]): void; end(): void }
}

interface Entry<T> {
  readonly uid: string
  readonly resourceVersion: string
  readonly object: T
}

/** `namespace/name`, or `name` for kinds without namespaces. */
export const keyOf = ({ namespace, name }: { readonly namespace?: string; readonly name: string }): string =>
  namespace === undefined ? name : `${namespace}/${name}`

/** The inverse of keyOf. */
export function parseKey(key: string): { readonly namespace?: string; readonly name: string } {
  const slash = key.indexOf('/')
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** Creates an empty store. A listener or a projection that throws is a bug: it is logged, and the others still hear the change. */
export function createObjectStore<T>(project: (raw: RawObject) => T, logger: Logger): ObjectStore<T> {
  const entries = new Map<string, Entry<T>>()
  const listeners = new Set<(change: ObjectChange<T>) => void>()
  const tell = (change: ObjectChange<T>) => {
    for (const listener of listeners) {
      try {
        listener(change)
      } catch (error) {
        logger.error('a listener failed on a changed object', { key: change.key, error })
      }
    }
  }
  const drop = (key: string) => {
    const before = entries.get(key)
    if (before === undefined) return
    entries.delete(key)
    tell({ key, before: before.object, after: undefined })
  }
  const put = (raw: RawObject) => {
    const { uid, resourceVersion } = raw.metadata
    const key = keyOf(raw.metadata)
    if (entries.get(key)?.resourceVersion === resourceVersion) return
    const object = projected(project, raw, logger)
    if (object === undefined) return
    if ((entries.get(key)?.uid ?? uid) !== uid) drop(key)
    const before = entries.get(key)?.object
    entries.set(key, { uid, resourceVersion, object })
    tell({ key, before, after: object })
  }
  return {
    get: (key) => entries.get(key)?.object,
    values: () => valuesOf(entries),
    get size() {
      return entries.size
    },
    subscribe(listener) {
      // A function may subscribe twice; each subscription ends by itself.
      const own = (change: ObjectChange<T>) => listener(change)
      listeners.add(own)
      return () => void listeners.delete(own)
    },
    put,
    remove: (raw) => drop(keyOf(raw.metadata)),
    beginListing: () => beginListing(entries, put, drop),
  }
}

function beginListing<T>(entries: ReadonlyMap<string, Entry<T>>, put: (raw: RawObject) => void, drop: (key: string) => void) {
  const listed = new Set<string>()
  return {
    add(items: readonly RawObject[]) {
      for (const raw of items) {
        listed.add(keyOf(raw.metadata))
        put(raw)
      }
    },
    end() {
      for (const key of [...entries.keys()]) if (!listed.has(key)) drop(key)
    },
  }
}

/** managedFields are often half of an object, and nothing of ours reads them. */
function projected<T>(project: (raw: RawObject) => T, raw: RawObject, logger: Logger): T | undefined {
  const { managedFields: _unread, ...metadata } = raw.metadata as ObjectMeta & { readonly managedFields?: unknown }
  try {
    return project({ ...raw, metadata })
  } catch (error) {
    logger.error('an object could not be read and is left out', { key: keyOf(raw.metadata), error })
    return undefined
  }
}

function* valuesOf<T>(entries: ReadonlyMap<string, Entry<T>>): Generator<T> {
  for (const { object } of entries.values()) yield object
}
