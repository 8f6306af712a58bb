/** Read your own writes: what a write returned stands until the watch has delivered it, or something newer. */

/** The part of an object's metadata that orders its versions. */
export interface Versioned {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string }
}

const ONLY_DIGITS = /^\d+$/

/**
 * Whether resource version `a` is newer than `b`. Both must be of one object. Kubernetes 1.35 makes the decimal order official; the etcd
 * revision behind it always had it. Anything but digits counts as newer, so that a watch is never ignored for ever.
 */
export function isNewer(a: string, b: string): boolean {
  if (!ONLY_DIGITS.test(a) || !ONLY_DIGITS.test(b)) return a !== b
  return a.length === b.length ? a > b : a.length > b.length
}

/** The objects that this process wrote and that its watch has not shown yet. */
export interface FreshObjects<T extends Versioned> {
  /** Notes the answer of a write. */
  put(key: string, written: T): void
  /** The newer one of what the watch knows and what was written; undefined when neither is there. */
  latest(key: string, watched: T | undefined): T | undefined
  /** Whether this very version is what we wrote: its event tells us nothing new. */
  isEcho(key: string, watched: T | undefined): boolean
  /** The watch delivered `watched` (undefined: a deletion). Older notes are dropped. */
  watched(key: string, watched: T | undefined): void
  /** The API server says that the object of this uid is gone. */
  drop(key: string, uid: string): void
  /** All notes. */
  values(): readonly T[]
  readonly size: number
}

/** Creates an empty store. Its size is bounded by the writes that the watch has not delivered yet. */
export function createFreshObjects<T extends Versioned>(): FreshObjects<T> {
  const written = new Map<string, T>()
  /** A watch that shows another uid shows a later life of the name: names are taken again only after a deletion. */
  const isStale = (own: T, watched: T): boolean =>
    own.metadata.uid !== watched.metadata.uid || !isNewer(own.metadata.resourceVersion, watched.metadata.resourceVersion)
  return {
    put: (key, object) => {
      written.set(key, object)
    },
    latest(key, watched) {
      const own = written.get(key)
      if (own === undefined) return watched
      return watched !== undefined && isStale(own, watched) ? watched : own
    },
    isEcho(key, watched) {
      const own = written.get(key)
      return (
        own !== undefined &&
        watched !== undefined &&
        own.metadata.uid === watched.metadata.uid &&
        own.metadata.resourceVersion === watched.metadata.resourceVersion
      )
    },
    watched(key, watched) {
      const own = written.get(key)
      if (own !== undefined && (watched === undefined || isStale(own, watched))) written.delete(key)
    },
    drop(key, uid) {
      if (written.get(key)?.metadata.uid === uid) written.delete(key)
    },
    values: () => [...written.values()],
    get size() {
      return written.size
    },
  }
}
