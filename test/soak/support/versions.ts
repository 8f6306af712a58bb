/** Every version of every object of some kinds: a watch that never starts over, so nothing that was there for a moment is missed. */
import type { ApiClient, WatchEvent } from '../../../src/kube/client.ts'
import { listPages } from '../../../src/kube/objects.ts'
import { type Resource, resourcePath } from '../../../src/kube/resources.ts'

/** Called with each version; with `exists` false for the last one. */
export type Learn = (object: unknown, exists: boolean) => void

export interface Versions {
  /** Why versions may be missing; undefined while none is. */
  readonly gap: string | undefined
  close(): Promise<void>
}

const WATCH_MS = 1_800_000

export const learnOf = <T>(resource: Resource, learn: (object: T, exists: boolean) => void): readonly [Resource, Learn] => [
  resource,
  (object, exists) => learn(object as T, exists),
]

/** Tells what exists now, and from then on each change. */
export async function followVersions(client: ApiClient, kinds: readonly (readonly [Resource, Learn])[]): Promise<Versions> {
  const over = new AbortController()
  let gap: string | undefined
  const starts = await Promise.all(kinds.map(([resource, learn]) => readAll(client, resource, learn)))
  const watches = kinds.map(([resource, learn], at) =>
    follow(client, resource, { from: starts[at] ?? '0', learn, signal: over.signal }).catch((error: Error) => {
      if (!over.signal.aborted) gap ??= `the watch of ${resource.plural} ended: ${error.message}`
    }),
  )
  return {
    get gap() {
      return gap
    },
    async close() {
      over.abort()
      await Promise.all(watches)
    },
  }
}

/** Gives the revision that a watch goes on from. */
async function readAll(client: ApiClient, resource: Resource, learn: Learn): Promise<string> {
  let revision = '0'
  for await (const page of listPages(client, resource)) {
    for (const item of page.items) learn(item, true)
    revision = page.resourceVersion
  }
  return revision
}

interface Following {
  readonly from: string
  readonly learn: Learn
  readonly signal: AbortSignal
}

/** Ends only by the signal, or rejects where the API server cannot go on from the last version that was seen. */
async function follow(client: ApiClient, resource: Resource, { from, learn, signal }: Following): Promise<void> {
  let resourceVersion = from
  const onEvent = ({ type, object }: WatchEvent): void => {
    resourceVersion = (object as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion
    if (type !== 'BOOKMARK') learn(object, type !== 'DELETED')
  }
  const path = resourcePath(resource, {})
  while (!signal.aborted)
    await client.watch({ path, query: { resourceVersion }, signal, timeoutMs: WATCH_MS, idleTimeoutMs: WATCH_MS, onEvent })
}
