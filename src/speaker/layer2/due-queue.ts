/** Keys that become due, the earliest first; every operation takes O(log n). Times are milliseconds of one clock of the caller. */
export interface DueQueue<Key> {
  /** The key is due at that time, and no longer at another one. */
  set(key: Key, dueMs: number): void
  delete(key: Key): void
  /** Takes up to `most` keys that are due out of the queue. */
  take(nowMs: number, most: number): readonly Key[]
  /** Milliseconds until the next key is due (0 when one is), or undefined when there is none. */
  waitMs(nowMs: number): number | undefined
}

interface Entry<Key> {
  readonly key: Key
  readonly dueMs: number
}

/** Entries that were replaced stay in the heap until they come up; with more of them than this beside the true ones it is built anew. */
const STALE_ALLOWED = 64
const NONE: readonly never[] = []

/** Creates an empty queue: a binary heap, and a map that says which of its entries still counts. */
export function createDueQueue<Key>(): DueQueue<Key> {
  const current = new Map<Key, Entry<Key>>()
  let heap: Entry<Key>[] = []
  const earliest = (): Entry<Key> | undefined => {
    for (let top = heap[0]; top !== undefined; top = heap[0]) {
      if (current.get(top.key) === top) return top
      removeTop(heap)
    }
    return undefined
  }
  return {
    set(key, dueMs) {
      const entry = { key, dueMs }
      current.set(key, entry)
      if (heap.length > 2 * current.size + STALE_ALLOWED) heap = [...current.values()].sort((a, b) => a.dueMs - b.dueMs)
      else insert(heap, entry)
    },
    delete: (key) => void current.delete(key),
    take(nowMs, most) {
      let top = earliest()
      if (top === undefined || top.dueMs > nowMs) return NONE
      const keys: Key[] = []
      for (; top !== undefined && top.dueMs <= nowMs && keys.length < most; top = earliest()) {
        keys.push(top.key)
        current.delete(top.key)
      }
      return keys
    },
    waitMs(nowMs) {
      const top = earliest()
      return top === undefined ? undefined : Math.max(0, top.dueMs - nowMs)
    },
  }
}

function insert<Key>(heap: Entry<Key>[], entry: Entry<Key>): void {
  let at = heap.length
  heap.push(entry)
  while (at > 0) {
    const parentAt = (at - 1) >> 1
    const parent = heap[parentAt]
    if (parent === undefined || parent.dueMs <= entry.dueMs) break
    heap[at] = parent
    at = parentAt
  }
  heap[at] = entry
}

function removeTop<Key>(heap: Entry<Key>[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    const leftAt = 2 * at + 1
    const [left, right] = [heap[leftAt], heap[leftAt + 1]]
    const smallerAt = right !== undefined && left !== undefined && right.dueMs < left.dueMs ? leftAt + 1 : leftAt
    const smaller = heap[smallerAt]
    if (smaller === undefined || smaller.dueMs >= last.dueMs) break
    heap[at] = smaller
    at = smallerAt
  }
  heap[at] = last
}
