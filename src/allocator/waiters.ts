/** Services that were refused an address, and what each of them waits for. No Service is asked again before that happens. */
import type { RefusalCode, Wake } from '../policy/refusal.ts'

/** Something that happened and may be what a Service waits for. */
export type Happening =
  /** An Eip was created, changed in its spec or annotations, or deleted. */
  | { readonly kind: 'pool-changed'; readonly pool: string }
  /** The labels of a Namespace changed, or it appeared. */
  | { readonly kind: 'namespace-changed'; readonly namespace: string }
  /** An address became free. `pools` are the Eips that have it. */
  | { readonly kind: 'released'; readonly address: string; readonly pools: readonly string[] }

export interface Waiters {
  /** Notes that a Service waits. Replaces what it waited for before and puts it at the end of the line. */
  wait(key: string, code: RefusalCode, wakesOn: readonly Wake[]): void
  /** The Service does not wait any more. */
  leave(key: string): void
  /**
   * Takes out of the line those whom this wakes, first come first. A freed address wakes everybody who asked for that very address, and of
   * those who wait for any address of a pool only the first: `next` calls the others one at a time, so a release costs O(1) and not O(line).
   */
  wake(happening: Happening): readonly string[]
  /** Takes the first one who waits for room in this pool out of the line. */
  next(pool: string): string | undefined
  /** The pools for whose room a Service waits. */
  poolsOf(key: string): readonly string[]
  countByCode(): ReadonlyMap<RefusalCode, number>
  readonly size: number
}

interface Waiter {
  readonly code: RefusalCode
  readonly on: readonly string[]
}

const ANY_POOL = 'any-pool'
const ROOM = 'room/'
const roomIn = (pool: string): string => `${ROOM}${pool}`

function keyOf(wake: Wake): string {
  switch (wake.on) {
    case 'pool':
      return `pool/${wake.pool}`
    case 'any-pool':
      return ANY_POOL
    case 'address-released':
      return `address/${wake.address}`
    case 'released-in':
      return roomIn(wake.pool)
    case 'quota':
      return `quota/${wake.pool}/${wake.namespace}`
    case 'service':
      return `service/${wake.service}`
    case 'node':
      return `node/${wake.node}`
    case 'namespace':
      return `namespace/${wake.namespace}`
  }
}

/** Creates an empty line. Sets keep the order in which Services came. */
export function createWaiters(): Waiters {
  const waiters = new Map<string, Waiter>()
  const lines = new Map<string, Set<string>>()

  function leave(key: string): void {
    for (const on of waiters.get(key)?.on ?? []) {
      const line = lines.get(on)
      line?.delete(key)
      if (line?.size === 0) lines.delete(on)
    }
    waiters.delete(key)
  }
  function take(...ons: readonly string[]): readonly string[] {
    const keys = new Set(ons.flatMap((on) => [...(lines.get(on) ?? [])]))
    for (const key of keys) leave(key)
    return [...keys]
  }
  function next(pool: string): string | undefined {
    const [first] = lines.get(roomIn(pool)) ?? []
    if (first !== undefined) leave(first)
    return first
  }

  return {
    wait(key, code, wakesOn) {
      leave(key)
      const on = wakesOn.map(keyOf)
      waiters.set(key, { code, on })
      for (const each of on) {
        const line = lines.get(each)
        if (line === undefined) lines.set(each, new Set([key]))
        else line.add(key)
      }
    },
    leave,
    wake(happening) {
      switch (happening.kind) {
        case 'pool-changed':
          return take(`pool/${happening.pool}`, ANY_POOL)
        case 'namespace-changed':
          return take(`namespace/${happening.namespace}`)
        case 'released':
          return [...take(`address/${happening.address}`), ...happening.pools.flatMap((pool) => next(pool) ?? [])]
      }
    },
    next,
    poolsOf: (key) => (waiters.get(key)?.on ?? []).filter((on) => on.startsWith(ROOM)).map((on) => on.slice(ROOM.length)),
    countByCode: () => countCodes(waiters.values()),
    get size() {
      return waiters.size
    },
  }
}

function countCodes(waiters: Iterable<Waiter>): ReadonlyMap<RefusalCode, number> {
  const counts = new Map<RefusalCode, number>()
  for (const { code } of waiters) counts.set(code, (counts.get(code) ?? 0) + 1)
  return counts
}
