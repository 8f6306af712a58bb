import type { Watched } from '../../src/allocator/knowledge.ts'

/** A collection that a test changes by hand, and that tells its listeners as an informer does. */
export function watchedMap<T>(entries: readonly (readonly [string, T])[] = []) {
  const objects = new Map(entries)
  const listeners = new Set<Parameters<Watched<T>['subscribe']>[0]>()
  return {
    get: (key: string) => objects.get(key),
    values: () => objects.values(),
    subscribe(listener: Parameters<Watched<T>['subscribe']>[0]) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    set(key: string, after: T | undefined): void {
      const before = objects.get(key)
      if (after === undefined) objects.delete(key)
      else objects.set(key, after)
      for (const listener of listeners) listener({ key, before, after })
    },
    listeners,
  }
}
