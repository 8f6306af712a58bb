import type { Check } from '../runtime/health.ts'
import { type BrokenInterfaces, createBrokenInterfaces } from './broken-interfaces.ts'
import type { Layer2Health } from './layer2/announcer.ts'

/** Whether this node can serve: as the other speakers are told, as the kubelet asks, and for each interface. */
export interface Readiness {
  /** Takes in the state of the layer 2 thread. Gives true when other interfaces than before are broken. */
  observe(nowMs: number): boolean
  /** Whether this node can answer on the wire. */
  readonly serving: boolean
  readonly isBroken: BrokenInterfaces['has']
  checks(): readonly Check[]
}

interface Options {
  /** Undefined where layer 2 is off. */
  readonly layer2: { health(): Layer2Health } | undefined
  /** Undefined where membership is off. */
  readonly membership: { health(): { readonly problems: readonly string[] } } | undefined
  readonly cluster: { readonly checks: () => readonly Check[] }
  /** The cluster is read, and decisions are made. */
  readonly isStarted: () => boolean
  readonly isLeaving: () => boolean
}

/** How long the layer 2 thread may be away, as while it is started again, before the others are told that this node does not serve. */
const UNSERVED_MS = 1000

/** Creates it. Times are milliseconds of one monotonic clock. */
export function createReadiness({ layer2, membership, cluster, isStarted, isLeaving }: Options): Readiness {
  const broken = createBrokenInterfaces()
  let unservedSinceMs: number | undefined
  let unserved = layer2 === undefined
  return {
    isBroken: broken.has,
    get serving() {
      return isStarted() && !unserved
    },
    observe(nowMs) {
      const health = layer2?.health()
      if (health === undefined) return false
      unservedSinceMs = health.serves ? undefined : (unservedSinceMs ?? nowMs)
      unserved = unservedSinceMs !== undefined && nowMs - unservedSinceMs >= UNSERVED_MS
      return broken.observe(health.serves ? health.brokenInterfaces : new Set(), nowMs)
    },
    checks() {
      const health = layer2?.health()
      const wire = health?.problems ?? []
      const heard = membership?.health().problems ?? []
      return [
        ...cluster.checks(),
        // One broken interface makes its own addresses somebody else's, and not the whole speaker unready.
        { name: 'layer2', ok: health?.serves ?? true, detail: wire.join('; ') },
        { name: 'membership', ok: heard.length === 0, detail: heard.join('; ') },
        { name: 'staying', ok: !isLeaving(), detail: 'the speaker is shutting down' },
      ]
    },
  }
}
