/** What the webhook knows of the cluster, in the form of its rules: read once per change, not once per review. */
import type { ConfigMapObject, NamespaceObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { type Pool, toPool } from '../policy/pool.ts'
import { DEFAULT_SETTINGS, parseSettings, type Settings } from '../policy/settings.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { ServiceReviewFacts } from './admit/service.ts'

/** The part of an informer that is read here. */
interface Watched<T> {
  get(key: string): T | undefined
  values(): Iterable<T>
  subscribe(listener: (change: { readonly before: T | undefined; readonly after: T | undefined }) => void): () => void
}

export interface FactSources {
  readonly eips: Watched<EipObject>
  readonly namespaces: Watched<Pick<NamespaceObject, 'metadata'>>
  /** ConfigMap `openelb-config` alone. */
  readonly settings: Watched<ConfigMapObject>
  readonly ownNamespace: string
  readonly clock: Clock
  readonly logger: Logger
}

export interface Facts {
  serviceFacts(): ServiceReviewFacts
  /** uids of Eips that were deleted in the last minute. */
  deletedEips(): ReadonlySet<string>
}

/** Longer than any reservation lives. */
const DELETED_MS = 60_000

/** Creates the facts. They are as old as the informers, which start elsewhere. */
export function createFacts(sources: FactSources): Facts {
  const { eips, namespaces, ownNamespace } = sources
  const readSettings = followSettings(sources)
  const deletedEips = followDeletions(sources)
  let pools: readonly Pool[] | undefined
  eips.subscribe(() => {
    pools = undefined
  })
  return {
    serviceFacts: () => {
      pools ??= [...eips.values()].flatMap((eip) => {
        const pool = toPool(eip)
        return pool.ok ? [pool.value] : []
      })
      return {
        settings: readSettings(),
        pools,
        ownNamespace,
        namespaceLabels: (name) => {
          const namespace = namespaces.get(name)
          return namespace === undefined ? undefined : (namespace.metadata.labels ?? {})
        },
      }
    },
    deletedEips,
  }
}

/** A value that cannot be read leaves the settings as they were. */
function followSettings({ settings, logger }: FactSources): () => Settings {
  let current = DEFAULT_SETTINGS
  settings.subscribe(({ after }) => {
    const read = parseSettings(after?.data)
    if (read.ok) current = read.value
    else logger.error('ConfigMap openelb-config is not valid; the settings stay as they were', { why: read.error.message, ...current })
  })
  return () => current
}

function followDeletions({ eips, clock }: FactSources): () => ReadonlySet<string> {
  const deletedAtMs = new Map<string, number>()
  const prune = (): void => {
    for (const [uid, atMs] of deletedAtMs) {
      // In the order of insertion: the first one that is young enough ends the search.
      if (clock.monotonicMs() - atMs < DELETED_MS) break
      deletedAtMs.delete(uid)
    }
  }
  eips.subscribe(({ before, after }) => {
    if (before !== undefined && after === undefined) deletedAtMs.set(before.metadata.uid, clock.monotonicMs())
    prune()
  })
  return () => {
    prune()
    return new Set(deletedAtMs.keys())
  }
}
